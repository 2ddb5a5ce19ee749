"""Plans an epoch: what is cut so that the prompt has room again, and the account of the cut."""

from dataclasses import dataclass

from palimpsest.context.draft import Draft
from palimpsest.context.history import History
from palimpsest.context.manifest import (
    Account,
    Note,
    Request,
    manifest,
)
from palimpsest.context.protection import protected
from palimpsest.context.speech import Speech
from palimpsest.context.steps import (
    LOSSLESS,
    LOSSY,
    CutRules,
    Scorer,
    by_recency,
)
from palimpsest.context.tool_exchanges import Call
from palimpsest.dialects.model import Role

_LEAST_MANIFEST = 400
_MOST_MANIFEST = 15_000
_WORTH_FILLING = 0.03
# Of the way from the target to the limit, what an epoch may leave filled.
_ENOUGH = 0.2


@dataclass(frozen=True, slots=True)
class Policy:
    """How an epoch prunes. Shares: docs/adr/0021.

    keep: how many of the newest tool exchanges stay whole
    target: tokens of the prompt that it prunes to; None: by ``target_share``
    target_share: part of what the limit leaves beside system and tools
    manifest_share: part of the target for the account of the cut
    whole_share: part of the room for old tool exchanges that goes to those kept whole
    thrift: prune before the limit too, where that is cheaper
    cold_share: part of the limit below which it does not, with a cold cache
    warm_share: the same with a warm cache
    scorer: how much each old tool exchange is worth
    """

    keep: int = 10
    target: int | None = None
    target_share: float = 0.17
    manifest_share: float = 0.15
    whole_share: float = 0.9
    thrift: bool = True
    cold_share: float = 0.25
    warm_share: float = 0.6
    scorer: Scorer = by_recency


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens for all messages, before the model's ratio.

    limit: the most there may be
    target: what an epoch aims at
    """

    limit: int
    target: int


def draft(history: History, room: Room, policy: Policy, bound: int | None) -> Draft | None:
    """The decisions that make room, or None when nothing can be taken; ``bound`` as a Draft's."""
    words = round(room.target * policy.manifest_share)
    words = max(_LEAST_MANIFEST, min(words, _MOST_MANIFEST))
    keep, made = _cut_sparingly(history, room, policy, words, bound)
    made = _with_account(made, words)
    # How long the account of the cut gets is known when it is written: what it leaves of its share
    # goes to what is kept.
    spare = room.target - made.total
    if made.changed and spare >= _WORTH_FILLING * room.target:
        wider = Room(room.limit, room.target + spare)
        fuller = _with_account(_cut(history, wider, policy, keep, words, bound), words)
        made = fuller if fuller.changed and fuller.total <= room.target else made
    return made if made.changed and made.total < sum(history.tokens) else None


def _cut_sparingly(
    history: History, room: Room, policy: Policy, words: int, bound: int | None
) -> tuple[int, Draft]:
    """The cut, and how many of the newest exchanges it spares: fewer where these alone are too
    large, unless that gains nothing."""
    enough = room.target + round((room.limit - room.target) * _ENOUGH) - words
    found: list[tuple[int, Draft]] = []
    for keep in _keep_counts(policy.keep):
        found.append((keep, _cut(history, room, policy, keep, words, bound)))
        if found[-1][1].total <= enough:
            break
    return min(found, key=lambda pair: pair[1].total)


def _keep_counts(keep: int) -> list[int]:
    """10, 5, 2, 1 for 10."""
    found = [keep]
    while found[-1] > 1:
        found.append(found[-1] // 2)
    return found


def _cut(
    history: History, room: Room, policy: Policy, keep: int, words: int, bound: int | None
) -> Draft:
    """What goes; the account of it may have so many ``words``, in tokens."""
    made = Draft(history, bound)
    rules = CutRules(
        guarded=frozenset(protected(history.tool_exchanges, keep)),
        newest=max(0, len(history.raw) - 2 * keep),
        whole_share=policy.whole_share,
        scorer=policy.scorer,
    )
    for steps, target in ((LOSSLESS, room.target), (LOSSY, room.target - words)):
        for step in steps:
            if made.total <= room.target:
                return made
            step(made, target, rules)
    return made


def _with_account(made: Draft, words: int) -> Draft:
    """The draft with the account of what was cut, where the newest of the cut was."""
    account = _account(made)
    place = _place(made) if account.calls or account.notes else None
    if place is not None:
        made.append(place, made.history.dialect.text_block(manifest(account, words)))
    return made


def _place(made: Draft) -> int | None:
    """The user's last message that is left, up to the newest change."""
    newest = max(made.changed)
    messages = made.history.messages
    return next(
        (p for p in range(newest, -1, -1) if messages[p].role is Role.USER and not made.dropped(p)),
        None,
    )


def _account(made: Draft) -> Account:
    history = made.history
    stubs: dict[str, str] = {}
    calls: list[Call] = []
    for exchange in history.tool_exchanges:
        for call in exchange.calls:
            said = made.stub(call.result_position, call.result_block)
            if said is not None:
                stubs[call.id] = said
            if said is not None or made.dropped(exchange.position):
                calls.append(call)
    requests = tuple(
        Request(position, text)
        for position in range(len(history.raw))
        for _, text, kind in history.spoken(position)
        if kind is Speech.HUMAN
    )
    notes = tuple(
        Note(position, block.text())
        for position, message in enumerate(history.messages)
        if message.role is Role.ASSISTANT and made.dropped(position)
        for block in message.blocks
        if block.text()
    )
    return Account(calls=calls, requests=requests, notes=notes, stubs=stubs)
