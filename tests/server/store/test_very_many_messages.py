"""A history of very many messages is written and looked up in parts: none of them is lost."""

import json

from palimpsest.conversations.lookup import Arrival, ConversationLookup
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.gateway.model import EVERYONE
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.stored_requests import accept, settle

MANY = 9_001
"""More than two parts of either."""
ROLES = ("user", "assistant")


def body_of(messages: int) -> bytes:
    said = [{"role": ROLES[at % 2], "content": f"message {at}"} for at in range(messages)]
    return json.dumps({"model": "m", "max_tokens": 9, "messages": said}).encode()


async def test_a_body_of_very_many_messages_comes_back_byte_for_byte(database: Database) -> None:
    store = RequestStore(database)
    request_id = await accept(store, body_of(MANY))
    stored = await store.read_body(request_id)
    assert stored.frame.rebuild(stored.messages) == body_of(MANY)


async def test_a_conversation_is_found_by_a_head_far_back(database: Database) -> None:
    store = RequestStore(database)
    request_id = await accept(store, body_of(3))
    await settle(store, request_id, body_of(3), b"an answer")
    lookup = ConversationLookup(ConversationStore(database, "default"))
    found = await lookup.find(Arrival("req_2", parse(body_of(MANY)), (), EVERYONE))
    assert found.place.conversation_id == "conv_" + request_id
