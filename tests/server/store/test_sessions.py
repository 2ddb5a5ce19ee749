"""A session's newest answer says where the conversation was, in the store."""

import secrets
from dataclasses import replace
from typing import Any

from palimpsest.conversations.model import Place
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.request_life import (
    SHOWN,
    accepted,
    name,
    settled,
)


async def answered(database: Database, conversation: str, turn: int, **changes: Any) -> bytes:
    """The chain hash of an answered turn."""
    store, request_id = RequestStore(database), name()
    await store.accept(accepted(request_id, request_id))
    lease = await store.begin_attempt(request_id, "A", SHOWN)
    assert lease
    chain = secrets.token_bytes(32)
    fields: dict[str, Any] = {"conversation_id": conversation, "turn": turn, "chain": chain}
    end = settled(request_id, lease, **{**fields, **changes})
    assert await store.settle(end)
    assert end.chain
    return end.chain


async def test_the_newest_answer_of_a_session(database: Database) -> None:
    conversations = ConversationStore(database, "default")
    session, other = secrets.token_bytes(32), secrets.token_bytes(32)
    assert await conversations.find_session_place(session) == Place()
    await answered(database, "one", 3, session=session)
    newest = await answered(database, "two", 2, session=session)
    await answered(database, "a side line", 7)
    await answered(database, "another's", 9, session=other)
    place = await conversations.find_session_place(session)
    assert (place.conversation_id, place.turn, place.token_ratio) == ("two", 2, 1.0)
    assert place.idle is not None
    assert 0 <= place.idle < 60
    await answered(database, "two", 2, chain=newest)
    again = await conversations.find_session_place(session)
    assert replace(again, idle=place.idle) == place, "sent again"


async def test_a_turn_that_is_refused_is_no_place(database: Database) -> None:
    session = secrets.token_bytes(32)
    await answered(database, "one", 1, session=session, outcome="upstream_error")
    assert await ConversationStore(database, "default").find_session_place(session) == Place()
