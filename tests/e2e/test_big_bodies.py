"""Bodies of the sizes that real clients reach, and the limit, with the edge's memory in view."""

import random

import psutil
import pytest

from harness.simulator import Simulator
from tests.support.supervisor import Up
from tests.support.traffic import body, send
from tests.support.whole_stack import content, ended

MB = 1024 * 1024


@pytest.fixture
def lenient(upstream: Simulator) -> Simulator:
    """A provider that does not count the tokens of it all."""
    upstream.app.lenient = True
    return upstream


def sized(size: int, *, stream: bool = False, seed: int = 0) -> bytes:
    """A body of that many bytes, with text that does not compress to nothing."""
    room = size - len(body("", stream=stream))
    line = random.Random(seed).randbytes
    lines = "".join(f"{line(31).hex()} |" for _ in range(room // 64 + 1))
    return body(lines[:room], stream=stream)


def edge_memory(up: Up) -> int:
    """Resident bytes."""
    return psutil.Process(up.children["edge"].pid).memory_info().rss


@pytest.mark.parametrize(("size", "stream"), [(32 * MB, False), (11 * MB, True)])
async def test_a_big_body_passes_whole(size: int, stream: bool, up: Up, lenient: Simulator) -> None:
    sent = sized(size, stream=stream)

    answer = await send(up, sent)

    assert (answer.status_code, len(sent)) == (200, size)
    [call] = lenient.log.messages
    assert call.body_bytes == size
    row = await ended(up, answer.headers["x-palimpsest-request-id"])
    assert (row["outcome"], row["bytes"]["request"]) == ("answered", size)
    assert await content(up, row["id"], "request") == sent
    assert await content(up, row["id"], "response") == answer.content


async def test_nothing_of_a_body_stays_in_memory(up: Up, lenient: Simulator) -> None:
    """The same body again and again: its tokens are counted once, so that only copies count."""
    sent = sized(16 * MB, seed=1)
    after: list[int] = []
    for _ in range(12):
        assert (await send(up, sent)).status_code == 200
        after.append(edge_memory(up))
    assert max(after) < 800 * MB, [size // MB for size in after]
    assert after[-1] - after[3] < 64 * MB, [size // MB for size in after]


async def test_one_byte_more_is_too_large(up: Up, upstream: Simulator) -> None:
    answer = await send(up, sized(32 * MB + 1))
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"
    assert len(upstream.log) == 0
