"""The session of a head"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    comment = "hash of the client's session; null: a side line"
    op.add_column("heads", sa.Column("session", sa.LargeBinary(), nullable=True, comment=comment))
    op.create_index(
        op.f("ix_heads_session_created_at"), "heads", ["session", "created_at"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_heads_session_created_at"), table_name="heads")
    op.drop_column("heads", "session")
