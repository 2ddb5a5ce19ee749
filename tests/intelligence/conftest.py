"""A database of a test's own, as for the stores."""

from tests.store.conftest import database, url

__all__ = ["database", "url"]
