"""Our errors as Temporal failures."""

from datetime import timedelta

from temporalio.exceptions import ApplicationError

from palimpsest.forwarding.retry import RetryDue
from palimpsest.runtime.errors import PalimpsestError


def failure(error: PalimpsestError) -> ApplicationError:
    """A failure the workflow can turn back into a status; tried again only if that can help."""
    return ApplicationError(
        str(error),
        error.status,
        error.kind,
        type=type(error).__name__,
        non_retryable=not error.retryable,
    )


def final(error: PalimpsestError) -> ApplicationError:
    """A failure that is over: whatever could be tried has been."""
    return ApplicationError(
        str(error), error.status, error.kind, type=type(error).__name__, non_retryable=True
    )


def retry(due: RetryDue) -> ApplicationError:
    """A failed attempt with another one to come, at the time the attempt chose."""
    return ApplicationError(
        str(due), type="RetryDue", next_retry_delay=timedelta(seconds=due.delay)
    )
