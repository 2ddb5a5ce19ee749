"""Summaries of what was cut, and the calls for them"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    kind = sa.Column(
        "kind",
        sa.Text(),
        server_default="answer",
        nullable=False,
        comment="answer, summary of a cut",
    )
    op.add_column("attempts", kind)
    op.alter_column("attempts", "number", comment="from 1, of each kind")
    _key("kind")
    op.create_table(
        "summaries",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column(
            "chain",
            sa.LargeBinary(),
            nullable=False,
            comment="of the epoch that it is made for",
        ),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "chain", name=op.f("pk_summaries")),
    )


def downgrade() -> None:
    op.drop_table("summaries")
    op.execute("DELETE FROM attempts WHERE kind <> 'answer'")
    _key()
    op.alter_column("attempts", "number", comment="from 1")
    op.drop_column("attempts", "kind")


def _key(*more: str) -> None:
    op.drop_constraint("pk_attempts", "attempts", type_="primary")
    op.create_primary_key("pk_attempts", "attempts", ["request_id", *more, "number"])
