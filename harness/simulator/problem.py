"""What the API answers instead of a message: a status, a type and a text."""

from typing import ClassVar

import msgspec


class Problem(Exception):
    """An error of the Messages API. ``status`` is the HTTP status, ``type`` the API's word."""

    TYPES: ClassVar[dict[int, str]] = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        405: "invalid_request_error",
        413: "request_too_large",
        429: "rate_limit_error",
        500: "api_error",
        502: "api_error",
        503: "api_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
    TEXTS: ClassVar[dict[int, str]] = {
        401: "invalid x-api-key",
        429: "This request would exceed your organization's rate limit.",
        500: "Internal server error",
        502: "Bad gateway",
        503: "Service unavailable",
        504: "Request timed out",
        529: "Overloaded",
    }

    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.type = self.TYPES.get(status, "api_error")
        self.message = message if message is not None else self.TEXTS.get(status, "Error")
        super().__init__(f"{status} {self.type}: {self.message}")

    def body(self, request_id: str) -> bytes:
        """The error document, as the API sends it."""
        return error_document(self.type, self.message, request_id)


def error_document(kind: str, message: str, request_id: str) -> bytes:
    """``{"type":"error","error":{...},"request_id":...}``, also the data of an ``error`` event."""
    return msgspec.json.encode(
        {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    )


def invalid(message: str) -> Problem:
    """A 400 ``invalid_request_error``."""
    return Problem(400, message)
