"""What exchanges ask of the engine and of other processes, as interfaces without imports."""

from typing import Protocol

from palimpsest.exchanges.answer import Answer


class Engine(Protocol):
    """Starts the workflows of requests; each method raises EngineUnavailable but the last."""

    async def start(self, request_id: str, model: str) -> bool:
        """Start the request's workflow; True when it runs in this process."""
        ...

    async def ensure(self, request_id: str, model: str) -> bool:
        """Start the request's workflow unless it runs; False when it has already ended."""
        ...

    async def has_ended(self, request_id: str) -> bool:
        """Whether the request's workflow is over; False when nobody can tell."""
        ...


class AnswerSource(Protocol):
    """Brings the answers that other processes receive."""

    def subscribe(self, request_id: str, answer: Answer) -> None:
        """Write ``answer`` as its bytes come, until it has ended."""
        ...

    def should_poll(self, request_id: str) -> bool:
        """Whether nothing was heard of the request for so long that the database may know more."""
        ...


class CallStopper(Protocol):
    """Reaches the process that calls for a request."""

    async def request_stop(self, request_id: str) -> None:
        """Ask it to stop; the message may be lost."""
        ...
