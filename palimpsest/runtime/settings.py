"""Every setting of Palimpsest, read once from the environment; nothing else reads it."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import AfterValidator, AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from palimpsest.runtime.network_settings import NetworkSettings

EXIT_BAD_SETTING = 2


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _bare(name: str) -> AliasChoices:
    """A setting that carries the name its own project gives it, without our prefix."""
    return AliasChoices(name)


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Settings(NetworkSettings, BaseSettings):
    """The settings; each field is the variable ``PALIMPSEST_<FIELD>`` unless it names another.

    Times are in seconds, sizes in bytes.
    """

    model_config = SettingsConfigDict(
        env_prefix="PALIMPSEST_", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address the proxy listens on")
    port: int = Field(8080, ge=1, le=65535, description="Port the proxy listens on")
    upstream_url: HttpUrl = Field("https://api.anthropic.com", description="The Messages API")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("palimpsest")),
        description="Database, engine state, token and logs; by default in the XDG data directory",
    )
    context_window: int | None = Field(
        None, ge=1000, description="Context window in tokens, instead of the model table's"
    )
    context: Literal["off", "observe", "on"] = Field(
        "on",
        description="Rewriting: `on`; `observe`: decide, report, send unchanged; `off`: no new "
        "decisions. The header `x-palimpsest-context` overrules it",
    )
    context_cap: int = Field(
        180_000,
        ge=0,
        description="Most tokens of a prompt, also where the model takes more; 0 lifts it, as does "
        "the header `x-palimpsest-context-cap`",
    )
    context_target: int | None = Field(
        None,
        ge=1000,
        description="Tokens a rewrite prunes to; default: a share of the budget",
    )
    context_thrift: bool = Field(
        True,
        description="Rewrite before the limit too, where that is cheaper: the provider's cache "
        "is cold anyway, or the calls to come pay for it",
    )
    context_keep: int = Field(
        10, ge=1, description="Newest tool exchanges that a rewrite leaves alone"
    )
    summariser: str | None = Field(
        None,
        description="Model that summarises what a rewrite cuts, with the client's credentials; "
        "the request waits for it, 60 s at most; default: a manifest alone, without a call",
    )
    thinking_escape: bool = Field(
        False,
        description="Let the API drop thinking that a rewrite invalidates, by its beta, instead of "
        "taking it out",
    )
    intelligence: Literal["on", "off"] = Field(
        "on",
        description="Inject memories on turns of a person; the header `x-palimpsest-memory: off` "
        "keeps a conversation out of it, for good",
    )
    intelligence_budget: int = Field(
        4000, ge=100, le=50_000, description="Most tokens injected at once; fewer in a short prompt"
    )
    intelligence_deadline: float = Field(
        0.25, gt=0, description="Longest lookup of memories; after it a request goes on without"
    )
    intelligence_threshold: float = Field(
        0.5, ge=0, le=1, description="Least relevance, 0 to 1, of an injected memory"
    )
    intelligence_scope: Literal["project", "all"] = Field(
        "project", description="Recall memories of the client's working directory only, or of all"
    )
    embedder: str = Field(
        "static", description="`static`: in the package; `fastembed:<model>`; `openai:<model>`"
    )
    embedder_url: HttpUrl = Field(
        "https://api.openai.com", description="Server of `openai:` embedders"
    )
    embedder_key: str | None = Field(None, description="Key of that server")
    reranker: str | None = Field(
        None, description="Cross-encoder of fastembed that reranks the best hits"
    )
    learning: Literal["on", "off"] = Field("on", description="Archive turns, and learn from them")
    learning_idle: float = Field(
        600, ge=0, description="Idle time after which a conversation is learned from"
    )
    learning_rate: float = Field(
        1, gt=0, description="Most segments that are learned from in a second"
    )
    distiller: str | None = Field(
        None, description="Model that words learned fixes; default: rules alone"
    )
    distiller_key: str | None = Field(None, description="API key for the distiller's calls")
    distiller_tokens: int = Field(
        200_000, ge=0, description="Most tokens that the distiller uses in a day"
    )
    forget: str = Field(
        "",
        description="Projects that no memories are kept of: patterns of paths, between commas",
    )
    allowed_hosts: str = Field(
        "", description="Further `Host` names to accept, separated by commas; `*` accepts all"
    )
    allowed_origins: str = Field(
        "",
        description="Web pages that may use the proxy: origins as `https://a.example`, separated "
        "by commas; `*`: all",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: console on a terminal, else JSON"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Log level")
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest request body")
    retention_days: float = Field(30, gt=0, description="Days that captured content is kept")
    capture_max_bytes: int = Field(
        5 * 1024**3, ge=1024**2, description="Size cap of captured content; the oldest goes first"
    )
    history_retention_days: int = Field(
        7, ge=1, description="Days that the engine keeps workflow histories"
    )
    retry_attempts: int = Field(
        4, ge=1, description="Calls upstream for one request, the first included"
    )
    retry_total: float = Field(120, gt=0, description="No new attempt after this many seconds")
    connect_timeout: float = Field(10, gt=0, description="Longest connect to the upstream")
    first_byte_timeout: float = Field(
        600, gt=0, description="Longest silence before the upstream's answer"
    )
    idle_timeout: float = Field(
        300, gt=0, description="Longest silence within the upstream's answer"
    )
    commit_after: float = Field(
        15, gt=0, description="A stream waits this long for the upstream's status, then 200 is sent"
    )
    ping_after: float = Field(15, gt=0, description="Silence after which a stream gets a ping")
    client_gone_grace: float = Field(
        30,
        ge=0,
        description="How long an upstream call goes on without its client; `inf`: for ever",
    )
    coalesce: Literal["always", "session", "never"] = Field(
        "session", description="Which identical requests are one: see `docs/configuration.md`"
    )
    on_outage: Literal["refuse", "pass"] = Field(
        "refuse", description="Engine or database down: 503, or pass first turns through unmanaged"
    )
    begun_at_once: int = Field(
        48, ge=1, description="Requests that are begun at the same time, until they are dialled"
    )
    queue_length: int = Field(
        1000, ge=0, description="Requests that wait to be begun, by turns of callers; more get 529"
    )
    vault_key: str | None = Field(
        None,
        description="Key of the credentials' vault, base64 of 32 bytes, the same for all "
        "processes; default: a file in the data directory",
    )
    drain_timeout: float = Field(
        30, ge=0, description="How long running streams may finish after SIGTERM"
    )
    engine_timeout: float = Field(
        5, gt=0, description="Longest silence of engine or database, then 503"
    )
    temporal_server: Literal["dev", "postgres"] = Field(
        "dev",
        description="Embedded engine: the dev server, or the real server on Postgres (needs Go)",
    )
    task_queue: str = Field(
        "palimpsest",
        min_length=1,
        description="Task queue; each edge needs one of its own, or all share one and `REDIS_URL`",
    )
    max_concurrent_requests: int = Field(
        1000, ge=1, description="Forwards that run at once in one process"
    )

    temporal_address: str | None = Field(
        None,
        validation_alias=_bare("TEMPORAL_ADDRESS"),
        description="`host:port` of a Temporal server, instead of the embedded one",
    )
    temporal_namespace: str = Field(
        "default", validation_alias=_bare("TEMPORAL_NAMESPACE"), description="Namespace to use"
    )
    temporal_tls: bool = Field(
        False, validation_alias=_bare("TEMPORAL_TLS"), description="TLS to the engine"
    )
    temporal_api_key: str | None = Field(
        None, validation_alias=_bare("TEMPORAL_API_KEY"), description="Key for Temporal Cloud"
    )
    database_url: str | None = Field(
        None,
        validation_alias=_bare("DATABASE_URL"),
        description="`postgresql://…` of a database, instead of the embedded one",
    )
    qdrant_url: HttpUrl | None = Field(
        None,
        validation_alias=_bare("QDRANT_URL"),
        description="Qdrant server, instead of the embedded index",
    )
    redis_url: str | None = Field(
        None,
        validation_alias=_bare("REDIS_URL"),
        description="Redis server: edges hold clients, `worker.py` calls upstream",
    )

    @field_validator("data_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: str | None) -> str | None:
        if value and not value.startswith(
            ("postgresql://", "postgres://", "postgresql+asyncpg://")
        ):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in filter(None, (part.strip() for part in value.split(","))):
            if origin != "*" and not re.fullmatch(r"[a-zA-Z][\w+.-]*://[^\s/]+", origin):
                raise ValueError("must be origins as https://a.example, without a path")
        return value

    @field_validator("temporal_address")
    @classmethod
    def _has_port(cls, value: str | None) -> str | None:
        if value and not value.rpartition(":")[2].isdigit():
            raise ValueError("must be host:port")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str | None) -> str | None:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://")
        return value

    @classmethod
    def load(cls) -> Self:
        """Read the environment; a wrong value ends the process with one line and status 2."""
        try:
            return cls()  # pyright: ignore[reportCallIssue]
        except ValidationError as error:
            first = error.errors()[0]
            name = variable_of(str(first["loc"][0])) if first["loc"] else "settings"
            message = first["msg"].removeprefix("Value error, ")
            shown = re.sub(r"//[^/]*@", "//…@", str(first["input"]))
            sys.stderr.write(f"palimpsest: {name}={shown}: {message}\n")
            raise SystemExit(EXIT_BAD_SETTING) from None


def variable_of(field: str) -> str:
    """The environment variable of a field, given by its name or its alias."""
    info = Settings.model_fields.get(field)
    if info is None:
        return field
    if isinstance(info.validation_alias, AliasChoices):
        return str(info.validation_alias.choices[0])
    return f"PALIMPSEST_{field.upper()}"


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with ``extra`` laid over it, for a process it starts."""
    return {**os.environ, **extra}
