"""Why a body is not JSON, in the words of the API: what, then line, column and character."""

import re

_POSITION = re.compile(r" ?\(byte (\d+)\)$")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:(\\u[dD][c-fC-F][0-9a-fA-F]{2})|())"
    rb"|u[dD][c-fC-F][0-9a-fA-F]{2}()|.)",
    re.DOTALL,
)


def describe(body: bytes, error: Exception) -> str:
    """One line for ``error``, which a decoder raised for ``body``."""
    if isinstance(error, UnicodeDecodeError) or not _is_text(body):
        return "str is not valid UTF-8: surrogates not allowed" + _where(body, _bad_byte(body))
    position = _POSITION.search(str(error))
    at = int(position.group(1)) if position else len(body)
    for escape in _ESCAPE.finditer(body, 0, at):
        if escape.group(2) is not None:
            return "no low surrogate in string" + _where(body, escape.end())
        if escape.group(3) is not None:
            return "unexpected low surrogate in string" + _where(body, escape.start())
    if position is None:
        return "unexpected end of data" + _where(body, at)
    reason = str(error)[: position.start()].removeprefix("JSON is malformed: ")
    return reason + _where(body, at)


def _is_text(body: bytes) -> bool:
    return _bad_byte(body) == len(body)


def _bad_byte(body: bytes) -> int:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(body)


def _where(body: bytes, at: int) -> str:
    before = body[:at].decode(errors="replace")
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return f": line {line} column {column} (char {len(before)})"
