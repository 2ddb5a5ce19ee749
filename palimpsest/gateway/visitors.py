"""Who may ask: programs, and pages of our own origin; no page of another site unless it is listed.

A browser names the page in `Origin` and `Sec-Fetch-Site`, and the server it believes to talk to in
`Host`: a page can point a DNS name of its own at us, but it cannot make a browser send an address
or `localhost` there. Programs send none of the first two.
"""

import ipaddress
import re
from collections.abc import Iterable

from palimpsest.runtime.errors import Forbidden

_NOT_FOREIGN = frozenset(("none", "same-origin"))
"""What a browser says of a request that a person typed, or a page of our own made."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\s:/@\[\]]+))(?::(?P<port>\d*))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^\s/]+)")


class Visitors:
    """``hosts``: further names that are ours, between commas, `*` for all; ``own_host``: the
    address we listen on; ``origins``: pages that may ask, between commas, `*` for all."""

    def __init__(self, hosts: str, own_host: str, origins: str = "") -> None:
        named = _listed(hosts)
        self._any_host = "*" in named
        self._hosts = named | {"localhost", own_host.lower()}
        self._origins = _listed(origins)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The listed origin that asks, which needs CORS answers; None for everybody else who may.
        Raises Forbidden for a `Host` that is not ours, and for a page that may not ask."""
        hosts, origins, sites = _values(headers, b"host", b"origin", b"sec-fetch-site")
        for host in hosts:
            self._check_host(host)
        listed = next((origin for origin in origins if self._is_listed(origin)), None)
        for origin in origins:
            if not self._is_listed(origin) and not self._is_own(origin, hosts):
                raise _refused(f"a page of {origin!r}")
        if listed is None and any(site not in _NOT_FOREIGN for site in sites):
            raise _refused("a page of another site")
        return listed

    def _check_host(self, host: str) -> None:
        if not self._any_host and not self._is_ours(host):
            raise Forbidden(
                f"Host {host!r} is not served here; "
                "add it to PALIMPSEST_ALLOWED_HOSTS if it is yours"
            )

    def _is_ours(self, host: str) -> bool:
        """Whether the name in a `Host` is one of ours, not only because all are let in."""
        match = _AUTHORITY.fullmatch(host)
        if match is None:
            return False
        name = match["v6"] or match["name"]
        return name in self._hosts or _is_address(name)

    def _is_listed(self, origin: str) -> bool:
        return "*" in self._origins or origin in self._origins

    def _is_own(self, origin: str, hosts: list[str]) -> bool:
        match = _ORIGIN.fullmatch(origin)
        if match is None or len(hosts) != 1 or not self._is_ours(hosts[0]):
            return False
        suffix = f":{_DEFAULT_PORTS[match['scheme']]}"
        return match["authority"].removesuffix(suffix) == hosts[0].removesuffix(suffix)


def _values(headers: Iterable[tuple[bytes, bytes]], *wanted: bytes) -> tuple[list[str], ...]:
    """All values of each header, small letters without space around them."""
    found: dict[bytes, list[str]] = {name: [] for name in wanted}
    for name, value in headers:
        if (values := found.get(name.lower())) is not None:
            values.append(value.decode("latin-1").strip().lower())
    return tuple(found.values())


def _listed(names: str) -> set[str]:
    return {name.strip().lower() for name in names.split(",") if name.strip()}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refused(who: str) -> Forbidden:
    return Forbidden(
        f"{who} may not use this proxy; add its origin to PALIMPSEST_ALLOWED_ORIGINS if it is yours"
    )
