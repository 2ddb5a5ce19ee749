"""One prune to a target, at several points of a session: what is kept of what is needed later.

The prompt is the messages alone, without system and tools. *Plain recency* keeps the user's own
words and as many of the newest messages as the target holds; where thinking is bound to what came
before, it goes in both.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from harness.eval.client import (
    Client,
    encode,
    frame,
    plain,
)
from harness.eval.epoch_ledger import rewrite_request
from harness.eval.messages import (
    Message,
    is_spoken,
    results,
    without_thinking,
)
from harness.eval.needles import Needle, NeedlePlace
from harness.eval.needs import Needs
from harness.eval.profiles import Profile
from harness.eval.replay import NeedleCounts, find_needles
from harness.eval.sessions import Half, Session
from harness.eval.sized_message import size_message
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, RewriteOutcome
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.model import ModelInfo

TARGETS = (40_000, 60_000, 80_000)
_POINTS = 4
_LEAST = 1.3
_LAST = 0.95


class Prune(msgspec.Struct, frozen=True, kw_only=True):
    """A prune at one point: results needed, and those of them still whole, by the ledger and by
    recency; tokens before and after; needles before the point found afterwards."""

    session: str
    half: Half
    profile: str
    target: int
    position: int
    needed: int
    kept: int
    kept_by_recency: int
    tokens_before: int
    tokens: int
    needles: NeedleCounts
    cut_needles: NeedleCounts


def measure_prunes(
    session: Session, needles: Sequence[Needle], profile: Profile
) -> Iterator[Prune]:
    """Every prune of a session."""
    needs = Needs.from_session(session)
    info = profile.info(session.model)
    sizes = [_size(turn.message, info) for turn in session.turns]
    for target in TARGETS:
        for position in choose_points(session, sizes, target):
            needed = needs.needed_at(position)
            done = _rewritten(session, position, target, info)
            kept = _whole(session, done.messages, info)
            placed = [needle for needle in needles if needle.position < position]
            cut = [needle for needle in placed if _is_cut(session, needle, kept)]
            yield Prune(
                session=session.id,
                half=session.half,
                profile=profile.name,
                target=target,
                position=position,
                needed=len(needed),
                kept=len(needed & kept),
                kept_by_recency=len(needed & _recent(session, sizes, position, target, info)),
                tokens_before=done.tokens_before,
                tokens=done.tokens,
                needles=find_needles(placed, done.messages),
                cut_needles=find_needles(cut, done.messages),
            )


def choose_points(session: Session, sizes: Sequence[float], target: int) -> list[int]:
    """Replies before which the prompt is well above the target, spread evenly."""
    if not session.calls:
        return []
    last = session.calls[round((len(session.calls) - 1) * _LAST)]
    before = [0.0, *accumulate(sizes)]
    large = [at for at in session.calls if at <= last and before[at] > _LEAST * target]
    step = max(1, len(large) // _POINTS)
    return large[step // 2 :: step][:_POINTS]


def _size(message: Message, info: ModelInfo) -> float:
    return size_message(encode(plain(message)), info.image_tokens).tokens * info.ratio


def _rewritten(session: Session, position: int, target: int, info: ModelInfo) -> RewriteOutcome:
    client = Client(frame(info.name))
    for turn in session.turns[:position]:
        client.append(turn.message)
    view = parse(client.body(client.messages()))
    return rewrite_request(view, {}, Conditions(info, target, info.ratio), Policy(target=target))


def _whole(session: Session, sent: Sequence[bytes], info: ModelInfo) -> set[str]:
    """The ids of the results that are sent with the content they came with."""
    came = {b["tool_use_id"]: b for turn in session.turns for b in results(turn.message)}
    found = (b for raw in sent for b in results(size_message(raw, info.image_tokens).value))
    return {
        block["tool_use_id"]
        for block in found
        if block.get("content") == came[block["tool_use_id"]].get("content")
    }


def _recent(
    session: Session, sizes: Sequence[float], position: int, target: int, info: ModelInfo
) -> set[str]:
    """The ids of the results that plain recency keeps."""
    kept: set[str] = set()
    messages = [turn.message for turn in session.turns[:position]]
    spoken = (size for m, size in zip(messages, sizes, strict=False) if is_spoken(m))
    left = target - sum(spoken)
    for message, size in reversed(list(zip(messages, sizes, strict=False))):
        if is_spoken(message):
            continue
        bare = without_thinking(message) if info.preserved_thinking else message
        left -= (size if bare is message else _size(bare, info)) if bare else 0
        if left < 0:
            break
        kept |= {block["tool_use_id"] for block in results(message)}
    return kept


def _is_cut(session: Session, needle: Needle, kept: set[str]) -> bool:
    """Whether the result that it was planted in is not sent whole."""
    own = {block["tool_use_id"] for block in results(session.turns[needle.position].message)}
    return needle.where is NeedlePlace.TOOL and not own <= kept
