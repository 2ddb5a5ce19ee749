"""Our errors as Temporal failures: an interceptor around every activity."""

from datetime import timedelta
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from palimpsest.forwarding.retry import RetryDue
from palimpsest.runtime.errors import PalimpsestError


class FailureInterceptor(Interceptor):
    """Translates what activities raise. A PalimpsestError becomes a failure that the workflow can
    turn back into a status, tried again only if that can help; RetryDue one with another attempt
    to come, at the time that it names."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Translator(super().intercept_activity(next))


class _Translator(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except RetryDue as due:
            raise ApplicationError(
                str(due), type="RetryDue", next_retry_delay=timedelta(seconds=due.delay)
            ) from due
        except PalimpsestError as error:
            raise ApplicationError(
                str(error),
                error.status,
                error.kind,
                type=type(error).__name__,
                non_retryable=not error.retryable,
            ) from error
