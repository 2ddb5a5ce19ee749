# ruff: noqa: E501
"""Texts with a secret, as vendors' documents and people's terminals show them; none is a real one.

`VENDORS` are forms of their own, `TOLD` places that tell of a secret: of each the secret, made from
a random source, and for places the text around it. What is harmless: tests/support/harmless_texts.
"""

import base64
import json
import uuid
from collections.abc import Callable
from random import Random

from tests.support.planted_secrets import ALNUM, HEX, SAFE

Made = Callable[[Random], str]
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LOWER = UPPER.lower()


def of(random: Random, alphabet: str, count: int) -> str:
    """With letters and digits in it."""
    drawn = "".join(random.choices(alphabet, k=count - 4))
    return (
        random.choice([char for char in alphabet[:26] if char.isalpha()])
        + drawn
        + str(random.randrange(200, 999))
    )


def id_of(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


VENDORS: dict[str, Made] = {
    "anthropic": lambda r: f"sk-ant-oat01-{of(r, SAFE, 80)}",
    "openrouter": lambda r: f"sk-or-v1-{of(r, HEX, 64)}",
    "openai service": lambda r: f"sk-svcacct-{of(r, SAFE, 60)}",
    "groq": lambda r: f"gsk_{of(r, ALNUM, 52)}",
    "perplexity": lambda r: f"pplx-{of(r, ALNUM, 48)}",
    "xai": lambda r: f"xai-{of(r, ALNUM, 80)}",
    "langsmith": lambda r: f"lsv2_pt_{of(r, HEX, 32)}_{of(r, HEX, 10)}",
    "elevenlabs": lambda r: f"sk_{of(r, HEX, 48)}",
    "pinecone": lambda r: f"pcsk_{of(r, ALNUM, 6)}_{of(r, ALNUM, 60)}",
    "tavily": lambda r: f"tvly-dev-{of(r, ALNUM, 32)}",
    "replicate": lambda r: f"r8_{of(r, ALNUM, 37)}",
    "google refresh": lambda r: f"1//0{of(r, SAFE, 60)}",
    "google secret": lambda r: f"GOCSPX-{of(r, SAFE, 28)}",
    "github app": lambda r: f"ghs_{of(r, ALNUM, 36)}",
    "gitlab deploy": lambda r: f"gldt-{of(r, SAFE, 20)}",
    "gitlab runner": lambda r: f"glrt-{of(r, SAFE, 20)}",
    "rubygems": lambda r: f"rubygems_{of(r, HEX, 48)}",
    "crates": lambda r: f"cio{of(r, ALNUM, 32)}",
    "pypi": lambda r: f"pypi-AgEIcHlwaS5vcmc{of(r, SAFE, 80)}",
    "artifactory": lambda r: f"AKCp{of(r, ALNUM, 69)}",
    "docker": lambda r: f"dckr_pat_{of(r, SAFE, 27)}",
    "circleci": lambda r: f"CCIPAT_{of(r, ALNUM, 22)}_{of(r, HEX, 40)}",
    "buildkite": lambda r: f"bkua_{of(r, HEX, 40)}",
    "sonar": lambda r: f"squ_{of(r, HEX, 40)}",
    "postman": lambda r: f"PMAK-{of(r, HEX, 24)}-{of(r, HEX, 34)}",
    "atlassian": lambda r: f"ATATT3xFfGF0{of(r, SAFE, 170)}=A1B2C3D4",
    "bitbucket": lambda r: f"ATBB{of(r, ALNUM, 32)}",
    "terraform": lambda r: f"{of(r, ALNUM, 14)}.atlasv1.{of(r, SAFE, 67)}",
    "pulumi": lambda r: f"pul-{of(r, HEX, 40)}",
    "doppler": lambda r: f"dp.pt.{of(r, ALNUM, 43)}",
    "doppler service": lambda r: f"dp.st.prd.{of(r, ALNUM, 43)}",
    "vault": lambda r: f"hvs.CAESI{of(r, SAFE, 90)}",
    "1password": lambda r: f"ops_eyJ{of(r, SAFE, 200)}",
    "aws": lambda r: f"ASIA{of(r, UPPER, 16).upper()}",
    "azure": lambda r: f"{of(r, ALNUM, 5)[:3]}8Q~{of(r, SAFE, 34)}",
    "alibaba": lambda r: f"LTAI{of(r, ALNUM, 20)}",
    "tailscale": lambda r: f"tskey-auth-{of(r, ALNUM, 17)}-{of(r, ALNUM, 32)}",
    "tailscale api": lambda r: f"tskey-api-{of(r, ALNUM, 12)}CNTRL-{of(r, ALNUM, 32)}",
    "fly": lambda r: f"fm2_{of(r, ALNUM, 120)}",
    "heroku": lambda r: f"HRKU-{id_of(r)}",
    "netlify": lambda r: f"nfp_{of(r, ALNUM, 36)}",
    "supabase": lambda r: f"sbp_{of(r, HEX, 40)}",
    "planetscale": lambda r: f"pscale_tkn_{of(r, SAFE, 43)}",
    "neon": lambda r: f"napi_{of(r, LOWER, 64)}",
    "databricks": lambda r: f"dapi{of(r, HEX, 32)}",
    "new relic": lambda r: f"NRAK-{of(r, UPPER, 27).upper()}",
    "sentry": lambda r: f"sntryu_{of(r, HEX, 64)}",
    "grafana": lambda r: f"glsa_{of(r, ALNUM, 32)}_{of(r, HEX, 8)}",
    "dynatrace": lambda r: f"dt0c01.{of(r, UPPER, 24).upper()}.{of(r, UPPER, 64).upper()}",
    "stripe hook": lambda r: f"whsec_{of(r, ALNUM, 32)}",
    "square": lambda r: f"sq0atp-{of(r, SAFE, 22)}",
    "plaid": lambda r: f"access-sandbox-{id_of(r)}",
    "shopify": lambda r: f"shpat_{of(r, HEX, 32)}",
    "slack app": lambda r: (
        f"xapp-1-A0{of(r, UPPER, 9).upper()}-{r.randrange(10**12)}-{of(r, HEX, 64)}"
    ),
    "slack flow": lambda r: (
        f"https://hooks.slack.com/triggers/T{of(r, UPPER, 9).upper()}/{r.randrange(10**12)}/{of(r, HEX, 32)}"
    ),
    "discord": lambda r: f"MTI{of(r, ALNUM, 21)}.G{of(r, ALNUM, 5)}.{of(r, SAFE, 38)}",
    "discord hook": lambda r: (
        f"https://discord.com/api/webhooks/{r.randrange(10**17, 10**18)}/{of(r, SAFE, 68)}"
    ),
    "telegram": lambda r: f"{r.randrange(10**9, 10**10)}:AA{of(r, SAFE, 33)}",
    "mailgun": lambda r: f"key-{of(r, HEX, 32)}",
    "mailchimp": lambda r: f"{of(r, HEX, 32)}-us12",
    "resend": lambda r: f"re_{of(r, ALNUM, 8)}_{of(r, ALNUM, 24)}",
    "linear": lambda r: f"lin_api_{of(r, ALNUM, 40)}",
    "notion": lambda r: f"ntn_{of(r, ALNUM, 46)}",
    "airtable": lambda r: f"pat{of(r, ALNUM, 14)}.{of(r, HEX, 64)}",
    "asana": lambda r: (
        f"2/{r.randrange(10**15, 10**16)}/{r.randrange(10**15, 10**16)}:{of(r, HEX, 32)}"
    ),
    "hubspot": lambda r: f"pat-na1-{id_of(r)}",
    "figma": lambda r: f"figd_{of(r, SAFE, 40)}",
    "typeform": lambda r: f"tfp_{of(r, SAFE, 59)}",
    "launchdarkly": lambda r: f"sdk-{id_of(r)}",
    "age": lambda r: f"AGE-SECRET-KEY-1{of(r, UPPER, 58).upper()}",
}


def word(random: Random) -> str:
    """A password with signs that a shell lets through."""
    return of(random, ALNUM + "_+-", random.randint(8, 20))


def key(random: Random) -> str:
    return of(random, random.choice((HEX, ALNUM)), random.choice((24, 32, 40)))


def _login(secret: str) -> str:
    return base64.b64encode(f"me:{secret}".encode()).decode()


TOLD: tuple[tuple[Made, Callable[[str], str]], ...] = (
    (word, lambda s: f"machine api.example.com login me password {s}\nmachine other"),
    (word, lambda s: f"machine api.example.com\n  login me\n  password {s}\n"),
    (lambda r: _login(word(r)), lambda s: json.dumps({"auths": {"ghcr.io": {"auth": s}}})),
    (lambda r: _login(word(r)), lambda s: f"//registry.npmjs.org/:_auth={s}\nalways-auth=true"),
    (key, lambda s: f"//registry.npmjs.org/:_authToken={s}"),
    (id_of, lambda s: f"//npm.pkg.github.com/:_authToken={s}"),
    (lambda r: base64.b64encode(word(r).encode()).decode(), lambda s: f"//npm.corp/:_password={s}"),
    (key, lambda s: f"users:\n- name: admin\n  user:\n    token: {s}\n"),
    (lambda r: base64.b64encode(r.randbytes(300)).decode(), lambda s: f"    client-key-data: {s}\n"),
    (word, lambda s: f"users:\n- user:\n    username: admin\n    password: {s}\n"),
    (word, lambda s: f"<server><id>x</id><username>me</username><password>{s}</password></server>"),
    (word, lambda s: f"<wsse:Password Type='PasswordText'>{s}</wsse:Password>"),
    (key, lambda s: f'<add key="ApiKey" value="{s}" />'),
    (key, lambda s: f'<string name="api_key">{s}</string>'),
    (word, lambda s: f'<property name="hibernate.connection.password" value="{s}"/>'),
    (word, lambda s: f"<key>SMTPPassword</key>\n<string>{s}</string>"),
    (word, lambda s: f"docker login -u me -p {s} registry.example.com"),
    (word, lambda s: f"docker login registry.example.com --username me --password '{s}'"),
    (word, lambda s: f"echo {s} | docker login -u me --password-stdin"),
    (word, lambda s: f"echo '{s}' | sudo -S apt update"),
    (word, lambda s: f"echo 'root:{s}' | chpasswd"),
    (word, lambda s: f"helm registry login r.example.com -u me -p {s}"),
    (word, lambda s: f"redis-cli -h cache -a {s} ping"),
    (word, lambda s: f"redis-cli -h cache -a '{s}' --no-auth-warning ping"),
    (key, lambda s: f"curl -b session={s} https://host/"),
    (key, lambda s: f"curl -s --cookie 'sid={s}' https://host/"),
    (word, lambda s: f"curl --user me:{s} https://host/"),
    (word, lambda s: f"http -a me:{s} GET host/api"),
    (word, lambda s: f"mongosh -u me -p {s} --authenticationDatabase admin"),
    (word, lambda s: f"sqlcmd -S db -U sa -P '{s}' -Q 'select 1'"),
    (word, lambda s: f"mysqldump -uroot -p'{s}' shop"),
    (word, lambda s: f"PGPASSWORD={s} psql -h db"),
    (word, lambda s: f"ldapsearch -x -D cn=admin -w {s} -b dc=x"),
    (word, lambda s: f"keytool -list -keystore k.jks -storepass {s}"),
    (word, lambda s: f"openssl rsa -in k.pem -passin pass:{s} -out o.pem"),
    (word, lambda s: f"htpasswd -bc /etc/nginx/htpasswd me {s}"),
    (word, lambda s: f"rabbitmqctl add_user me {s}"),
    (word, lambda s: f"zip -r -P {s} out.zip dir"),
    (word, lambda s: f"CREATE USER me IDENTIFIED BY '{s}';"),
    (word, lambda s: f"ALTER ROLE me WITH PASSWORD '{s}';"),
    (word, lambda s: f"kubectl create secret generic db --from-literal=pw={s}"),
    (key, lambda s: f"aws configure set aws_secret_access_key {s}"),
    (key, lambda s: f"set -x OPENAI_API_KEY {s}"),
    (key, lambda s: f"ENV STRIPE_SECRET_KEY {s}"),
    (key, lambda s: f'$env:API_KEY = "{s}"'),
    (key, lambda s: f"setx API_TOKEN {s}"),
    (word, lambda s: f"postgres://me:{s[:4]}/{s[4:]}@db.internal:5432/shop"),
    (word, lambda s: f"mysql+pymysql://root:{s[:3]}/{s[3:]}@127.0.0.1/shop"),
    (word, lambda s: f"amqp://me:{s}@mq:5672/%2f"),
    (word, lambda s: f"mongodb+srv://me:{s}@c0.example.net/?retryWrites=true"),
    (word, lambda s: f"jdbc:postgresql://db/shop?user=me&password={s}&ssl=true"),
    (word, lambda s: f"jdbc:oracle:thin:scott/{s}@//db:1521/x"),
    (word, lambda s: f"Server=db;Database=shop;User Id=sa;Password={s};Encrypt=true"),
    (key, lambda s: f"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={s}="),
    (key, lambda s: f"Ocp-Apim-Subscription-Key: {s}"),
    (key, lambda s: f"x-functions-key: {s}"),
    (key, lambda s: f"-H 'X-Auth-Token: {s}'"),
    (key, lambda s: f"DD_API_KEY={s}"),
    (key, lambda s: f"https://api.example.com/v1?key={s}"),
    (key, lambda s: f"https://host/c?sv=2022-11-02&sr=b&sig={s}%3D"),
    (key, lambda s: f"Authorization: Basic {_login(s)}"),
    (key, lambda s: f"spring.datasource.secret-key={s}"),
    (key, lambda s: f"api_key: {s}"),
    (key, lambda s: f'[default]\naws_session_token = "{s}"'),
    (key, lambda s: f"login --api-key {s} --verbose"),
    (key, lambda s: json.dumps({"refresh_token": s, "expires_in": 3600})),
    (word, lambda s: f"ansible_become_pass: {s}"),
    (word, lambda s: f'password = """{s}"""'),
)  # fmt: skip
