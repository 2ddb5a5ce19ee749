"""Free ports for the embedded parts, on loopback, the same ones again where they are still free."""

import errno
import random
import socket

import psutil

LOOPBACK = "127.0.0.1"
RANGE = range(20000, 32000)
"""Below the ephemeral ports: no outgoing connection takes one while its server restarts."""


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there. Raises OSError if ``host`` is no address of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def holder_of(port: int) -> str | None:
    """Who listens there, as far as we may know: ``pid 123 (name)``."""
    try:
        for connection in psutil.net_connections("tcp"):
            address, pid = connection.laddr, connection.pid
            if connection.status == psutil.CONN_LISTEN and address and address.port == port:
                return f"pid {pid} ({psutil.Process(pid).name()})" if pid else None
    except (psutil.Error, OSError):
        return None
    return None


def choose(wanted: dict[str, int | None]) -> dict[str, int]:
    """A free port for each name, its wanted one if that is free; all different."""
    chosen: dict[str, int] = {}
    for name, port in wanted.items():
        candidate = port
        while candidate is None or candidate in chosen.values() or not is_free(candidate):
            candidate = random.choice(RANGE)
        chosen[name] = candidate
    return chosen
