"""The request's target as it came: path and query string, not decoded."""

import re

from starlette.types import Scope

# Clients send such bytes, and servers take them, but they are no valid HTTP.
_BEYOND_ASCII = re.compile(rb"[^\x21-\x7e]")


def target_of(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    target = path + b"?" + query if query else path
    return target if target.isascii() else _BEYOND_ASCII.sub(_percent, target)


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found.group()[0]
