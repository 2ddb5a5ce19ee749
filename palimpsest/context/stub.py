"""What stands in the place of a tool's output that was left out."""

from posixpath import basename

from palimpsest.context.model import Reason
from palimpsest.context.quoting import (
    argument,
    clipped,
    harmless,
    one_line,
)
from palimpsest.context.readonly import only_reads
from palimpsest.context.salience import salient
from palimpsest.context.tool_exchanges import Call
from palimpsest.dialects.tokenizer import text_tokens

# Their output only says that they did what the call says.
_ACKNOWLEDGED = ("TodoWrite", "TaskUpdate", "TaskCreate")
_ARGUMENT_TOKENS = 10
_ERROR_TOKENS = 20
_LEAST = 10
_LONGEST = 2_000


def stub(call: Call, *, reason: Reason, tokens: int, address: str) -> str:
    """One remark of at most ``tokens`` tokens (but for its first words): what was there, how the
    call ended, how to see it again, and its salient lines.

    ``address`` names the place in the archive; for a duplicate, where the same output stands.
    """
    if reason is Reason.DUPLICATE:
        return _fitted(f"[palimpsest: the same output as in {address}, left out here]", tokens)
    if call.name in _ACKNOWLEDGED and not call.is_error:
        return _fitted(f"[palimpsest: {_title(call)} succeeded; output in {address}]", tokens)
    return _with_lines(_head(call, address), call.output, tokens)


def _head(call: Call, address: str) -> str:
    ended = f"failed: {_first_line(call.output)}" if call.is_error else "succeeded"
    again = "call again or see" if only_reads(call) else "see"
    return f"[palimpsest: {_title(call)} {ended}; {_size(call)} left out, {again} {address}"


def _first_line(output: str) -> str:
    line = next((line for line in output.splitlines() if line.strip()), "without a word")
    return clipped(one_line(line[:_LONGEST]), _ERROR_TOKENS)


def _title(call: Call) -> str:
    about = argument(call)
    if "/" in about and " " not in about:
        about = basename(about.rstrip("/"))
    name = one_line(call.name)[:64] or "a tool"
    return f"{name}({clipped(about, _ARGUMENT_TOKENS)})"


def _size(call: Call) -> str:
    lines = call.output.count("\n") + 1
    parts = [f"{lines} lines"] if lines > 1 else []
    if lines == 1 and (call.output or not call.media):
        parts.append(f"{len(call.output)} characters")
    if call.media:
        parts.append("1 image or file" if call.media == 1 else f"{call.media} images or files")
    return " and ".join(parts)


def _with_lines(head: str, output: str, tokens: int) -> str:
    left = tokens - text_tokens(f"{head}. From it:\n]")
    kept = salient(output, left) if left >= _LEAST else []
    whole = f"{head}. From it:\n" + harmless("\n".join(kept)) + "]"
    while kept and text_tokens(whole) > tokens:
        kept.pop()
        whole = f"{head}. From it:\n" + harmless("\n".join(kept)) + "]"
    return whole if kept else _fitted(f"{head}]", tokens)


def _fitted(remark: str, tokens: int) -> str:
    return remark if text_tokens(remark) <= tokens else clipped(remark, max(tokens, _LEAST))
