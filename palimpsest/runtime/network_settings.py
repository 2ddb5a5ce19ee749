"""Settings of the way to the provider, under the names that every other tool reads them by."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, Field, field_validator

_SCHEMES = ("http", "https", "socks5", "socks5h")


class NetworkSettings(BaseModel):
    """Proxies on the way out, and who is trusted there."""

    https_proxy: str | None = Field(
        None,
        validation_alias=AliasChoices("HTTPS_PROXY"),
        description="Proxy on the way to an `https://` upstream: `http`, `https`, `socks5` or "
        "`socks5h` (names are resolved there with either), with name and password where it wants "
        "them",
    )
    http_proxy: str | None = Field(
        None,
        validation_alias=AliasChoices("HTTP_PROXY"),
        description="Proxy on the way to an `http://` upstream",
    )
    all_proxy: str | None = Field(
        None,
        validation_alias=AliasChoices("ALL_PROXY"),
        description="Proxy on the way to either, where it has none of its own",
    )
    no_proxy: str = Field(
        "",
        validation_alias=AliasChoices("NO_PROXY"),
        description="Hosts that are reached directly, between commas: names with all below them, "
        "addresses, networks (`10.0.0.0/8`), each with a port if need be; `*`: all",
    )
    ssl_cert_file: Path | None = Field(
        None,
        validation_alias=AliasChoices("SSL_CERT_FILE"),
        description="Certificates (PEM) to trust upstream, instead of those that come along",
    )
    header_timeout: float = Field(
        30, gt=0, description="Longest wait for a client's request line and headers"
    )
    body_timeout: float = Field(60, gt=0, description="Longest silence within a client's body")

    @field_validator("https_proxy", "http_proxy", "all_proxy")
    @classmethod
    def _is_proxy(cls, value: str | None) -> str | None:
        if not value:
            return None
        url = value if "://" in value else f"http://{value}"
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError("its port is no number") from error
        if parts.scheme not in _SCHEMES or not parts.hostname or port == 0:
            raise ValueError(f"must be {', '.join(_SCHEMES)}, as http://host:port")
        return url

    @field_validator("ssl_cert_file")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("is no file")
        return value
