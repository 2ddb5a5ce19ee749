"""Which organisation an OAuth token belongs to, by the token's hash."""

from sqlalchemy import text

from palimpsest.store.postgres.database import Database


class CallerStore:
    """Reads what settlements wrote of tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_organisation(self, digest: bytes) -> tuple[str | None, bool]:
        """The organisation of a token, None where no answer named it yet; and whether any token's
        is on record. Raises DatabaseUnavailable."""
        [row] = await self._database.run(_FIND, {"token": digest})
        return row["organisation"], row["any_known"]

    async def record(self, digest: bytes, organisation: str) -> None:
        """An answer named the organisation of a token."""
        await self._database.run(_RECORD, {"token": digest, "organisation": organisation})


_FIND = text("""
SELECT (SELECT organisation FROM token_owners WHERE token = :token) AS organisation,
       EXISTS (SELECT FROM token_owners) AS any_known
""")
_RECORD = text("""
INSERT INTO token_owners (token, organisation) VALUES (:token, :organisation)
ON CONFLICT (token) DO UPDATE SET organisation = excluded.organisation
""")
