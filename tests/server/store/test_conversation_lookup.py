"""A request is placed while its workflow starts: the look that was begun serves who asks first."""

from collections.abc import Sequence

from palimpsest.conversations.lookup import ConversationLookup
from palimpsest.conversations.model import Place
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.stored_requests import accept, settle

BODY = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}'
VIEW = parse(BODY)


class Counted(ConversationStore):
    """Counts the looks, of which the first so many find the database away."""

    def __init__(self, database: Database, failing: int = 0) -> None:
        super().__init__(database, "default")
        self.looks = 0
        self._failing = failing

    async def find_place(self, chain: Sequence[bytes]) -> Place:
        self.looks += 1
        if self.looks <= self._failing:
            raise DatabaseUnavailable("away")
        return await super().find_place(chain)


async def test_a_look_that_was_begun_is_the_first_one_s(database: Database) -> None:
    conversations = Counted(database)
    lookup = ConversationLookup(conversations)
    lookup.begin("req_1", VIEW)
    first = await lookup.find("req_1", VIEW)
    assert conversations.looks == 1
    assert first.place == Place()

    store = RequestStore(database)
    request_id = await accept(store, BODY)
    await settle(store, request_id, BODY, b"an answer")
    again = await lookup.find("req_1", VIEW)
    assert conversations.looks == 2, "a second try looks anew"
    assert again.chain == first.chain
    assert again.place.conversation_id == "conv_" + request_id


async def test_a_begun_look_that_failed_is_made_again(database: Database) -> None:
    conversations = Counted(database, failing=1)
    lookup = ConversationLookup(conversations)
    lookup.begin("req_1", VIEW)
    assert (await lookup.find("req_1", VIEW)).place == Place()
    assert conversations.looks == 2


async def test_a_request_that_came_in_elsewhere_is_placed_too(database: Database) -> None:
    conversations = Counted(database)
    lookup = ConversationLookup(conversations)
    assert (await lookup.find("req_2", VIEW)).place == Place()
