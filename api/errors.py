"""Our errors as HTTP, in the API's own shape, so that every client can read them."""

import msgspec
from fastapi.responses import Response

from palimpsest.runtime.errors import PalimpsestError


def error_body(error: PalimpsestError, request_id: str) -> bytes:
    """`{"type":"error","error":{"type":…,"message":…},"request_id":…}`."""
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {"type": error.kind, "message": str(error)},
            "request_id": request_id,
        }
    )


def error_event(body: bytes) -> bytes:
    """An SSE `error` event around an error body; line ends would end the event early."""
    return b"event: error\ndata: " + b" ".join(body.splitlines()) + b"\n\n"


def error_response(error: PalimpsestError, request_id: str) -> Response:
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return Response(
        error_body(error, request_id),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )
