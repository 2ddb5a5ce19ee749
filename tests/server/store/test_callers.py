"""Whose a token is: learned from answers, shared through the database, asked for once."""

from palimpsest.conversations.callers import Callers
from palimpsest.gateway.model import LOCAL_USER
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import UpstreamUnreachable
from palimpsest.store.postgres.callers import CallerStore
from palimpsest.store.postgres.database import Database

FIRST = ((b"authorization", b"Bearer sk-ant-oat01-first"),)
SECOND = ((b"authorization", b"Bearer sk-ant-oat01-second"),)
ANSWER = ((b"anthropic-organization-id", b"org-1"),)


class Provider:
    """Names an organisation, or none, and counts how often it was asked."""

    def __init__(self, answer: RawHeaders = (), error: Exception | None = None) -> None:
        self.answer, self.error, self.asked = answer, error, 0

    async def ask(self, headers: RawHeaders) -> RawHeaders:
        self.asked += 1
        if self.error:
            raise self.error
        return self.answer


async def test_what_one_process_learned_another_knows(database: Database) -> None:
    store = CallerStore(database)
    one, two = Callers(store), Callers(store)
    caller, owner = one.learn(LOCAL_USER, FIRST, ANSWER)
    assert owner
    assert one.learn(caller, FIRST, ANSWER) == (caller, None), "it is nothing new"
    await store.record(owner.digest, owner.organisation)
    assert await two.identify(FIRST) == caller
    assert two.identify_at_once(FIRST) == caller


async def test_nobody_is_asked_while_no_organisation_is_on_record(database: Database) -> None:
    provider = Provider(ANSWER)
    assert await Callers(CallerStore(database), provider.ask).identify(FIRST) == LOCAL_USER
    assert provider.asked == 0


async def test_a_provider_that_names_nobody_is_not_asked_again(database: Database) -> None:
    store, provider = CallerStore(database), Provider()
    await store.record(b"another token", "org-1")
    callers = Callers(store, provider.ask, unknown_seconds=0)
    assert [await callers.identify(SECOND) for _ in range(3)] == [LOCAL_USER] * 3
    assert provider.asked == 1


async def test_a_provider_that_is_away_is_asked_again(database: Database) -> None:
    store, provider = CallerStore(database), Provider(ANSWER, UpstreamUnreachable("away"))
    await store.record(b"another token", "org-1")
    callers = Callers(store, provider.ask, unknown_seconds=0)
    assert await callers.identify(SECOND) == LOCAL_USER
    provider.error = None
    named = await callers.identify(SECOND)
    assert named == Callers(store).learn(LOCAL_USER, SECOND, ANSWER)[0]
    assert provider.asked == 2
