"""The tables of memories. A *memory* is a part of a turn, a pattern or a fix
(palimpsest/memory/model.py), a *segment* the part of a history that was learned from.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from palimpsest.store.postgres.tables import caller_column, metadata, now_column


def changed_column() -> Column[int]:
    """The transaction that wrote the row, so that a reader can go on from where it was: all that
    is before the oldest running transaction is there for good."""
    return Column(
        "changed",
        BigInteger,
        nullable=False,
        server_default=text("CAST(CAST(pg_current_xact_id() AS text) AS bigint)"),
    )


memories = Table(
    "memories",
    metadata,
    Column("id", Text, primary_key=True, comment="hash of what is known"),
    Column("tenant", Text, nullable=False),
    caller_column(),
    Column("project", Text, nullable=False, comment="the client's working directory"),
    Column("kind", Text, nullable=False, comment="turn, pattern, fix"),
    Column("text", Text, nullable=False, comment="without secrets"),
    Column("role", Text, nullable=False, comment="of a turn: user, assistant, tool"),
    Column("conversation_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("chain", LargeBinary, comment="of a turn: lineage through its message"),
    Column("language", Text, nullable=False),
    Column("files", ARRAY(Text), nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("detail", JSONB, comment="of a pattern or a fix"),
    Column("signature", Text, comment="of a fix: its error, normalised"),
    Column("confidence", Float, nullable=False, server_default="1"),
    Column("conversations", Integer, nullable=False, server_default="1", comment="seen in so many"),
    Column("uses", Integer, nullable=False, server_default="0"),
    Column("successes", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("confirmed", Boolean, nullable=False, server_default="false", comment="by a person"),
    now_column("created_at"),
    changed_column(),
    Index(None, "changed", "id"),
    Index(None, "tenant", "project", "kind"),
    Index(None, "tenant", "said_at", "id"),
    Index(None, "conversation_id"),
    Index(None, "signature"),
    Index(
        "ix_memories_words",
        text("to_tsvector('simple', text)"),
        postgresql_using="gin",
        postgresql_where=text("kind <> 'turn'"),
    ),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("id", Text, primary_key=True, comment="a memory that was deleted"),
    Column("final", Boolean, nullable=False, comment="by a person: it is not learned again"),
    changed_column(),
    Index(None, "changed", "id"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("memory_id", Text, primary_key=True),
    Column("conversation_id", Text, primary_key=True, comment="where it was seen"),
    now_column("seen_at"),
)

unremembered = Table(
    "unremembered",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("scope", Text, primary_key=True, comment="project, conversation"),
    Column("name", Text, primary_key=True, comment="whose turns are neither kept nor recalled"),
    now_column("created_at"),
)

segments = Table(
    "segments",
    metadata,
    Column("chain", LargeBinary, primary_key=True, comment="lineage through its last message"),
    Column("conversation_id", Text, nullable=False),
    Column("depth", Integer, nullable=False, comment="messages up to its end"),
    now_column("learned_at"),
    Index(None, "conversation_id"),
)
