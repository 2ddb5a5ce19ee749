"""Structured logs: console on a terminal, else JSON; the request's ids come from contextvars."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

from palimpsest.runtime.log_lines import KnownErrors, escape_values, escaped_traceback


def configure(fmt: Literal["auto", "console", "json"], level: str) -> None:
    """Send every log line of this process, libraries' too, through structlog to stderr."""
    console = fmt == "console" or (fmt == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # The usual traceback shows the locals of each frame, credentials among them.
    shown = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=escaped_traceback
    )
    last: list[Processor] = (
        [escape_values, shown]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(KnownErrors())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("alembic", "httpx", "httpcore", "temporalio", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
