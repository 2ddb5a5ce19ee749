"""Callers and origins"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_WHOSE = "whose it is; empty: of all, or of the time before callers were told apart"


def upgrade() -> None:
    op.create_table(
        "token_owners",
        sa.Column("token", sa.LargeBinary(), nullable=False, comment="hash of an OAuth token"),
        sa.Column("organisation", sa.Text(), nullable=False, comment="as the provider named it"),
        sa.Column(
            "learned_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_token_owners")),
    )
    for table in ("heads", "memories", "requests"):
        op.add_column(
            table,
            sa.Column("caller", sa.Text(), server_default="", nullable=False, comment=_WHOSE),
        )
    for table in ("heads", "requests"):
        op.add_column(
            table,
            sa.Column(
                "origin",
                sa.LargeBinary(),
                server_default=sa.text("''"),
                nullable=False,
                comment="the line that the conversation began on",
            ),
        )
    op.add_column(
        "heads",
        sa.Column(
            "history", sa.LargeBinary(), nullable=True, comment="the chain without its origin"
        ),
    )
    op.add_column(
        "heads",
        sa.Column(
            "answered",
            sa.LargeBinary(),
            nullable=True,
            comment="history through the answer to a first turn",
        ),
    )
    op.add_column(
        "heads",
        sa.Column(
            "named",
            sa.Boolean(),
            server_default="false",
            nullable=False,
            comment="its client named a session",
        ),
    )
    # It stays nullable, so that a process of the version before can go on for a while.
    op.execute("UPDATE heads SET history = chain")
    op.create_index(op.f("ix_heads_history_origin"), "heads", ["history", "origin"], unique=False)
    op.create_index(op.f("ix_heads_answered"), "heads", ["answered"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_heads_answered"), table_name="heads")
    op.drop_index(op.f("ix_heads_history_origin"), table_name="heads")
    for column in ("named", "answered", "history"):
        op.drop_column("heads", column)
    for table in ("heads", "requests"):
        op.drop_column(table, "origin")
    for table in ("heads", "memories", "requests"):
        op.drop_column(table, "caller")
    op.drop_table("token_owners")
