r"""Redacts secrets in a text, before anything of it is stored.

What has a form of its own is in palimpsest/memory/secret_shapes.py. Everything else is known by its
name: `password = "…"`, `API_KEY=…`, `"client_secret": "…"`, `--token …`, `the password is …`. A
password may be any word; what is called a key, a token or a secret must look random, with twelve to
twenty characters or more by its name, and so a short code that a person or a log tells stays.
Placeholders, identifiers, calls, hashes of commits and numbers stay too. Text must be given whole:
of a key that was cut in two, no half would be known.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from palimpsest.memory.secret_shapes import Secret, find_shaped

_PASSWORD = (
    r"pass(?:word|wd|phrase|code)|passwort|mot[ _]de[ _]passe|contraseña|pwd"
    r"|(?<=[_-])pass|(?<=db)pass|(?<=user)pass|(?<=admin)pass"
)
_KEY = (
    r"(?P<firm>(?:api|app|application|access|secret|private|auth|account|service|encryption|signing"
    r"|master|session|storage|ssh|deploy|subscription|license|client|consumer|shared|functions"
    r"|webhook|hmac|jwt|admin|write|ingest|instrumentation|host)[_\- ]?key|secret)"
    r"|(?P<token>token|credentials?|x-amz-(?:signature|credential)|\bsig(?==)|x-(?:auth|jwt))"
    r"|(?P<loose>key)"
)
_SPACE = r"[ \t]{0,4}"
_QUOTED = (
    r"(?P<quote>\\{0,4}(?:\"{3}|'{3}|[\"'`]))"
    r"(?P<quoted>(?:(?!(?P=quote))(?:\\[^\r\n]|[^\r\n])){4,500})(?P=quote)"
)
_BARE = r"(?P<bare>[^\s\"'`\\]{4,500})"
_SEPARATOR = rf"(?:\\{{0,4}}[\"'`])?\]?{_SPACE}(?::=|=>|===?|[:=])\**{_SPACE}"
_NAMED = re.compile(
    rf"(?P<name>(?P<password>{_PASSWORD})|{_KEY})s?(?:[_-]?[0-9])?"
    rf"(?:{_SEPARATOR}|(?P<flag>[ \t]+)|(?P<says>[ \t]+(?:is|was)[ \t]*:?[ \t]+))"
    rf"(?:[rbuf]?{_QUOTED}|{_BARE})",
    re.IGNORECASE,
)
_HINTS = (
    "pass",
    "pwd",
    "key",
    "secret",
    "token",
    "credential",
    "sig",
    "contrase",
    "x-auth",
    "x-jwt",
)
_FLAG = re.compile(r"--[\w-]{0,30}\Z")
_BEFORE = re.compile(r"[A-Za-z0-9_.?&-]{0,40}\Z")
_NO_SECRET_NAME = re.compile(
    r"(?:next|prev(?:ious)?|first|last|page|paging|pagination|continuation|sync|cursor|resume"
    r"|cancel(?:l?ation)?|stop|pad|eos|bos|unk|mask|special|design|color|public|primary|foreign"
    r"|cache|partition|sort|idempotency|row|hash|group|lookup|index|object|dedup\w*|routing"
    r"|translation|i18n|range|unique|s3|publishable|pub|mon|tur|don|ho[c]?|whis|joc|block|trace"
    r"|event|message|commit|fingerprint|job|query|config|lock|state|map|json|arrow|hot|short)[_.-]?"
    r"\Z",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"[*$<{%\[.#(~/|&=+?!\u2026-]|x{4,}|\.{3}|your|example|change.?me|placeholder|redacted|dummy"
    r"|process\.env|os\.environ|env\.|null\b|none\b|true\b|false\b|undefined\b|required\b"
    r"|string\b|(?:\w*[_-])?(?:password|passwd|secret|token|pwd|pass)\W*\Z"
    r"|(?:op|vault|ssm|file|env|arn|awssm|gcpsm|keyring|ref|sha\d{1,3}|md5|urn)[:-]|enc\["
    r"|(?:insert|replace|enter|put|todo|tbd|fixme|fake|sample|my)[_ -]"
    r"|(?:todo|tbd|invalid|incorrect|wrong|missing|weak|expired|hidden|masked|optional|hashed"
    r"|encrypted|unset|empty|nil|n/a)\W*\Z",
    re.IGNORECASE,
)
_WORDLIKE = r"(?:[A-Z]?[a-z]{2,}|[A-Z]{2,})"
_NAMES = re.compile(
    rf"[_./:-]*{_WORDLIKE}\d{{0,3}}(?:[_./:-]+(?:{_WORDLIKE}\d{{0,3}}|[Vv]?\d{{1,4}}))*\W*\Z"
)
"""Words with signs between them, as identifiers and resources have."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]?[\d:.,TZ+-]*\Z")
_CODE = re.compile(r"[A-Za-z_$]+\d?(?:(?:\.|->|::|/)[A-Za-z_$]+\d?)+\W*\Z|[A-Za-z_$][\w$.]*[(\[]")
_DOTTED = re.compile(r"(?:[A-Za-z_]\w{0,23}\.)+[A-Za-z_]\w{0,31}\W*\Z")
_WORD = re.compile(r"[A-Za-z_-]+\W*\Z")
_NEXT_PART = re.compile(r"[;&](?=[A-Za-z][\w .-]{0,40}=)")
"""Of a connection string or of a query."""

_DELIMITER = re.compile(r"[,;&(){}\[\]<>|]")
_LEAST_KEY = 12
_LEAST_TOKEN = 16
_LEAST_LOOSE = 20
_LEAST_DIGITS = 3
_LEAST_AGAIN = 8
_MOST_AGAIN = 100
"""Values of one text that are looked for once more."""


def redact(text: str) -> str:
    """The text with each secret replaced by `[secret: <kind>]`."""
    parts: list[str] = []
    at = 0
    found = [*find_shaped(text), *_find_named(text)]
    for start, end, kind in _merge_overlaps([*found, *_find_repeats(text, found)]):
        parts += (text[at:start], f"[secret: {kind}]")
        at = end
    return "".join((*parts, text[at:])) if parts else text


def _merge_overlaps(found: list[Secret]) -> Iterator[Secret]:
    """Merges overlapping secrets, in order; the one that begins first gives the kind."""
    found.sort(key=lambda secret: (secret.start, -secret.end))
    last: Secret | None = None
    for secret in found:
        if last is None or secret.start >= last.end:
            if last:
                yield last
            last = secret
        elif secret.end > last.end:
            last = last._replace(end=secret.end)
    if last:
        yield last


def _find_named(text: str) -> Iterator[Secret]:
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return
    at = 0
    while match := _NAMED.search(text, at):
        # What stands there may be a name itself.
        at = match.end("name")
        if _is_marked(match, text) and (end := _end(match, text)):
            yield Secret(match.start(_group(match)), end, _kind(match))
            at = end


def _find_repeats(text: str, found: Sequence[Secret]) -> Iterator[Secret]:
    """Finds the same values elsewhere in the text, where no name marks them."""
    known = {text[start:end]: kind for start, end, kind in found if end - start >= _LEAST_AGAIN}
    for value, kind in islice(known.items(), _MOST_AGAIN):
        if _WORD.match(value) is None:
            at = -1
            while (at := text.find(value, at + 1)) >= 0:
                yield Secret(at, at + len(value), kind)


def _group(match: re.Match[str]) -> str:
    return "bare" if match["quoted"] is None else "quoted"


def _kind(match: re.Match[str]) -> str:
    return "password" if match["password"] else "key"


def _is_marked(match: re.Match[str], text: str) -> bool:
    """Whether what stands before the value marks it as a secret: a name and a space do only as a
    flag of a command."""
    start = match.start()
    return match["flag"] is None or _FLAG.search(text, max(0, start - 40), start) is not None


def _end(match: re.Match[str], text: str) -> int | None:
    """Where the secret ends; None if it is none."""
    value: str = match[_group(match)]
    end = match.end(_group(match))
    if _PLACEHOLDER.match(value) or value.lower() == match["name"].lower():
        return None
    if match["password"]:
        if match["quoted"] is None and (cut := _NEXT_PART.search(value)):
            end -= len(value) - cut.start()
            value = value[: cut.start()]
        return end if _is_password(match, value) else None
    if match["quoted"] is None and _CODE.match(value):
        return None
    if match["quoted"] is None and (cut := _DELIMITER.search(value)):
        end -= len(value) - cut.start()
        value = value[: cut.start()]
    return end if _is_random(value, _least(match, text)) else None


def _least(match: re.Match[str], text: str) -> int | None:
    """How long a value with that name is a secret from; None where it is none of any length."""
    start = match.start()
    found = _BEFORE.search(text, max(0, start - 40), start)
    before = found[0] if found else ""
    if match["firm"]:
        return _LEAST_KEY
    if _NO_SECRET_NAME.search(before):
        return None
    if match["token"]:
        return _LEAST_TOKEN
    return _LEAST_LOOSE if before[-1:].isalpha() or before[-1:] in ("_", "-", "?", "&") else None


def _is_password(match: re.Match[str], value: str) -> bool:
    if match["quoted"] is not None:
        return " " not in value.strip() or "phrase" in match["name"].lower()
    if _CODE.match(value):
        return False
    # Of small letters it may be a word of a sentence or of a program.
    return _WORD.match(value) is None or (match["name"].isupper() and not match["says"])


def _is_random(value: str, least: int | None) -> bool:
    """Whether a value looks random: long, in one piece, with letters and digits."""
    digits = sum(char.isdigit() for char in value)
    return (
        least is not None
        and len(value) >= least
        and " " not in value
        and digits >= (_LEAST_DIGITS if least == _LEAST_LOOSE else 1)
        and any(char.isalpha() for char in value)
        and _CODE.match(value) is None
        and _DOTTED.match(value) is None
        and _NAMES.match(value) is None
        and _TIME.match(value) is None
        and "://" not in value
    )
