"""The rewrite ledger"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_OF_A_REQUEST: Sequence[tuple[str, type[sa.types.TypeEngine[Any]], str]] = (
    ("context_mode", sa.Text, "off, observe, on"),
    ("applied_epoch", sa.LargeBinary, "chain; null: sent as it came"),
    ("observed_epoch", sa.LargeBinary, "chain of one that was not applied"),
    ("original_tokens", sa.Integer, "prompt as it came, estimated"),
    ("context_tokens", sa.Integer, "prompt as it was sent, estimated"),
)
_OF_A_HEAD = (
    ("applied_epoch", "of what was sent; null: as it came"),
    ("observed_epoch", "of what would have been sent"),
)


def upgrade() -> None:
    op.create_table(
        "epochs",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column(
            "chain", sa.LargeBinary(), nullable=False, comment="lineage through the last message"
        ),
        sa.Column("mode", sa.Text(), nullable=False, comment="on, or observe: never applied"),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, comment="pressure, cold"),
        sa.Column("tokens_before", sa.Integer(), nullable=False),
        sa.Column("tokens_after", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False, comment="the decisions, zstd"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "chain", "mode", name=op.f("pk_epochs")),
    )
    op.create_index(op.f("ix_epochs_conversation_id"), "epochs", ["conversation_id"], unique=False)
    for name, kind, comment in _OF_A_REQUEST:
        op.add_column("requests", sa.Column(name, kind(), nullable=True, comment=comment))
    for name, comment in _OF_A_HEAD:
        op.add_column("heads", sa.Column(name, sa.LargeBinary(), nullable=True, comment=comment))


def downgrade() -> None:
    for name, _ in reversed(_OF_A_HEAD):
        op.drop_column("heads", name)
    for name, _, _ in reversed(_OF_A_REQUEST):
        op.drop_column("requests", name)
    op.drop_index(op.f("ix_epochs_conversation_id"), table_name="epochs")
    op.drop_table("epochs")
