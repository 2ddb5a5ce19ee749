"""Computes the signature of an error: its words without what differs from one time to the next.

Paths, numbers, addresses, times, ids and quoted values go; the exception's type, error codes and
names of code stay, quoted or not: without the name, *No module named 'yaml'* says nothing.
"""

import re

_LONGEST = 200

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(
    r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"
)
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_HEX = re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[a-f]*\d)[0-9a-f]{7,64}\b")
_PLACE = re.compile(r"^\s*(?:\./)?[^\s:()]+\.\w{1,6}(?::\d+){1,2}:\s*|^\s*[^\s:()]+\(\d+,\d+\):\s*")
_URL = re.compile(r"\b[a-z][a-z0-9+]*://\S+")
_PATH = re.compile(
    r"(?:\b[A-Za-z]:\\[\w.\\ -]+|(?<![\w<])(?:~|\.{1,2}|[\w.@+-]+)?(?:/[\w.@+~-]+)+/?)"
)
_QUOTED = re.compile(r"\"([^\"\n]{0,400})\"|'([^'\n]{1,400})'(?!\w)|`([^`\n]{1,400})`")
_NAME = re.compile(r"-{0,2}[A-Za-z_][\w-]{0,39}(?:(?:\.|::)[A-Za-z_]\w{0,39}){0,4}(?:\(\))?\Z")
_COUNTED = re.compile(r"\d{3}")
_STATUS = re.compile(r"\b(status|http|HTTP|code) ?(?:/\d(?:\.\d)? )?([1-5]\d\d)\b")
_NUMBER = re.compile(
    r"(?<![\w#])[-+]?\d[\d.,:_]*(?:e[-+]?\d+)?(?:ns|µs|us|ms|s|m|h|[kKMG]i?B|B|%|x)?\b"
)
# A rule at the end, `(errcheck)` or `[no-unused-vars]`, or a code at the beginning, `TS2304:`.
_RULE = re.compile(r" [(\[](?!typecheck)[a-z][\w/-]{2,40}[)\]]$|^(?:error\[)?[A-Z]{1,5}\d{3,5}\b")
_RULE_NAMES = re.compile(
    r"(?<![\w<-])\w*[a-z][A-Z]\w*\b|\b\w+(?:(?:\.|::)\w+)+\b|\bTest\w+|\b\w*_\w+\b"
)
_DECLARED = re.compile(r": sig: .*(?= [(\[])")
_MORE_NAMES = re.compile(r"[*&\w]*<name>(?:[./\w]*(?:<name>|\(\)))*")
_KEPT = "\0"


def signature(error: str) -> str:
    """The signature of an error, from its first line, at most 200 characters; deterministic.

    If the error names the rule that it breaks (of a linter, or a compiler's code), all names of
    code are replaced too."""
    line = _ANSI.sub("", error).strip().partition("\n")[0][:2_000]
    line = _PLACE.sub("", line, count=1)
    for pattern, sign in ((_URL, "<url>"), (_TIME, "<time>"), (_UUID, "<id>")):
        line = pattern.sub(sign, line)
    if _RULE.search(line):
        line = _replace_names(line)
    line = _QUOTED.sub(_replace_value, line)
    line = _PATH.sub("<path>", line)
    line = _HEX.sub("<hex>", line)
    line = _STATUS.sub(lambda found: f"{found[1]} {_KEPT}{found[2]}{_KEPT}", line)
    parts = line.split(_KEPT)
    parts[::2] = [_NUMBER.sub("<n>", part) for part in parts[::2]]
    return " ".join("".join(parts).split())[:_LONGEST].removesuffix(" (typecheck)").rstrip(" .:")


def _replace_names(line: str) -> str:
    line = _RULE_NAMES.sub("<name>", _QUOTED.sub("<name>", _PATH.sub("<name>", line)))
    return _MORE_NAMES.sub("<name>", _DECLARED.sub("", line))


def _replace_value(found: re.Match[str]) -> str:
    """A quoted name of code stays; any other value becomes `<value>`."""
    value = next((group for group in found.groups() if group is not None), "")
    return value if _NAME.match(value) and not _COUNTED.search(value) else "<value>"
