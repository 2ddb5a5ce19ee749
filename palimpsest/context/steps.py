"""The steps by which an epoch cuts, until the prompt has room: the cheapest loss first.

Each step takes a draft and the tokens all messages together may have; it takes no more than it
must, within the rules of the cut.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from palimpsest.context.draft import Draft
from palimpsest.context.model import Edit, Reason
from palimpsest.context.speech import Speech
from palimpsest.context.stub import stub
from palimpsest.context.tool_exchanges import Call, ToolExchange
from palimpsest.dialects.model import BlockKind, Role
from palimpsest.dialects.tokenizer import text_tokens

Scorer = Callable[[Sequence[ToolExchange]], Sequence[float]]

STUB_TOKENS = 60
LONG_TEXT = 4_000
_HEAD, _TAIL = 1_500, 500
_WORTH = 40
_DUPLICATE_CHARS = 200
_CHARS_PER_TOKEN = 3


def by_recency(found: Sequence[ToolExchange]) -> Sequence[float]:
    """The baseline: what is newer is worth more."""
    return [float(exchange.position) for exchange in found]


@dataclass(frozen=True, slots=True)
class CutRules:
    """What every step has to leave alone.

    guarded: positions of tool exchanges that stay whole
    newest: messages from this position on are not touched
    whole_share: part of the room for old tool exchanges that goes to those kept whole
    scorer: how much each tool exchange is worth
    """

    guarded: frozenset[int]
    newest: int
    whole_share: float
    scorer: Scorer

    def old(self, draft: Draft) -> list[ToolExchange]:
        """The exchanges that may be taken."""
        return [e for e in draft.history.tool_exchanges if e.position not in self.guarded]


def duplicates(draft: Draft, room: int, rules: CutRules) -> None:
    """Outputs that a later call returned again, byte for byte: the newest stays."""
    later: dict[str, Call] = {}
    for exchange in reversed(draft.history.tool_exchanges):
        for call in reversed(exchange.calls):
            if len(call.output) < _DUPLICATE_CHARS:
                continue
            last = later.setdefault(call.output, call)
            if last is not call and exchange.position not in rules.guarded:
                _replace(draft, call, Reason.DUPLICATE, f"#{last.result_position}")


def client_output(draft: Draft, room: int, rules: CutRules) -> None:
    """Command output and file contents that the client put into the user's messages."""
    for position in range(min(rules.newest, len(draft.history.raw))):
        for number, text, kind in draft.history.spoken(position):
            if kind is Speech.OUTPUT and text_tokens(text) > _WORTH * 2:
                kept = _shortened(text, _WORTH, _WORTH // 2, f"#{position}")
                edit = Edit(number, draft.history.dialect.text_block(kept), Reason.CLIENT_OUTPUT)
                draft.edit(position, edit)


def results(draft: Draft, room: int, rules: CutRules) -> None:
    """Old exchanges: the best stay whole, the next keep their calls with a stub for each result,
    the rest goes."""
    old = rules.old(draft)
    if not old:
        return
    costs = {e.position: draft.size(e.position) + draft.size(e.result_position) for e in old}
    space = room - (draft.total_from(old[0].position) - sum(costs.values()))
    scores = dict(zip((e.position for e in old), rules.scorer(old), strict=True))
    ranked = sorted(old, key=lambda e: (scores[e.position], e.position), reverse=True)
    used, rest = 0, list[ToolExchange]()
    for exchange in ranked:
        if used + costs[exchange.position] <= space * rules.whole_share:
            used += costs[exchange.position]
        else:
            rest.append(exchange)
    anchors = draft.history.anchors
    for exchange in rest:
        least = draft.size(exchange.position) + STUB_TOKENS // 2 * len(exchange.calls)
        stays = not anchors.isdisjoint((exchange.position, exchange.result_position))
        if stays or used + least <= space:
            reduce(draft, exchange)
            used += draft.size(exchange.position) + draft.size(exchange.result_position)
            if stays or used <= space:
                continue
            used -= draft.size(exchange.position) + draft.size(exchange.result_position)
            draft.restore(exchange.result_position)
        take(draft, exchange)


def thinking(draft: Draft, room: int, rules: CutRules) -> None:
    """Old thinking, the oldest first; where thinking is bound it went with the first change."""
    excess = draft.total - room
    for position, tokens in draft.history.thinking.items():
        if excess <= 0 or position >= rules.newest:
            return
        if not draft.dropped(position):
            draft.strip(position, Reason.OLD_THINKING)
            excess -= tokens


def old_text(draft: Draft, room: int, rules: CutRules) -> None:
    """What the assistant said without a call, the oldest first."""
    excess = draft.total - room
    for position in range(min(rules.newest, len(draft.history.raw))):
        if excess <= 0:
            return
        message = draft.history.messages[position]
        plain = all(block.is_thinking or block.kind is BlockKind.TEXT for block in message.blocks)
        if position in draft.history.anchors:
            continue
        if (
            message.role is Role.ASSISTANT
            and message.blocks
            and plain
            and not draft.dropped(position)
        ):
            excess -= draft.size(position)
            draft.drop(position, Reason.OLD_TEXT)


def long_text(draft: Draft, room: int, rules: CutRules) -> None:
    """The last resort: the user's very long messages keep their head and tail."""
    excess = draft.total - room
    for position in range(len(draft.history.raw) - 1):
        for number, text, kind in draft.history.spoken(position):
            if excess <= 0:
                return
            if kind is not Speech.HUMAN or len(text) < LONG_TEXT:
                continue
            if text_tokens(text) > LONG_TEXT:
                before = draft.size(position)
                kept = _shortened(text, _HEAD, _TAIL, f"#{position}")
                draft.edit(
                    position, Edit(number, draft.history.dialect.text_block(kept), Reason.LONG_TEXT)
                )
                excess -= before - draft.size(position)


LOSSLESS = (duplicates,)
"""Nothing is lost by these, so that the account of the cut leaves them out."""
LOSSY = (client_output, results, thinking, old_text, long_text)


def reduce(draft: Draft, exchange: ToolExchange) -> None:
    """Leave the calls, and a stub for each result that is longer than one."""
    for call in exchange.calls:
        if draft.edited(call.result_position, call.result_block):
            continue
        if call.media or text_tokens(call.output[:2_000]) > STUB_TOKENS + _WORTH:
            _replace(draft, call, Reason.OLD_RESULT, f"#{call.result_position}")


def take(draft: Draft, exchange: ToolExchange) -> None:
    """Leave the whole exchange out, but not what the user says in the same message."""
    draft.restore(exchange.position)
    draft.drop(exchange.position, Reason.OLD_EXCHANGE)
    answer = exchange.result_position
    kinds = {number: kind for number, _, kind in draft.history.spoken(answer)}
    stays = False
    gone: list[int] = []
    for number, block in draft.history.messages[answer].numbered():
        if block.kind is BlockKind.TOOL_RESULT or kinds.get(number) is Speech.OUTPUT:
            gone.append(number)
        else:
            stays = True
    if stays:
        for number in gone:
            draft.edit(answer, Edit(number, None, Reason.OLD_EXCHANGE))
    else:
        draft.restore(answer)
        draft.drop(answer, Reason.OLD_EXCHANGE)


def _replace(draft: Draft, call: Call, reason: Reason, address: str) -> None:
    block = next(
        block
        for number, block in draft.history.messages[call.result_position].numbered()
        if number == call.result_block
    )
    words = stub(call, reason=reason, tokens=STUB_TOKENS, address=address)
    edit = Edit(call.result_block, block.replace_result(words), reason)
    draft.edit(call.result_position, edit)


def _shortened(text: str, head: int, tail: int, address: str) -> str:
    """Head and tail, in tokens roughly, with a pointer to the whole between them."""
    first, last = text[: head * _CHARS_PER_TOKEN], text[-tail * _CHARS_PER_TOKEN :]
    left_out = len(text) - len(first) - len(last)
    return (
        f"{first}\n[palimpsest: {left_out} characters of this message left out; "
        f"the whole is archived as {address}]\n{last}"
    )
