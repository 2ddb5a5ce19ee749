"""Lineage: which conversation a list of messages belongs to, and how far it is recorded.

A *chain* hashes the canonical forms of messages from a root, which is a tenant's in a project: it
names a conversation and a point in it. All hashes are 32 bytes of BLAKE3.
"""

from collections.abc import Sequence

from blake3 import blake3

from palimpsest.dialects.model import Dialect
from palimpsest.runtime.hash_chain import Hash, linked_hashes


def root(tenant: str, project: str = "") -> Hash:
    """The chain hash before the first message of a tenant's conversation in a project."""
    place = tenant.encode() + (b"\0" + project.encode() if project else b"")
    return blake3(b"palimpsest root 1\0" + place).digest()


def chain(start: Hash, messages: Sequence[bytes], dialect: Dialect) -> tuple[Hash, ...]:
    """One hash per message: ``chain[i]`` names the conversation up to and with message i."""
    return linked_hashes(dialect.name.encode(), start, messages, dialect.canonical_hash)
