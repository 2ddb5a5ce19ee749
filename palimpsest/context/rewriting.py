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
from palimpsest.context.model import (
    Cause,
    Epoch,
    Injection,
)
from palimpsest.context.planner import Policy, Room, draft
from palimpsest.context.render import apply_epoch
from palimpsest.dialects.model import ModelInfo, RequestView
from palimpsest.runtime.hash_chain import Hash

_LEAST_GAIN = 0.1
_LEAST_ROOM = 500
_MORE = 1.03


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rewrite goes by, beside the messages.

    info: the model
    limit: the most tokens the prompt may have, as the model counts them
    ratio: the model's tokens per estimated token
    idle: seconds since the conversation's last request; None when unknown
    ttl: seconds that the provider's cache keeps what the client marked
    escape: thinking that is bound to what was changed may be left to the API
    vain: tokens of the prompt when a plan last gained nothing: a plan that need not be waits until
        there is more to take
    """

    info: ModelInfo
    limit: int
    ratio: float
    idle: float | None = None
    ttl: float = 300.0
    escape: bool = False
    vain: int = 0


@dataclass(frozen=True, slots=True)
class RewriteOutcome:
    """What is sent of a request. Sizes are of the whole prompt.

    epoch: the epoch that applies
    is_new: it is to be recorded
    messages: what is sent, raw
    tokens_before: size of what the client sent, estimated tokens times the model's ratio
    tokens: the same of what is sent
    counted: estimated tokens of what is sent, before the ratio
    vain: an epoch was due, and none was worth making
    """

    epoch: Epoch | None
    is_new: bool
    messages: tuple[bytes, ...] = field(repr=False)
    tokens_before: int
    tokens: int
    counted: int
    vain: bool = False


def replay(view: RequestView, epoch: Epoch | None, ratio: float) -> RewriteOutcome:
    """The recorded decisions alone."""
    messages = apply_epoch(view, epoch)
    before = view.dialect.prompt_tokens(view).total
    counted = (
        view.dialect.prompt_tokens(replace(view, messages=messages)).total if epoch else before
    )
    return RewriteOutcome(
        epoch, False, messages, round(before * ratio), round(counted * ratio), counted
    )


def rewrite(
    view: RequestView,
    chain: Sequence[Hash],
    recorded: Epoch | None,
    conditions: Conditions,
    policy: Policy,
    injection: Injection | None = None,
) -> RewriteOutcome:
    """The recorded decisions, or a new epoch where one is due and possible, or where memories are
    injected into the newest message. ``chain`` is the lineage of the view's messages, ``recorded``
    the deepest epoch along it."""
    now = replay(view, recorded, conditions.ratio)
    if injection:
        extended = _injecting(chain, now, injection, conditions.ratio)
        now = replace(replay(view, extended, conditions.ratio), is_new=True)
    cause = due(now, conditions, policy)
    if cause is None or not _pays(cause, view, now, _aim(view, conditions, policy), conditions):
        return now
    epoch = plan(view, chain, now, cause, conditions, policy)
    if epoch is None:
        return replace(now, vain=True)
    new = replay(view, epoch, conditions.ratio)
    return replace(new, is_new=True)


def due(now: RewriteOutcome, conditions: Conditions, policy: Policy) -> Cause | None:
    """Why an epoch should begin now, if it should."""
    if now.tokens > conditions.limit:
        return Cause.PRESSURE
    if not policy.thrift or now.tokens < conditions.vain * _MORE:
        return None
    cold = conditions.idle is not None and conditions.idle > conditions.ttl
    if cold and now.tokens > policy.cold_share * conditions.limit:
        return Cause.COLD
    return Cause.ECONOMY if now.tokens > policy.warm_share * conditions.limit else None


def plan(
    view: RequestView,
    chain: Sequence[Hash],
    now: RewriteOutcome,
    cause: Cause,
    conditions: Conditions,
    policy: Policy,
) -> Epoch | None:
    """A new epoch; None where it would not gain enough to be worth a rewrite."""
    fixed = _fixed(view)
    injections = now.epoch.injections if now.epoch else ()
    newest = len(view.messages) - 2 * policy.keep
    room = _room(fixed + _tokens(_carried(injections, 0, newest)), conditions, policy)
    bound = conditions.info.preserved_thinking and not conditions.escape
    changed = _first_change(now, view) if bound else None
    made = draft(History(view, conditions.info.image_tokens), room, policy, changed)
    if made is None:
        return None
    carried = _carried(injections, min(made.changed), newest)
    after = round((made.total + _tokens(carried) + fixed) * conditions.ratio)
    gain = now.tokens - after
    if gain < _LEAST_GAIN * conditions.limit:
        return None
    if not _pays(cause, view, now, after, conditions):
        return None
    return _epoch(chain, now, cause, made, after, conditions, carried)


def _first_change(now: RewriteOutcome, view: RequestView) -> int:
    """Thinking from there on was made for what was sent then: what is sent now may be as the client
    said it, and without the injections."""
    decisions = now.epoch.decisions if now.epoch else ()
    return decisions[0].position if decisions else len(view.messages)


def _carried(injections: Sequence[Injection], changed: int, newest: int) -> tuple[Injection, ...]:
    """What a pruning epoch keeps of the injections: the last one, those among the newest
    messages, and those before its first change, to which thinking is bound that stays."""
    return tuple(
        injection
        for injection in injections
        if injection.position < changed
        or injection.position >= newest
        or injection is injections[-1]
    )


def _tokens(injections: Sequence[Injection]) -> int:
    return sum(injection.tokens for injection in injections)


def _injecting(
    chain: Sequence[Hash], now: RewriteOutcome, injection: Injection, ratio: float
) -> Epoch:
    """The epoch that only adds an injection to the one before it."""
    before = now.epoch
    added = round(injection.tokens * ratio)
    return Epoch(
        chain=chain[-1],
        depth=len(chain),
        cause=Cause.INJECTION,
        number=before.number if before else 0,
        tokens_before=now.tokens,
        tokens_after=now.tokens + added,
        escape=before.escape if before else False,
        decisions=before.decisions if before else (),
        injections=(*before.injections, injection) if before else (injection,),
        cut=before.pruned_depth() if before else 0,
    )


def _pays(
    cause: Cause, view: RequestView, now: RewriteOutcome, after: int, conditions: Conditions
) -> bool:
    """Whether an epoch that need not be is cheaper than none. As many calls are expected to come
    as there were since the last one: nothing better is known of how long a conversation lasts."""
    if cause is Cause.PRESSURE:
        return True
    if cause is Cause.COLD:
        return pays_cold(now.tokens, after)
    since = len(view.messages) - (now.epoch.pruned_depth() if now.epoch else 0)
    return pays_warm(now.tokens, after, since // 2, conditions.ttl)


def _epoch(
    chain: Sequence[Hash],
    now: RewriteOutcome,
    cause: Cause,
    made: Draft,
    after: int,
    conditions: Conditions,
    carried: tuple[Injection, ...],
) -> Epoch:
    return Epoch(
        chain=chain[-1],
        depth=len(chain),
        cause=cause,
        number=now.epoch.number + 1 if now.epoch else 1,
        tokens_before=now.tokens,
        tokens_after=after,
        escape=conditions.escape and conditions.info.preserved_thinking,
        decisions=made.decisions(),
        injections=carried,
    )


def _fixed(view: RequestView) -> int:
    sizes = view.dialect.prompt_tokens(view)
    return sizes.system + sizes.tools


def _aim(view: RequestView, conditions: Conditions, policy: Policy) -> int:
    """What the prompt would have after an epoch, in the model's tokens."""
    fixed = _fixed(view)
    return round((_room(fixed, conditions, policy).target + fixed) * conditions.ratio)


def _room(fixed: int, conditions: Conditions, policy: Policy) -> Room:
    limit = round(conditions.limit / conditions.ratio) - fixed
    if policy.target is None:
        target = round(limit * policy.target_share)
    else:
        target = round(policy.target / conditions.ratio) - fixed
    target = max(_LEAST_ROOM, min(target, limit))
    return Room(max(limit, target), target)
