"""Tokens are bigint: a count beyond an integer column must not cost the answer its record"""

from collections.abc import Sequence

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TOKENS = (
    (
        "requests",
        (
            "original_tokens",
            "context_tokens",
            "counted_tokens",
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
        ),
    ),
    ("epochs", ("tokens_before", "tokens_after")),
)


def upgrade() -> None:
    _alter("bigint")


def downgrade() -> None:
    _alter("integer")


def _alter(kind: str) -> None:
    # One statement for a table: each rewrites it.
    for table, columns in _TOKENS:
        changes = ", ".join(f"ALTER COLUMN {column} TYPE {kind}" for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")
