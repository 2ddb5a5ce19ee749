"""Finds secrets by their form alone: keys and tokens with a prefix, private keys, logins.

The forms of providers are detect-secrets', as far as they are exact enough for prose; its entropy
detectors are left out, since they take commits' hashes for secrets.
"""

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


class Secret(NamedTuple):
    """A secret at ``text[start:end]``; ``kind``: what it is replaced with, as "github token"."""

    start: int
    end: int
    kind: str


class _Shape(NamedTuple):
    """A form of secrets. Every text with it has one of the ``hints``, in lower case. If the pattern
    has a group `secret`, only that is replaced."""

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
_PREFIXED = (
    ("anthropic key", r"sk-ant-[\w-]{16,}", ("sk-ant-",)),
    ("openai key", r"sk-[\w-]{0,100}T3BlbkFJ[\w-]{20,100}", ("t3blbkfj",)),
    (
        "api key",
        r"sk-(?:(?:proj|svcacct|admin|or-v1|lf)-[\w-]{16,}|[A-Za-z0-9]{32,})",
        ("sk-",),
    ),
    ("github token", r"github_pat_\w{22,}", ("github_pat_",)),
    (
        "google key",
        r"AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}",
        ("aiza", "ya29.", "gocspx"),
    ),
    ("slack token", r"xox[a-z]-[\w-]{10,}|xapp-\d[\w-]{10,}", ("xox", "xapp-")),
    (
        "stripe key",
        r"[rs]k_(?:live|test)_\w{16,}|whsec_[\w+/=]{24,}",
        ("k_live", "k_test", "whsec_"),
    ),
    ("npm token", r"npm_[A-Za-z0-9]{36}", ("npm_",)),
    ("hugging face token", r"hf_[A-Za-z0-9]{30,}", ("hf_",)),
    ("digitalocean token", r"do[opr]_v1_[0-9a-f]{64}", ("_v1_",)),
    ("databricks token", r"dapi[0-9a-f]{32}", ("dapi",)),
    ("shopify token", r"shp(?:at|ss|ca|pa)_[0-9A-Fa-f]{32}", ("shp",)),
    ("vault token", r"hv[sbr]\.[\w-]{24,}", ("hvs.", "hvb.", "hvr.")),
    ("linear key", r"lin_api_\w{32,}", ("lin_api_",)),
    ("groq key", r"gsk_[A-Za-z0-9]{32,}", ("gsk_",)),
    ("xai key", r"xai-[A-Za-z0-9]{40,}", ("xai-",)),
    ("replicate token", r"r8_[A-Za-z0-9]{37}", ("r8_",)),
    ("notion token", r"(?:ntn|secret)_[A-Za-z0-9]{40,}", ("ntn_", "secret_")),
    ("docker token", r"dckr_[po]at_[\w-]{20,}", ("dckr_",)),
    ("grafana token", r"gl(?:sa|c)_[\w+/=-]{32,}", ("glsa_", "glc_")),
    ("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}", ("age-secret-key",)),
    ("supabase key", r"sb(?:p|_secret)_[\w-]{20,}", ("sbp_", "sb_secret")),
)
_LINE = r"[ \t]*(?:\d+[\u2192|:\t])?[ \t]*[A-Za-z0-9+/=]{16,200}[ \t]*"
_WITH_DIGITS = ("discord token", "twilio key", "telegram token")
_BREAK = r"(?:\r?\n|\\r\\n|\\n)"
_KEY_HEAD = r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY_TAIL = r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_QUOTE = r"(?:\\{0,4}[\"'])?"
_PLAIN = r"(?![*$<{%\[])"
"""A placeholder, as `$PASSWORD` or `<password>`, is no secret."""

_OWN = (
    (
        "private key",
        # Whole, or what is left of one that was cut off behind its head or before its tail.
        (
            rf"(?:{_KEY_HEAD}(?:(?:(?!-----BEGIN)[\s\S]){{0,12000}}?{_KEY_TAIL}"
            rf"|(?:{_BREAK}{_LINE}|{_BREAK}[\w-]+: [^\n\\]*|{_BREAK}(?={_BREAK}))*)"
            rf"|(?:{_LINE}{_BREAK})+[ \t]*(?:\d+[\u2192|:\t])?[ \t]*{_KEY_TAIL})"
        ),
        ("private key",),
    ),
    ("jwt", r"(?:(?<![\w-])|(?<=\\n))eyJ[\w=-]+\.[\w=-]+\.?[\w.+/=-]*", ("eyj",)),
    (
        "putty key",
        r"PuTTY-User-Key-File-\d:[\s\S]{0,12000}?Private-MAC: \w+",
        ("putty-user-key",),
    ),
    (
        "password",
        rf"[a-zA-Z][\w+.-]{{1,20}}://[^\s:/@\"'<>`]{{0,100}}:{_PLAIN}(?P<secret>[^\s/\"'<>`]+)@",
        ("://",),
    ),
    ("token", r"https?://(?=[^\s:/@]*\d)(?P<secret>[A-Za-z0-9_-]{20,})@", ("://",)),
    (
        "credentials",
        r"(?i)\bbearer[ \t]+(?=[\w.~+/-]*\d)(?P<secret>[A-Za-z0-9._~+/-]{16,}={0,2})",
        ("bearer",),
    ),
    (
        "credentials",
        (
            rf"(?i)\bauthorization{_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE}(?:[\w-]{{2,16}}[ \t]+)?"
            rf"{_PLAIN}(?=[^\s\"',;\\]*[\d=])(?P<secret>[^\s\"',;\\(){{}}<>]{{12,}})"
        ),
        ("authorization",),
    ),
    (
        "cookie",
        rf"(?i)(?:set-)?cookie{_QUOTE}:[ \t]*{_QUOTE}(?=[\w.-]+=)(?P<secret>[^\r\n\"'\\]+)",
        ("cookie",),
    ),
    (
        "password",
        rf"\bcurl\b[^\n]{{0,300}}?\s(?:-u|--user)[ =]?[\"']?[\w.@-]+:{_PLAIN}(?P<secret>[^\s\"']+)",
        ("curl",),
    ),
    (
        "password",
        rf"\b(?:mysql|mariadb)\w*\b[^\n|;]{{0,200}}?\s-p{_PLAIN}(?P<secret>[^\s\"'-][^\s\"']*)",
        ("mysql", "mariadb"),
    ),
    ("password", rf"\bsshpass[ \t]+-p[ \t]*[\"']?{_PLAIN}(?P<secret>[^\s\"']+)", ("sshpass",)),
)


def _shapes() -> Iterator[_Shape]:
    for kind, detector, hints in _PROVIDERS:
        for pattern in cast("Iterable[re.Pattern[str]]", detector.denylist):
            yield _Shape(kind, pattern, hints)
    for kind, form, hints in (*_PREFIXED, *_OWN):
        yield _Shape(kind, re.compile(form), hints)


_SHAPES: Sequence[_Shape] = tuple(_shapes())


def find_shaped(text: str) -> Iterator[Secret]:
    """Finds all texts with the form of a secret; they may overlap."""
    lower = text.lower()
    for kind, pattern, hints in _SHAPES:
        if not any(hint in lower for hint in hints):
            continue
        part = "secret" if "secret" in pattern.groupindex else 0
        for match in pattern.finditer(text):
            if _BOUND.match(text, match.start()) and _is_formal(kind, match[0]):
                yield Secret(*match.span(part), kind)


def _is_formal(kind: str, text: str) -> bool:
    if kind == "jwt":
        return JwtTokenDetector.is_formally_valid(text)
    return kind not in _WITH_DIGITS or any(char.isdigit() for char in text)
