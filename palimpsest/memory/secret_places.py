# ruff: noqa: E501, ISC004
r"""The places that hold a secret whatever its form: files of tools, flags of commands, URLs, XML.

Each row: what it is replaced with, its form, and what every text with it has (in small letters);
the group `secret` is what is replaced. Every repetition has a bound or one way to match, so a
search takes time linear in the text.
"""

from collections.abc import Sequence

QUOTE = r"(?:\\{0,4}[\"'])?"
_PLAIN = r"(?![*$<{%\[])(?!(?i:(?:your|my)?[_-]?(?:pass(?:word|wd)?|pw|pwd|secret|token)|x{3,})(?:[\"'@\s<;&|)]|\Z))"
"""A placeholder, as `$PASSWORD` or `<password>`, is no secret."""

_ARGUMENT = rf"(?:[\"'](?!-){_PLAIN}(?P<secret>[^\"'\r\n]{{3,200}})[\"']|(?![-\"'|>&]){_PLAIN}(?P<secret2>[^\s\"'|;&)\\]{{3,200}}))"


def _flag(programs: str, flags: str) -> str:
    """A flag of these programs, on their line: before it whole words alone."""
    return rf"\b(?:{programs})(?:\.exe)?[ \t][^\r\n|;]{{0,300}}?(?<=[ \t])(?:{flags}){_ARGUMENT}"


PLACES: Sequence[tuple[str, str, tuple[str, ...]]] = (
    (
        "password",
        rf"[a-zA-Z][\w+.-]{{1,20}}://[^\s:/@\"'<>`]{{0,100}}:{_PLAIN}(?P<secret>[^\s/\"'<>`]{{1,300}})@",
        ("://",),
    ),
    (
        # With a slash: `host:80/path@x` looks like it.
        "password",
        rf"(?!https?:)[a-zA-Z][\w+.-]{{1,20}}://[^\s:/@\"'<>`?]{{0,100}}:(?!\d{{1,5}}/){_PLAIN}"
        r"(?P<secret>[^\s@\"'<>`?]{1,200})@[\w.\[-]",
        ("://",),
    ),
    (
        "password",
        rf"https?://[^\s:/@\"'<>`?]{{1,100}}:(?!\d{{1,5}}/){_PLAIN}"
        r"(?P<secret>[^\s/@\"'<>`?]{1,100}(?:/[^\s/@\"'<>`?]{0,100}){1,5})@[\w-]{1,63}\.[\w.-]",
        ("://",),
    ),
    ("password", r"jdbc:oracle:\w{1,10}:[^\s/:@\"']{1,60}/(?P<secret>[^\s@\"']{1,100})@", ("jdbc:oracle",)),
    ("token", r"https?://(?=[^\s:/@]*\d)(?P<secret>[A-Za-z0-9_-]{20,})@", ("://",)),
    (
        "credentials",
        r"(?i)\bbearer[ \t]+(?=[\w.~+/-]*\d)(?P<secret>[A-Za-z0-9._~+/-]{16,}={0,2})",
        ("bearer",),
    ),
    (
        "credentials",
        (
            rf"(?i)\bauthorization{QUOTE}\s{{0,3}}[:=]\s{{0,3}}{QUOTE}(?:[\w-]{{2,16}}[ \t]+)?"
            rf"(?![*$<{{%\[])(?=[^\s\"',;\\]*[\d=])(?P<secret>[^\s\"',;\\(){{}}<>]{{12,}})"
        ),
        ("authorization",),
    ),
    (
        "login",
        r"(?i)\bbasic[ \t]+(?P<secret>[A-Za-z0-9+/]{12,400}={0,2})(?![\w+/])",
        ("basic",),
    ),
    (
        "cookie",
        rf"(?i)(?:set-)?cookie{QUOTE}:[ \t]*{QUOTE}(?=[\w.-]+=)(?P<secret>[^\r\n\"'\\]+)",
        ("cookie",),
    ),
    (
        "password",
        rf"(?i)\b(?:machine[ \t]+\S{{1,200}}|default)\s{{1,8}}login\s{{1,8}}\S{{1,200}}\s{{1,8}}"
        rf"(?:account\s{{1,8}}\S{{1,200}}\s{{1,8}})?password\s{{1,8}}{_PLAIN}(?P<secret>\S{{1,300}})",
        ("login",),
    ),
    (
        "login",
        rf"(?<![A-Za-z0-9])_?auth{QUOTE}\s{{0,4}}[:=]\s{{0,4}}{QUOTE}"
        r"(?P<secret>[A-Za-z0-9+/]{8,2000}={0,2})(?![\w+/])",
        ("auth",),
    ),
    ("npm password", r"_password\s{0,3}=\s{0,3}[\"']?(?P<secret>[A-Za-z0-9+/]{4,500}={0,2})", ("_password",)),
    (
        "private key",
        r"client-key-data[\"']?:\s{0,4}[\"']?(?P<secret>[A-Za-z0-9+/]{20,20000}={0,2})",
        ("client-key-data",),
    ),
    (
        "password",
        r"(?i)<(?:[\w.-]{1,40}:)?(?:[\w.-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|"
        r"(?:api|app|access|private|account|service|encryption|signing|master|license|subscription|hmac|secret|functions|client|host|deploy)[_-]?key|_pass|credentials?))(?:\s[^<>]{0,200})?>\s{0,20}"
        r"(?:<!\[CDATA\[)?(?![*$<{%\[])(?P<secret>[^\s<>]{4,500})\s{0,20}(?:\]\]>)?\s{0,20}</",
        ("<",),
    ),
    (
        "password",
        r"(?i)<key>[\w .-]{0,40}(?:password|secret|token|api[_-]?key)</key>\s{0,40}<string>"
        r"(?![*$<{%\[])(?P<secret>[^<>]{4,500})</string>",
        ("<key>",),
    ),
    (
        "password",
        r"(?i)\b(?:name|key)=[\"'][\w.:-]{0,60}(?:password|passwd|pwd|secret|token|api[_.-]?key|"
        r"access[_.-]?key|private[_.-]?key)[\"'](?:\s{1,10}value=[\"'](?![*$<{%\[])"
        r"(?P<secret>[^\"'<>\r\n]{4,500})[\"']|\s{0,4}>(?![*$<{%\[@])(?P<secret2>[^<>\s]{4,500})<)",
        ("name=", "key="),
    ),
    ("password", _flag("(?:docker|podman|buildah|nerdctl|helm|oras|skopeo|crane|oc|az|flyctl|cf)[ \\t](?:[\\w-]+[ \\t]+){0,3}login|mongo|mongosh|mongodump|mongorestore|mongoexport|cqlsh|arangosh", r"-p[ \t]*(?![\d.:]+(?:[ \t/]|\Z))"), (" -p",)),
    ("password", _flag("redis-cli|valkey-cli|keydb-cli", r"-a[ \t]*=?"), (" -a",)),
    ("cookie", _flag("curl", r"-b[ \t]*(?=[\"']?[\w.%-]{1,80}=)|--cookie[ =](?=[\"']?[\w.%-]{1,80}=)"), ("curl",)),
    ("password", rf"\bcurl\b[^\n]{{0,300}}?\s(?:-u|-U|--user|--proxy-user)[ =]?[\"']?[^\s:\"']{{1,100}}:{_PLAIN}(?P<secret>[^\s\"']+)", ("curl",)),
    ("password", rf"\b(?:http|https|xh|wget|ab)\b[^\n]{{0,300}}?\s(?:-a|-A|--auth)[ =][\"']?[\w.@-]{{1,100}}:{_PLAIN}(?P<secret>[^\s\"']+)", (" -a", "--auth")),
    ("password", rf"\b(?:mysql|mariadb)\w*\b[^\n|;]{{0,200}}?\s-p(?:[\"']{_PLAIN}(?P<secret>[^\s\"']+)|{_PLAIN}(?P<secret2>[^\s\"'-][^\s\"']*))", ("mysql", "mariadb")),
    ("password", rf"\bsshpass[ \t]+-p[ \t]*[\"']?{_PLAIN}(?P<secret>[^\s\"']+)", ("sshpass",)),
    ("password", _flag("sqlcmd|bcp|isql|zip|unzip|smbmap", r"-P[ \t]*"), (" -p",)),
    ("password", _flag("ldapsearch|ldapadd|ldapmodify|ldapwhoami|ldapdelete|lftp|winexe", r"-w[ \t]*"), (" -w",)),
    ("password", _flag("keytool|jarsigner|apksigner", r"-(?:store|key|src|dest|destkey|srckey)(?:store)?pass[ \t]+"), ("pass",)),
    ("password", r"-pass(?:in|out)?[ \t]+[\"']?pass:(?![*$<{%\[])(?P<secret>[^\s\"']{1,200})", ("pass:",)),
    ("password", rf"\bhtpasswd[ \t]+-\w*b\w*[ \t]+\S{{1,200}}[ \t]+\S{{1,100}}[ \t]+{_ARGUMENT}", ("htpasswd",)),
    ("password", rf"\brabbitmqctl[ \t]+(?:add_user|change_password|authenticate_user)[ \t]+\S{{1,100}}[ \t]+{_ARGUMENT}", ("rabbitmqctl",)),
    ("password", rf"\b(?:smbclient|rpcclient|net)\b[^\n|;]{{0,200}}?\s-U[ \t]*[\"']?[\w.\\/@-]{{1,100}}%{_PLAIN}(?P<secret>[^\s\"']+)", ("%",)),
    ("password", rf"\becho[ \t]+(?:-n[ \t]+)?{_ARGUMENT}[ \t]*\|[ \t]*(?:sudo[ \t]+-\w*S|(?:docker|podman|helm|gh|oras)[^\n]{{0,200}}(?:--password-stdin|--with-token))", ("echo",)),
    ("password", r"\becho[ \t]+(?:-n[ \t]+)?[\"']?[\w.-]{1,64}:(?![*$<{%\[])(?P<secret>[^\s\"'|]{1,200})[\"']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd", ("chpasswd",)),
    ("password", r"(?i)\bidentified[ \t]+(?:with[ \t]+\w{1,40}[ \t]+)?by[ \t]+(?:password[ \t]+)?[\"'](?![*$<{%\[])(?P<secret>[^\"'\r\n]{3,200})[\"']", ("identified",)),
    ("password", r"(?i)\bwith[ \t]+(?:encrypted[ \t]+)?password[ \t]+'(?![*$<{%\[])(?P<secret>[^'\r\n]{3,200})'", ("password",)),
    ("credentials", r"--from-literal=[\"']?[\w.-]{1,80}=[\"']?(?![*$<{%\[])(?P<secret>[^\s\"']{4,400})", ("--from-literal",)),
    ("key", r"(?i)\b(?:set|setx|setenv|env|export|set-item|configure[ \t]+set)(?:[ \t]+-\w{1,3})?[ \t]+[\w.-]{0,40}(?:key|token|secret|password|passwd|passphrase|pwd|pass|credential)[ \t]+[\"']?(?![*$<{%\[=])(?=[^\s\"']*\d)(?P<secret>[^\s\"'=]{8,400})", ("set", "env", "export")),
    (
        # A table, a list of pairs, a call with name and value, a typed declaration, a form.
        "named value",
        r"(?i)(?<![\w.-])[\w.-]{0,40}?(?:password|passwd|passphrase|pwd|[_-]pass|secret|token|credential"
        r"|(?:api|app|access|private|account|service|encryption|signing|master|license|subscription"
        r"|functions|hmac|deploy|client|host|openai|stripe|maps|secret)[_-]?key)[\"'`*]{0,3}"
        r"(?:\s{0,3},\s{0,3}[\"'](?!value\b)|,?\s{1,12}[\"']?value[\"']?\s{0,2}[:=]\s{0,2}[\"']?"
        r"|\s{0,3}\|\s{0,3}`?|:\*{0,2}\s{0,3}`|:\s{0,2}(?:string|str)\s{0,2}=\s{0,2}[\"']|\r?\n\r?\n)"
        rf"{_PLAIN}(?P<secret>[^\s\"'`|<>(){{}}\[\]]{{8,400}})(?![\w(])",
        ("pass", "pwd", "secret", "token", "credential", "key"),
    ),
    ("seed phrase", r"(?i)\b(?:mnemonic|(?:seed|recovery|secret)[ _]?phrase)[\"']?(?:[ \t]+is)?[ \t]{0,4}[:=]?[ \t]{0,4}[\"']?(?P<secret>(?:[a-z]{3,8}[ ]){11,23}[a-z]{3,8})\b", ("mnemonic", "phrase")),
)  # fmt: skip
