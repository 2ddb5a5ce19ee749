"""The lease has a fence"""

from collections.abc import Sequence

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.alter_column("requests", "epoch", new_column_name="fence")
    op.alter_column("journal", "epoch", new_column_name="fence")


def downgrade() -> None:
    op.alter_column("journal", "fence", new_column_name="epoch")
    op.alter_column("requests", "fence", new_column_name="epoch")
