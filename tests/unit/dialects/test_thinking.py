"""The API's way out for bound thinking, and the client's cache markers."""

import msgspec
import pytest

from palimpsest.dialects.anthropic.body import (
    FIVE_MINUTES,
    HOUR,
    asking_to_drop,
    asks_to_drop,
    cache_ttl,
    can_ask_to_drop,
)
from palimpsest.dialects.anthropic.dialect import parse
from tests.support.messages import user, view

DROP = {"prefix_mismatch_behavior": "drop_block"}


def test_the_client_asks_itself() -> None:
    asked = view([user("go")], thinking={"type": "adaptive", "block_binding": DROP})
    assert asks_to_drop(asked)
    assert not can_ask_to_drop(asked)


@pytest.mark.parametrize("thinking", [None, {"type": "adaptive"}])
def test_it_does_not_ask(thinking: object) -> None:
    request = view([user("go")], thinking=thinking)
    assert not asks_to_drop(request)
    assert can_ask_to_drop(request) is (thinking is not None)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","thinking": {"type": "adaptive" } ,"messages":[{"role":"user"}],"x":1}',
        b'{"model":"m","messages":[ {"role":"user"} ] , "thinking":{"type":"adaptive"},"x":1}',
    ],
)
def test_asking_changes_nothing_else(body: bytes) -> None:
    request = parse(body)
    prefix, suffix = asking_to_drop(request)
    changed = msgspec.json.decode(prefix + request.messages[0] + suffix)
    assert changed == {
        **msgspec.json.decode(body),
        "thinking": {"type": "adaptive", "block_binding": DROP},
    }


def test_the_ttl_of_the_markers() -> None:
    def marked(**marker: str) -> float:
        mark = {"type": "ephemeral", **marker}
        block = {"type": "text", "text": "s", "cache_control": mark}
        return cache_ttl(view([user("go")], system=[block]))

    assert marked() == FIVE_MINUTES
    assert marked(ttl="1h") == HOUR
    assert cache_ttl(view([user('say "ttl":"1h"')])) == FIVE_MINUTES
