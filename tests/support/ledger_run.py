"""A conversation led through the rewrite ledger, checked at every request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from harness.eval.client import Client, encode, frame
from harness.eval.epoch_ledger import EpochBook, rewrite_request
from harness.eval.judge import Judge, common
from harness.eval.messages import Message
from harness.eval.meter import Meter
from harness.eval.signer import Signer
from harness.simulator.shape import blocks
from palimpsest.context.model import (
    Cause,
    Injection,
    decode,
)
from palimpsest.context.model import encode as stored
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions
from palimpsest.context.speech import newest_turn
from palimpsest.dialects.anthropic.blocks import text_block
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.model import RequestView
from palimpsest.dialects.tokenizer import text_tokens

LONG_TEXT = 4_000
HEAD = 1_000
_AGAIN, _PLANNED_TWICE = 6, 2
_TAG = b"<palimpsest-memory>"


@dataclass(frozen=True)
class Request:
    """What was asked, what it met, and what was sent for it."""

    view: RequestView
    situation: Conditions
    sent: tuple[bytes, ...]
    is_new: bool
    recall: Injection | None


@dataclass
class Run:
    """The ledger over one conversation at one limit. ``recalling``: something is recalled for every
    turn of a person. ``stable`` are the prefix shares of its requests; ``epochs`` counts those
    that pruned, ``over`` requests above the limit."""

    limit: int
    model: str
    thinking: str = "adaptive"
    policy: Policy = field(default_factory=Policy)
    recalling: bool = False
    book: EpochBook = field(default_factory=EpochBook)
    stable: list[float] = field(default_factory=list[float])
    epochs: int = 0
    recalls: int = 0
    breaks: int = 0
    over: int = 0
    peak: int = 0

    def lead(self, messages: Sequence[Message], idle: Sequence[float] = ()) -> None:
        """Every reply's request in turn; then some of them again, with the ledger read back."""
        info = lookup(self.model)
        request = frame(self.model, thinking=self.thinking)
        client, signer = Client(request), Signer()
        judge = Judge(request, signer.seal, info.image_tokens)
        meter = Meter(request, info, 0)
        human: list[bytes] = []
        requests: list[Request] = []
        before: tuple[bytes, ...] = ()
        vain = 0
        for position, message in enumerate(messages):
            if message["role"] == "assistant" and position:
                asked = client.messages()
                view = parse(client.body(asked))
                waited = idle[position - 1] if idle else 1.0
                situation = Conditions(info, self.limit, info.ratio, waited, vain=vain)
                unrecorded = dict(self.book)
                recall = _recall(view) if self.recalling else None
                outcome = rewrite_request(view, self.book, situation, self.policy, recall)
                sent, vain = outcome.messages, outcome.tokens if outcome.vain else vain
                assert judge.check(sent), f"message {position}: {judge.problem}"
                if outcome.is_new and outcome.epoch and outcome.epoch.cause is Cause.INJECTION:
                    self.recalls += 1
                elif outcome.is_new:
                    self.epochs += 1
                    assert not _lost(human, sent), f"message {position}"
                    if self.epochs <= _PLANNED_TWICE:
                        again = rewrite_request(view, unrecorded, situation, self.policy, recall)
                        assert again.messages == sent
                        assert unrecorded == self.book
                else:
                    tail = len(sent) - common(before, sent)
                    pairs = zip(sent[len(sent) - tail :], asked[len(asked) - tail :], strict=True)
                    # A recalled block comes with its message, however the client sends that.
                    assert all(seen == came or _TAG in seen for seen, came in pairs)
                meter.take(sent, 0.0)
                self.over += outcome.tokens > self.limit
                requests.append(Request(view, situation, sent, outcome.is_new, recall))
                before = sent
                message = signer.reply(message, judge.binder)
            elif message["role"] != "assistant":
                human += _human(message)
            client.append(message)
        self.stable, self.breaks, self.peak = meter.stable, meter.breaks, meter.peak
        self._again(requests)

    def _again(self, requests: list[Request]) -> None:
        """In another order, from the stored epochs: the same bytes, and no new epoch."""
        book = {name: decode(stored(epoch)) for name, epoch in self.book.items()}
        chosen = [request for request in requests if request.is_new]
        chosen += Random(len(requests)).sample(requests, min(_AGAIN, len(requests)))
        for request in reversed(chosen):
            again = rewrite_request(
                request.view, book, request.situation, self.policy, request.recall
            )
            assert again.messages == request.sent
        assert book == self.book

    @property
    def stability(self) -> float:
        """The mean share; 1 of a single request."""
        return sum(self.stable) / len(self.stable) if self.stable else 1.0


def _recall(view: RequestView) -> Injection | None:
    """About a hundred tokens for a turn of a person."""
    turn = newest_turn(view)
    if turn is None:
        return None
    words = " ".join(f"known{turn.position}x{number}" for number in range(20))
    block = text_block(f"{_TAG.decode()}{words}</palimpsest-memory>")
    return Injection(turn.position, block, text_tokens(words), (), "hit")


def _human(message: Message) -> list[bytes]:
    """What must survive of a message of the user or the system: its texts outside the client's
    tags, as they are in JSON; of a very long one its head."""
    texts = [str(b["text"]) for b in blocks(message["content"]) if b.get("type") == "text"]
    return [_inner(text) for text in texts if not text.lstrip().startswith("<")]


def _inner(text: str) -> bytes:
    kept: Any = text if text_tokens(text) <= LONG_TEXT else text[:HEAD]
    return encode(kept)[1:-1]


def _lost(human: Sequence[bytes], sent: Sequence[bytes]) -> list[bytes]:
    text = b"\n".join(sent)
    return [words for words in human if words not in text]
