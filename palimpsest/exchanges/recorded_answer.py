"""A recorded answer, given again byte for byte."""

from collections.abc import Iterable

from palimpsest.exchanges.answer import Answer, AnswerHead
from palimpsest.providers.headers import RawHeaders
from palimpsest.store.postgres.database import Row


def replay(answer: Answer, row: Row, content: bytes) -> None:
    """Write a request's recorded answer, from its row and the provider's bytes, or what the
    answer lacks of it."""
    if answer.head is None:
        answer.begin(AnswerHead(row["status"], recorded_headers(row)))
    if rest := content[answer.size :]:
        answer.write(rest)
    answer.end()


def recorded_headers(row: Row) -> RawHeaders:
    """The answer's headers as they were recorded."""
    return recorded_pairs(row["response_headers"] or ())


def recorded_pairs(pairs: Iterable[tuple[str, str]]) -> RawHeaders:
    """Headers from their record: a secret among them was taken out and is left out."""
    return tuple(
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in pairs
        if value != "[redacted]"
    )
