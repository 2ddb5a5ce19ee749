"""A log line is one line that no terminal obeys; a traceback means a bug."""

import io
import logging
import subprocess
import sys
from typing import Any

import pytest
import structlog

from palimpsest.forwarding.retry import RetryDue
from palimpsest.runtime.errors import PalimpsestError, UpstreamUnreachable, unforeseen
from palimpsest.runtime.log_lines import KnownErrors, escape, escape_values, escaped_traceback

ODD = "a\x1b[2Jb\nc\rd\x00e\u202ef\u2028g\x9bh\ud800"


@pytest.mark.parametrize("value", [ODD, [ODD], {ODD: 1}, ODD.encode(errors="replace")])
def test_no_value_is_obeyed(value: Any) -> None:
    line = escape_values(None, "", {"event": ODD, ODD: value})
    shown = structlog.dev.ConsoleRenderer(colors=False)(None, "", line)
    assert str(shown).isprintable()
    assert str(shown).encode()


def test_plain_words_stay_as_they_are() -> None:
    assert escape("Größe 漢字 😀 /v1/messages?x=1") == "Größe 漢字 😀 /v1/messages?x=1"
    assert escape("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def logged(error: BaseException, cause: BaseException | None = None) -> logging.LogRecord:
    try:
        raise error from cause
    except type(error):
        record = logging.LogRecord("l", 40, "", 1, "It %s", ("failed ({1: 2})",), sys.exc_info())
    assert KnownErrors().filter(record)
    return record


@pytest.mark.parametrize("known", [UpstreamUnreachable("nobody"), RetryDue("nobody", 1)])
def test_what_is_known_is_one_line(known: Exception) -> None:
    for record in (logged(known), logged(RuntimeError("already started"), known)):
        assert (record.getMessage(), record.exc_info) == ("It failed: nobody", None)


@pytest.mark.parametrize("bug", [KeyError("x"), unforeseen(KeyError("x")), PalimpsestError("x")])
def test_a_bug_has_its_traceback(bug: Exception) -> None:
    assert logged(bug).exc_info


def test_a_traceback_is_not_obeyed_either() -> None:
    out = io.StringIO()
    try:
        int(ODD)
    except ValueError as error:
        escaped_traceback(out, (ValueError, error, error.__traceback__))
    assert "Traceback" in out.getvalue()
    assert all(line.isprintable() for line in out.getvalue().split("\n"))


def test_the_console_of_a_process() -> None:
    code = (
        "import structlog; from palimpsest.runtime.logging import configure;"
        f"configure('console', 'info'); structlog.stdlib.get_logger().info({ODD!r}, x={ODD!r})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.strip().isprintable()
