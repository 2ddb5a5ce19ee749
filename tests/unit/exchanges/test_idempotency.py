"""The rules of a re-send, against a table written from the issue's words."""

import itertools

import pytest

from palimpsest.exchanges.idempotency import Coalesce, ResendTarget, identify, is_resend
from palimpsest.exchanges.model import Identity
from palimpsest.runtime.errors import BadRequest

BODY = b'{"model":"m","messages":[]}'
TARGET = b"/v1/messages?beta=true"
KEY = (b"x-api-key", b"sk-1")
SESSION = (b"x-claude-code-session-id", b"s")
MARKS = {
    "key": (b"idempotency-key", b"k"),
    "named": (b"x-palimpsest-request-id", b"req_1"),
    "retry": (b"x-stainless-retry-count", b"2"),
}


def of(*headers: tuple[bytes, bytes], target: bytes = TARGET, body: bytes = BODY) -> Identity:
    return identify(target, (KEY, *headers), body)


def known(state: str, *, waiting: bool = False, same: bool = True) -> ResendTarget:
    return ResendTarget(
        same_identity=same,
        ended_without_answer=state == "failed",
        delivered=state == "delivered",
        waiting=waiting,
    )


# mode, who asks, state of the known request, its first client is connected -> is it a re-send?
TABLE = [
    ("session", "plain", "running", True, False),  # two live unmarked clients want two samples
    ("session", "plain", "running", False, True),  # the first client's connection is gone
    ("session", "session", "running", True, True),  # the same session and agent
    ("session", "retry", "running", True, True),  # it says so
    ("session", "key", "running", True, True),
    ("session", "named", "running", True, True),
    ("session", "plain", "undelivered", False, True),  # ended undelivered: every byte again
    ("session", "plain", "delivered", False, False),  # delivered whole: a new request
    ("session", "session", "delivered", True, False),
    ("session", "retry", "delivered", True, False),
    ("session", "key", "delivered", True, True),  # unless it carries the key
    ("session", "named", "delivered", True, True),
    ("always", "plain", "running", True, True),
    ("always", "plain", "delivered", True, False),
    ("always", "key", "delivered", False, True),
    *[
        ("never", who, state, waiting, False)
        for who, state, waiting in itertools.product(
            ("plain", "session", "retry", "key", "named"),
            ("running", "undelivered", "delivered"),
            (True, False),
        )
    ],
    *[
        (mode, who, "failed", waiting, False)  # what has no answer gives none
        for mode, who, waiting in itertools.product(
            ("always", "session", "never"),
            ("plain", "session", "retry", "key", "named"),
            (True, False),
        )
    ],
]


@pytest.mark.parametrize(("mode", "who", "state", "waiting", "expected"), TABLE)
def test_table(mode: str, who: str, state: str, waiting: bool, expected: bool) -> None:
    asking = {"plain": of(), "session": of(SESSION)} | {
        mark: of(header) for mark, header in MARKS.items()
    }
    assert is_resend(Coalesce(mode), asking[who], known(state, waiting=waiting)) is expected


@pytest.mark.parametrize("mark", ["key", "named"])
@pytest.mark.parametrize("mode", ["always", "session"])
@pytest.mark.parametrize("state", ["running", "undelivered", "delivered"])
def test_a_name_that_belongs_to_another_body_is_refused(mark: str, mode: str, state: str) -> None:
    with pytest.raises(BadRequest):
        is_resend(Coalesce(mode), of(MARKS[mark]), known(state, same=False))


def test_what_an_identity_is_made_of() -> None:
    plain = of()
    for other in (
        of(body=BODY + b" "),
        of(target=b"/v1/messages"),
        identify(TARGET, ((b"x-api-key", b"sk-2"),), BODY),
        identify(TARGET, ((b"authorization", b"sk-1"),), BODY),
    ):
        assert other.identity != plain.identity
        assert other.fingerprint != plain.fingerprint


def test_session_and_agent_tell_claims_apart_but_not_identities() -> None:
    agent = b"x-claude-code-agent-id"
    several = [of(), of(SESSION), of(SESSION, (agent, b"1")), of(SESSION, (agent, b"2"))]
    assert len({each.identity for each in several}) == 1
    assert len({each.fingerprint for each in several}) == 4


def test_what_the_client_changes_in_a_resend_does_not_count() -> None:
    """Retry counts, trace ids, header order and the case of names."""
    again = identify(
        TARGET,
        ((b"x-stainless-retry-count", b"1"), (b"traceparent", b"x"), (b"X-Api-Key", b"sk-1")),
        BODY,
    )
    assert (again.identity, again.fingerprint) == (of().identity, of().fingerprint)


def test_a_key_stands_for_itself_within_its_credential() -> None:
    key = MARKS["key"]
    assert of(key).fingerprint == of(key, SESSION, body=b"{}").fingerprint
    assert of(key).identity != of(key, body=b"{}").identity
    stranger = identify(TARGET, ((b"x-api-key", b"sk-2"), key), BODY)
    assert stranger.fingerprint != of(key).fingerprint


@pytest.mark.parametrize(
    ("count", "marked"), [(b"0", False), (b"1", True), (b"", False), (b"-1", False), (b"x", False)]
)
def test_a_retry_count_marks_above_zero(count: bytes, marked: bool) -> None:
    assert of((b"x-stainless-retry-count", count)).marked is marked


@pytest.mark.parametrize(
    "header",
    [
        (b"anthropic-beta", b"context-1m"),
        (b"Anthropic-Version", b"2024-01-01"),
        (b"x-palimpsest-context", b"off"),
        (b"x-palimpsest-memory", b"off"),
    ],
)
def test_a_header_that_changes_the_question_makes_another_request(
    header: tuple[bytes, bytes],
) -> None:
    one, other = of(), of(header)
    assert one.identity != other.identity
    assert one.fingerprint != other.fingerprint


def test_a_list_of_betas_is_the_same_in_any_form() -> None:
    lines = of((b"anthropic-beta", b"two, one"), (b"anthropic-beta", b"three"))
    assert lines == of((b"Anthropic-Beta", b"one,two,three,one"))
    assert lines != of((b"anthropic-beta", b"one,two"))
