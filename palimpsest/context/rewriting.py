"""What the model will see of a request: recorded decisions carried out, and new ones when due.

Below pressure a request passes as it came. An *epoch* begins when the budget would be exceeded; or
before that, when the provider's cache is cold anyway, or when a smaller prompt pays for itself over
the calls that are to be expected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from palimpsest.context.draft import Draft
from palimpsest.context.economics import pays_cold, pays_warm
from palimpsest.context.history import History
from palimpsest.context.model import Cause, Epoch, Recall
from palimpsest.context.planner import Policy, Room, draft
from palimpsest.context.render import apply_epoch
from palimpsest.dialects.model import ModelInfo, RequestView
from palimpsest.runtime.hash_chain import Hash

_LEAST_GAIN = 0.1
_LEAST_ROOM = 500
_MORE = 1.03


@dataclass(frozen=True, slots=True)
class Situation:
    """``limit`` in tokens; ``ratio``: the model's tokens per estimated one; ``idle``: seconds since
    the conversation's last request, None when unknown; ``ttl``: seconds that the client's cache
    markers hold; ``escape``: thinking that is bound to what was changed may be left to the API;
    ``vain``: the size at which a plan was last made in vain, since another one that need not be
    may wait until there is more to take."""

    info: ModelInfo
    limit: int
    ratio: float
    idle: float | None = None
    ttl: float = 300.0
    escape: bool = False
    vain: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """``messages`` are what is sent; ``tokens`` their prompt's size, ``tokens_before`` that of the
    client's own, both as the model counts them, roughly; ``counted`` is before the ratio;
    ``vain``: an epoch was due, and none was worth making."""

    epoch: Epoch | None
    is_new: bool
    messages: tuple[bytes, ...] = field(repr=False)
    tokens_before: int
    tokens: int
    counted: int
    vain: bool = False


def replay(view: RequestView, epoch: Epoch | None, ratio: float) -> Outcome:
    """The recorded decisions alone."""
    messages = apply_epoch(view, epoch)
    before = view.dialect.prompt_tokens(view).total
    counted = (
        view.dialect.prompt_tokens(replace(view, messages=messages)).total if epoch else before
    )
    return Outcome(epoch, False, messages, round(before * ratio), round(counted * ratio), counted)


def rewrite(
    view: RequestView,
    chain: Sequence[Hash],
    recorded: Epoch | None,
    situation: Situation,
    policy: Policy,
    recall: Recall | None = None,
) -> Outcome:
    """The recorded decisions, or a new epoch where one is due and possible, or where something is
    recalled for the newest message. ``chain`` is the lineage of the view's messages, ``recorded``
    the deepest epoch along it."""
    now = replay(view, recorded, situation.ratio)
    if recall:
        told = _recalling(chain, now, recall, situation.ratio)
        now = replace(replay(view, told, situation.ratio), is_new=True)
    cause = due(now, situation, policy)
    if cause is None or not _pays(cause, view, now, _aim(view, situation, policy), situation):
        return now
    epoch = plan(view, chain, now, cause, situation, policy)
    if epoch is None:
        return replace(now, vain=True)
    new = replay(view, epoch, situation.ratio)
    return replace(new, is_new=True)


def due(now: Outcome, situation: Situation, policy: Policy) -> Cause | None:
    """Why an epoch should begin now, if it should."""
    if now.tokens > situation.limit:
        return Cause.PRESSURE
    if not policy.thrift or now.tokens < situation.vain * _MORE:
        return None
    cold = situation.idle is not None and situation.idle > situation.ttl
    if cold and now.tokens > policy.cold_share * situation.limit:
        return Cause.COLD
    return Cause.ECONOMY if now.tokens > policy.warm_share * situation.limit else None


def plan(
    view: RequestView,
    chain: Sequence[Hash],
    now: Outcome,
    cause: Cause,
    situation: Situation,
    policy: Policy,
) -> Epoch | None:
    """A new epoch; None where it would not gain enough to be worth a rewrite."""
    fixed = _fixed(view)
    recalled = now.epoch.recalled if now.epoch else ()
    newest = len(view.messages) - 2 * policy.keep
    room = _room(fixed + _tokens(_carried(recalled, 0, newest)), situation, policy)
    bound = situation.info.preserved_thinking and not situation.escape
    changed = _first_change(now, view) if bound else None
    made = draft(History(view, situation.info.image_tokens), room, policy, changed)
    if made is None:
        return None
    carried = _carried(recalled, min(made.changed), newest)
    after = round((made.total + _tokens(carried) + fixed) * situation.ratio)
    gain = now.tokens - after
    if gain < _LEAST_GAIN * situation.limit:
        return None
    if not _pays(cause, view, now, after, situation):
        return None
    return _epoch(chain, now, cause, made, after, situation, carried)


def _first_change(now: Outcome, view: RequestView) -> int:
    """Thinking from there on was made for what was sent then: what is sent now may be as the client
    said it, and without what was recalled."""
    decisions = now.epoch.decisions if now.epoch else ()
    return decisions[0].position if decisions else len(view.messages)


def _carried(recalled: Sequence[Recall], changed: int, newest: int) -> tuple[Recall, ...]:
    """What a pruning epoch keeps of what was recalled: the last one, those among the newest
    messages, and those before its first change, to which thinking is bound that stays."""
    return tuple(
        recall
        for recall in recalled
        if recall.position < changed or recall.position >= newest or recall is recalled[-1]
    )


def _tokens(recalled: Sequence[Recall]) -> int:
    return sum(recall.tokens for recall in recalled)


def _recalling(chain: Sequence[Hash], now: Outcome, recall: Recall, ratio: float) -> Epoch:
    """The epoch that only adds what was recalled to the one before it."""
    before = now.epoch
    added = round(recall.tokens * ratio)
    return Epoch(
        chain=chain[-1],
        depth=len(chain),
        cause=Cause.RECALL,
        number=before.number if before else 0,
        tokens_before=now.tokens,
        tokens_after=now.tokens + added,
        escape=before.escape if before else False,
        decisions=before.decisions if before else (),
        recalled=(*before.recalled, recall) if before else (recall,),
        cut=before.pruned_depth() if before else 0,
    )


def _pays(cause: Cause, view: RequestView, now: Outcome, after: int, situation: Situation) -> bool:
    """Whether an epoch that need not be is cheaper than none. As many calls are expected to come
    as there were since the last one: nothing better is known of how long a conversation lasts."""
    if cause is Cause.PRESSURE:
        return True
    if cause is Cause.COLD:
        return pays_cold(now.tokens, after)
    since = len(view.messages) - (now.epoch.pruned_depth() if now.epoch else 0)
    return pays_warm(now.tokens, after, since // 2, situation.ttl)


def _epoch(
    chain: Sequence[Hash],
    now: Outcome,
    cause: Cause,
    made: Draft,
    after: int,
    situation: Situation,
    carried: tuple[Recall, ...],
) -> Epoch:
    return Epoch(
        chain=chain[-1],
        depth=len(chain),
        cause=cause,
        number=now.epoch.number + 1 if now.epoch else 1,
        tokens_before=now.tokens,
        tokens_after=after,
        escape=situation.escape and situation.info.preserved_thinking,
        decisions=made.decisions(),
        recalled=carried,
    )


def _fixed(view: RequestView) -> int:
    sizes = view.dialect.prompt_tokens(view)
    return sizes.system + sizes.tools


def _aim(view: RequestView, situation: Situation, policy: Policy) -> int:
    """What the prompt would have after an epoch, in the model's tokens."""
    fixed = _fixed(view)
    return round((_room(fixed, situation, policy).target + fixed) * situation.ratio)


def _room(fixed: int, situation: Situation, policy: Policy) -> Room:
    limit = round(situation.limit / situation.ratio) - fixed
    if policy.target is None:
        target = round(limit * policy.target_share)
    else:
        target = round(policy.target / situation.ratio) - fixed
    target = max(_LEAST_ROOM, min(target, limit))
    return Room(max(limit, target), target)
