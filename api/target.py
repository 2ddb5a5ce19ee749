"""The request's target as it came: path and query string, not decoded."""

from starlette.types import Scope


def target_of(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path
