"""What is known, and what was put before the model of it"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # Its number tells processes that something was erased; only a used one has a new number next.
    op.execute("CREATE SEQUENCE erasures")
    op.execute("SELECT nextval('erasures')")
    op.create_table(
        "forgotten",
        sa.Column("id", sa.Text(), nullable=False, comment="a memory that was deleted"),
        sa.Column(
            "final", sa.Boolean(), nullable=False, comment="by a person: it is not learned again"
        ),
        sa.Column(
            "changed",
            sa.BigInteger(),
            server_default=sa.text("CAST(CAST(pg_current_xact_id() AS text) AS bigint)"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forgotten")),
    )
    op.create_index(op.f("ix_forgotten_changed_id"), "forgotten", ["changed", "id"], unique=False)
    op.create_table(
        "memories",
        sa.Column("id", sa.Text(), nullable=False, comment="hash of what is known"),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False, comment="the client's working directory"),
        sa.Column("kind", sa.Text(), nullable=False, comment="turn, pattern, fix"),
        sa.Column("text", sa.Text(), nullable=False, comment="without secrets"),
        sa.Column("role", sa.Text(), nullable=False, comment="of a turn: user, assistant, tool"),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column(
            "chain",
            sa.LargeBinary(),
            nullable=True,
            comment="of a turn: lineage through its message",
        ),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("files", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="of a pattern or a fix",
        ),
        sa.Column("signature", sa.Text(), nullable=True, comment="of a fix: its error, normalised"),
        sa.Column("confidence", sa.Float(), server_default="1", nullable=False),
        sa.Column(
            "conversations",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="seen in so many",
        ),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("successes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "confirmed", sa.Boolean(), server_default="false", nullable=False, comment="by a person"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed",
            sa.BigInteger(),
            server_default=sa.text("CAST(CAST(pg_current_xact_id() AS text) AS bigint)"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memories")),
    )
    op.create_index(op.f("ix_memories_changed_id"), "memories", ["changed", "id"], unique=False)
    op.create_index(
        op.f("ix_memories_conversation_id"), "memories", ["conversation_id"], unique=False
    )
    op.create_index(op.f("ix_memories_signature"), "memories", ["signature"], unique=False)
    op.create_index(
        op.f("ix_memories_tenant_project_kind"),
        "memories",
        ["tenant", "project", "kind"],
        unique=False,
    )
    op.create_index(
        op.f("ix_memories_tenant_said_at_id"),
        "memories",
        ["tenant", "said_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_memories_words",
        "memories",
        [sa.literal_column("to_tsvector('simple', text)")],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("kind <> 'turn'"),
    )
    op.create_table(
        "segments",
        sa.Column(
            "chain", sa.LargeBinary(), nullable=False, comment="lineage through its last message"
        ),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False, comment="messages up to its end"),
        sa.Column(
            "learned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_segments")),
    )
    op.create_index(
        op.f("ix_segments_conversation_id"), "segments", ["conversation_id"], unique=False
    )
    op.create_table(
        "sightings",
        sa.Column("memory_id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False, comment="where it was seen"),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("memory_id", "conversation_id", name=op.f("pk_sightings")),
    )
    op.create_table(
        "unremembered",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False, comment="project, conversation"),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="whose turns are neither kept nor recalled"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "scope", "name", name=op.f("pk_unremembered")),
    )
    op.add_column(
        "conversations",
        sa.Column(
            "project", sa.Text(), server_default="", nullable=False, comment="working directory"
        ),
    )


def downgrade() -> None:
    op.execute("DROP SEQUENCE erasures")
    op.drop_column("conversations", "project")
    op.drop_table("unremembered")
    op.drop_table("sightings")
    op.drop_table("segments")
    op.drop_table("memories")
    op.drop_table("forgotten")
