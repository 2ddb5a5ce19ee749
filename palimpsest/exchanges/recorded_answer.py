"""A recorded answer, given again byte for byte."""

from collections.abc import Iterable

from palimpsest.exchanges.answer import Answer, AnswerHead
from palimpsest.exchanges.model import RecordedAnswer, RequestRecord
from palimpsest.providers.headers import RawHeaders
from palimpsest.providers.records import REDACTED


def replay(answer: Answer, recorded: RecordedAnswer) -> None:
    """Write a recorded answer, or what the answer lacks of it."""
    if answer.head is None:
        status = recorded.request.status or 0
        answer.begin(AnswerHead(status, recorded_headers(recorded.request)))
    if rest := recorded.content[answer.size :]:
        answer.write(rest)
    answer.end()


def recorded_headers(record: RequestRecord) -> RawHeaders:
    """The answer's headers as they were recorded."""
    return recorded_pairs(record.response_headers or ())


def recorded_pairs(pairs: Iterable[tuple[str, str]]) -> RawHeaders:
    """Headers from their record: a value that was not written down is left out."""
    return tuple(
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in pairs
        if value != REDACTED
    )
