"""A request is placed while its workflow starts: the look that was begun serves who asks first."""

from palimpsest.conversations.lookup import Arrival, ConversationLookup
from palimpsest.conversations.model import Lineage, Place
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.gateway.model import EVERYONE
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.stored_requests import accept, settle

BODY = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}'
NEXT = BODY.replace(
    b"}]}",
    b'},{"role":"assistant","content":"hi"},{"role":"user","content":"go on"}]}',
)
ONE = Arrival("req_1", parse(BODY), (), EVERYONE)


class Counted(ConversationStore):
    """Counts the looks, of which the first so many find the database away."""

    def __init__(self, database: Database, failing: int = 0) -> None:
        super().__init__(database, "default")
        self.looks = 0
        self._failing = failing

    async def find_place(self, lineage: Lineage) -> Place:
        self.looks += 1
        if self.looks <= self._failing:
            raise DatabaseUnavailable("away")
        return await super().find_place(lineage)


async def test_a_look_that_was_begun_is_the_first_one_s(database: Database) -> None:
    conversations = Counted(database)
    lookup = ConversationLookup(conversations)
    lookup.begin(ONE)
    first = await lookup.find(ONE)
    assert conversations.looks == 1
    assert first.place == Place()

    store = RequestStore(database)
    request_id = await accept(store, BODY)
    await settle(store, request_id, BODY, b"an answer")
    next_turn = Arrival("req_1", parse(NEXT), (), EVERYONE)
    again = await lookup.find(next_turn)
    assert conversations.looks == 2, "a second try looks anew"
    assert again.lineage.history[0] == first.lineage.history[0]
    assert again.place.conversation_id == "conv_" + request_id


async def test_a_begun_look_that_failed_is_made_again(database: Database) -> None:
    conversations = Counted(database, failing=1)
    lookup = ConversationLookup(conversations)
    lookup.begin(ONE)
    assert (await lookup.find(ONE)).place == Place()
    assert conversations.looks == 2


async def test_a_request_that_came_in_elsewhere_is_placed_too(database: Database) -> None:
    conversations = Counted(database)
    lookup = ConversationLookup(conversations)
    assert (await lookup.find(ONE)).place == Place()
