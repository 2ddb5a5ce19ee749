"""Both activities of the learning, on a database of their own."""

import pytest

from palimpsest.store.postgres.database import Database
from tests.support.learner import Learner, new_learner


@pytest.fixture
def learner(database: Database) -> Learner:
    return new_learner(database)
