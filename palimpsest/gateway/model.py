"""Whose a request is: its tenant, until keys tell tenants apart, and the names of callers."""

from dataclasses import dataclass

TENANT = "default"

EVERYONE = ""
"""The caller of what all callers of an installation share: what was imported, and what was
recorded before callers were told apart."""
LOCAL_USER = "local"


@dataclass(frozen=True, slots=True)
class Ownership:
    """What an answer told of a token: ``digest`` is the token's, ``organisation`` whose it is."""

    digest: bytes
    organisation: str
