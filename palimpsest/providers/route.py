"""The way to a provider: directly or through a proxy, and who is trusted on it."""

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.network_settings import NetworkSettings

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Route:
    """``proxies`` by the scheme of what they lead to, `all` for both; ``direct`` are the hosts that
    none is needed for, as `NO_PROXY` has them; ``certificates`` a file of those to trust."""

    proxies: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    direct: str = ""
    certificates: Path | None = None

    def proxy_to(self, url: httpx.URL) -> httpx.Proxy | None:
        """The proxy on the way to ``url``; None: directly."""
        proxy = self.proxies.get(url.scheme) or self.proxies.get("all")
        if not proxy or is_direct(self.direct, url.host, url.port or _PORTS.get(url.scheme, 0)):
            return None
        return httpx.Proxy(proxy, ssl_context=self.trust() if proxy.startswith("https:") else None)

    def options(self, url: str) -> dict[str, Any]:
        """How an httpx client reaches a server of the person's own choice, as its arguments: one
        on this machine directly, whatever the settings say, since no proxy has it."""
        parts = httpx.URL(url)
        proxy = None if _is_here(parts.host) else self.proxy_to(parts)
        return {"verify": self.trust(), "proxy": proxy, "trust_env": False}

    def trust(self) -> ssl.SSLContext:
        """Whom to trust. Raises StartupFailed where the certificates cannot be read."""
        if self.certificates is None:
            return httpx.create_ssl_context(trust_env=False)
        try:
            return ssl.create_default_context(cafile=self.certificates)
        except (OSError, ssl.SSLError) as error:
            raise StartupFailed(f"SSL_CERT_FILE={self.certificates}: {error}") from error


DIRECT = Route()


def route_of(settings: NetworkSettings) -> Route:
    """The way out, as the settings have it."""
    proxies = {
        "https": settings.https_proxy,
        "http": settings.http_proxy,
        "all": settings.all_proxy,
    }
    named = {scheme: proxy for scheme, proxy in proxies.items() if proxy}
    return Route(named, settings.no_proxy, settings.ssl_cert_file)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def is_direct(no_proxy: str, host: str, port: int) -> bool:
    """Whether a host is among those of `NO_PROXY`; what is none of its forms names nothing."""
    return any(_names(entry.strip().lower(), host.lower(), port) for entry in no_proxy.split(","))


def _names(entry: str, host: str, port: int) -> bool:
    if entry in ("", "*"):
        return entry == "*"
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.removeprefix("[").removesuffix("]")
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        suffix = entry.removeprefix("*").lstrip(".")
        return host == suffix or host.endswith(f".{suffix}")
    try:
        return ipaddress.ip_address(host.strip("[]")) in network
    except ValueError:
        return False
