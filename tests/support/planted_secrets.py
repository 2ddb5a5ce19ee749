"""Secrets as providers and people make them, and the texts they turn up in; none is a real one."""

import base64
import json
import string
from collections.abc import Callable
from random import Random

Made = Callable[[Random], str]

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
SAFE = ALNUM + "_-"


def _of(random: Random, alphabet: str, count: int) -> str:
    """With a letter and a digit in it, as nearly all that are drawn have."""
    rest = "".join(random.choices(alphabet, k=count - 2))
    return random.choice("abcdef") + rest + random.choice("23456789")


def _upper(random: Random, count: int) -> str:
    return "".join(random.choices(string.ascii_uppercase + string.digits, k=count))


def _jwt(random: Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signature = base64.urlsafe_b64encode(random.randbytes(32)).decode().rstrip("=")
    head = part({"alg": "HS256", "typ": "JWT"})
    return f"{head}.{part({'sub': random.randrange(10**6)})}.{signature}"


def _pem(random: Random) -> str:
    kind = random.choice(("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "))
    lines = base64.b64encode(random.randbytes(400)).decode()
    body = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


FORMS: dict[str, Made] = {
    "aws": lambda r: "AKIA" + _upper(r, 16),
    "anthropic": lambda r: f"sk-ant-api03-{_of(r, SAFE, 93)}AA",
    "openai": lambda r: f"sk-proj-{_of(r, SAFE, 60)}",
    "openai old": lambda r: f"sk-{_of(r, ALNUM, 48)}",
    "github": lambda r: f"gh{r.choice('pousr')}_{_of(r, ALNUM, 36)}",
    "github fine": lambda r: f"github_pat_{_of(r, ALNUM, 22)}_{_of(r, ALNUM, 59)}",
    "gitlab": lambda r: f"glpat-{_of(r, ALNUM, 20)}",
    "google": lambda r: f"AIza{_of(r, SAFE, 35)}",
    "slack": lambda r: f"xoxb-{r.randrange(10**11)}-{r.randrange(10**11)}-{_of(r, ALNUM, 24)}",
    "slack hook": lambda r: (
        f"https://hooks.slack.com/services/T{_upper(r, 8)}/B{_upper(r, 8)}/{_of(r, ALNUM, 24)}"
    ),
    "stripe": lambda r: f"sk_live_{_of(r, ALNUM, 24)}",
    "sendgrid": lambda r: f"SG.{_of(r, SAFE, 22)}.{_of(r, SAFE, 43)}",
    "npm": lambda r: f"npm_{_of(r, ALNUM, 36)}",
    "hugging face": lambda r: f"hf_{_of(r, ALNUM, 34)}",
    "jwt": _jwt,
    "pem": _pem,
}

_TEXTS: tuple[Callable[[str], str], ...] = (
    lambda s: f"I put {s} into the vault, please do not log it.",
    lambda s: f"see `{s}` and\n\n```sh\nexport X={s}\n```",
    lambda s: json.dumps({"command": f"curl -H 'x-api-key: {s}' localhost", "n": 1}),
    lambda s: json.dumps({"stdout": json.dumps({"line": f"got\n{s}\nend"})}),
    lambda s: f"2026-02-01T11:04:07Z INFO auth: using {s} (attempt 1)",
    lambda s: f'client = Client("{s}", retries=3)  # never commit',
    lambda s: "\n".join(f"{n:>6}\u2192{line}" for n, line in enumerate(s.split("\n"), 1)),
    lambda s: f"[{s}]({s})",
)


def in_a_text(secret: str, random: Random) -> str:
    return random.choice(_TEXTS)(secret)


def _password(random: Random) -> str:
    """Without a dot: of those, some read like `module.name`, which stays."""
    return _of(random, ALNUM + "!@#%^-_+", random.randint(8, 24))


def _key(random: Random) -> str:
    return _of(random, random.choice((HEX, ALNUM, SAFE)), random.choice((16, 32, 40, 64)))


_NAMED: tuple[tuple[Made, Callable[[str], str]], ...] = (
    (_password, lambda s: f"DB_PASSWORD={s}\nDEBUG=1"),
    (_password, lambda s: f"export PGPASSWORD='{s}'"),
    (_password, lambda s: f'password = "{s}"'),
    (_password, lambda s: f"connect(user='me', password='{s}', port=5432)"),
    (_password, lambda s: json.dumps({"user": "me", "password": s, "port": 1})),
    (_password, lambda s: json.dumps({"stdout": json.dumps({"smtp_pass": s})})),
    (_password, lambda s: repr(json.dumps({"out": json.dumps({"password": s})}))),
    (_password, lambda s: f"database:\n  password: {s}\n  host: db"),
    (_password, lambda s: f"Your new password is {s}"),
    (_password, lambda s: f"**Password:** {s}"),
    (_password, lambda s: f"mysql -u root -p{s} shop < dump.sql"),
    (_password, lambda s: f"sshpass -p '{s}' ssh host"),
    (_password, lambda s: f"curl -s -u admin:{s} https://host/api"),
    (_password, lambda s: f"tool --password {s} --verbose"),
    (_key, lambda s: f"postgres://me:{s}@db.internal:5432/shop?sslmode=require"),
    (_key, lambda s: f"git clone https://oauth2:{s}@host/repo.git"),
    (_key, lambda s: f"redis://:{s}@cache:6379/0"),
    (_key, lambda s: f"Authorization: Bearer {s}"),
    (_key, lambda s: json.dumps({"headers": {"authorization": f"Bearer {s}", "a": "b"}})),
    (_key, lambda s: f"curl -H 'Authorization: token {s}' https://host/"),
    (_key, lambda s: f"Cookie: theme=dark; session={s}; lang=en"),
    (_key, lambda s: f"set-cookie: sid={s}; HttpOnly"),
    (_key, lambda s: f"API_KEY={s}"),
    (_key, lambda s: f"apiKey: '{s}',"),
    (_key, lambda s: json.dumps({"client_secret": s, "client_id": "abc"})),
    (_key, lambda s: f"aws_secret_access_key = {s}"),
    (_key, lambda s: f"GET /v1/data?access_token={s}&page=2 HTTP/1.1"),
    (_key, lambda s: f"login --token={s}"),
    (_key, lambda s: f"x-api-key: {s}"),
    (_key, lambda s: f'const ENCRYPTION_KEY = "{s}";'),
)
NAMED = len(_NAMED)


def named(number: int, random: Random) -> tuple[str, str]:
    """A secret and a text that tells it by its name."""
    made, text = _NAMED[number]
    secret = made(random)
    return secret, text(secret)
