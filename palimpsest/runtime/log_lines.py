"""What a log line may hold: nothing that a terminal obeys, and a traceback only for a bug."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo

from palimpsest.runtime.errors import PalimpsestError

_KNOWN = ("ClientDisconnect", "BrokenPipeError", "ConnectionResetError", "RetryDue")
_DEEPEST = 10


def escape(text: str, *, keep: str = "") -> str:
    """The text with all that is not printed as itself escaped: control characters, escape
    sequences, line breaks, marks that turn the direction; ``keep``: characters that stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _escaped(char) for char in text)


def escape_values(_logger: object, _method: str, line: EventDict) -> EventDict:
    """A structlog processor for lines that a terminal shows: values may come from anybody."""
    return {
        escape(str(name)): value if name == "exc_info" else _plain(value)
        for name, value in line.items()
    }


def escaped_traceback(out: Any, exc_info: ExcInfo) -> None:
    """Write a traceback, whose messages may come from anybody, without the frames' locals."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write(escape(text.getvalue(), keep="\n"))


class KnownErrors(logging.Filter):
    """Takes the traceback off the lines of libraries about what is no bug: an error of ours, a
    client that left."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        known = next((one for one in _chain(error) if _is_known(one)), None)
        if known is not None:
            what = record.getMessage().partition("\n")[0].partition(" ({")[0]
            record.msg, record.args = f"{what}: {str(known) or type(known).__name__}", ()
            record.exc_info = record.exc_text = None
        return True


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from; nothing behind one that nobody foresaw."""
    for _ in range(_DEEPEST):
        if error is None or type(error) is PalimpsestError:
            return
        yield error
        error = error.__cause__ or error.__context__


def _is_known(error: BaseException) -> bool:
    return isinstance(error, PalimpsestError) or type(error).__name__ in _KNOWN


def _plain(value: object) -> object:
    if isinstance(value, str):
        return escape(value)
    return value if isinstance(value, (bool, int, float)) else escape(repr(value))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
