"""Finds secrets by their form alone: keys and tokens with a prefix, private keys, logins.

The forms of vendors are in palimpsest/memory/secret_vendors.py and detect-secrets', as far as they
are exact enough for prose; its entropy detectors are left out, since they take commits' hashes for
secrets. The places that hold a secret of any form are in palimpsest/memory/secret_places.py.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

from palimpsest.memory.secret_places import PLACES
from palimpsest.memory.secret_vendors import VENDORS


class Secret(NamedTuple):
    """A secret at ``text[start:end]``; ``kind``: what it is replaced with, as "github token"."""

    start: int
    end: int
    kind: str


class _Shape(NamedTuple):
    """A form of secrets. Every text with it has one of the ``hints``, in lower case. If the pattern
    has groups, only the one that matched is replaced."""

    kind: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...]


_PROVIDERS = (
    ("aws key", AWSKeyDetector, ("akia", "asia", "abia", "acca", "a3t", "aws")),
    ("azure key", AzureStorageKeyDetector, ("accountkey=",)),
    ("discord token", DiscordBotTokenDetector, (".",)),
    ("github token", GitHubTokenDetector, ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("gitlab token", GitLabTokenDetector, ("gl", "gr1348941")),
    ("mailchimp key", MailchimpDetector, ("-us",)),
    ("pypi token", PypiTokenDetector, ("pypi-ag",)),
    ("sendgrid key", SendGridDetector, ("sg.",)),
    ("slack token", SlackDetector, ("xox", "hooks.slack.com")),
    ("square secret", SquareOAuthDetector, ("sq0csp-",)),
    ("stripe key", StripeDetector, ("k_live_",)),
    ("telegram token", TelegramBotTokenDetector, (":",)),
    ("twilio key", TwilioKeyDetector, ("ac", "sk")),
)
# A word may begin behind an escaped line end, as JSON has it.
_BOUND = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=\\n)|(?<=\\t))")
_LINE = r"[ \t]*(?:\d+[\u2192|:\t])?[ \t]*[A-Za-z0-9+/=]{16,200}[ \t]*"
_WITH_DIGITS = ("discord token", "twilio key", "telegram token")
_BREAK = r"(?:\r?\n|\\r\\n|\\n)"
_KEY_HEAD = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY_TAIL = r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_OWN = (
    (
        "private key",
        # Whole, or what is left of one that was cut off behind its head or before its tail.
        (
            rf"(?:{_KEY_HEAD}(?:(?:(?!-----BEGIN)[\s\S]){{0,12000}}?{_KEY_TAIL}"
            rf"|(?:{_BREAK}{_LINE}|{_BREAK}[\w-]+: [^\n\\]*|{_BREAK}(?={_BREAK}))*)"
            rf"|(?<![A-Za-z0-9+/=])(?:{_LINE}{_BREAK})+[ \t]*(?:\d+[\u2192|:\t])?[ \t]*{_KEY_TAIL})"
        ),
        ("private key",),
    ),
    ("jwt", r"(?:(?<![\w-])|(?<=\\n))eyJ[\w=-]+\.[\w=-]+\.?[\w.+/=-]*", ("eyj",)),
    (
        "putty key",
        r"PuTTY-User-Key-File-\d:[\s\S]{0,12000}?Private-MAC: \w+",
        ("putty-user-key",),
    ),
)


def _shapes() -> Iterator[_Shape]:
    for kind, detector, hints in _PROVIDERS:
        for pattern in cast("Iterable[re.Pattern[str]]", detector.denylist):
            yield _Shape(kind, pattern, hints)
    for kind, form, hints in (*VENDORS, *PLACES, *_OWN):
        yield _Shape(kind, re.compile(form), hints)


_SHAPES: Sequence[_Shape] = tuple(_shapes())


def find_shaped(text: str) -> Iterator[Secret]:
    """Finds all texts with the form of a secret; they may overlap."""
    lower = text.lower()
    for kind, pattern, hints in _SHAPES:
        if not any(hint in lower for hint in hints):
            continue
        for match in pattern.finditer(text):
            start, end = match.span(_part(match))
            if _BOUND.match(text, match.start()) and _is_formal(kind, text[start:end]):
                yield Secret(start, end, kind)


def _part(match: re.Match[str]) -> str | int:
    """The group that holds the secret; 0, all of it, where the form has none."""
    return next((name for name, value in match.groupdict().items() if value is not None), 0)


def _is_formal(kind: str, text: str) -> bool:
    if kind == "jwt":
        return JwtTokenDetector.is_formally_valid(text)
    if kind == "login":
        return _is_login(text)
    if kind == "named value":
        return any(char.isdigit() for char in text) and any(char.isalpha() for char in text)
    return kind not in _WITH_DIGITS or any(char.isdigit() for char in text)


def _is_login(text: str) -> bool:
    """Whether it is `user:password` in base64."""
    try:
        name, colon, password = base64.b64decode(text + "=" * (-len(text) % 4)).partition(b":")
    except binascii.Error:
        return False
    return bool(colon and password) and (name + password).decode("latin-1").isprintable()
