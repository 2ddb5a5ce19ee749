"""A database of a test's own, as the store's tests have it."""

from tests.store.conftest import database, url

__all__ = ["database", "url"]
