"""An embedded index that is broken, deleted, killed or silent: it says so, begins anew, or goes on
from what was written out; never does it claim what it does not have."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from palimpsest.memory.model import Cursor
from palimpsest.runtime.errors import IndexUnavailable
from palimpsest.runtime.file_lock import exclusive
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.embedded.slots import forget_unused
from palimpsest.store.vectors.model import IndexFollower, IndexStep, SearchFilter
from tests.support.embedded_index import child, generations, graphs
from tests.support.generated_memories import (
    DIMENSION,
    direction,
    entry,
    memory,
    near,
)

ALL = SearchFilter("default")


@asynccontextmanager
async def opened(
    root: Path, vectors: str = "test", patience: float = 30.0
) -> AsyncGenerator[EmbeddedIndex]:
    index = EmbeddedIndex(root, vectors, DIMENSION, patience)
    try:
        yield index
    finally:
        await index.close()


async def fill(index: EmbeddedIndex, count: int, since: int = 0) -> None:
    entries = [entry(number) for number in range(since, since + count)]
    await index.write(IndexStep(entries, [], await index.cursor(), Cursor(since + count)))


async def eventually(index: EmbeddedIndex) -> Cursor:
    """Its cursor, once it runs again."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await index.cursor()
            except IndexUnavailable:
                await asyncio.sleep(0.1)


async def test_what_was_closed_is_there_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 5)
    async with opened(tmp_path) as index:
        assert await index.cursor() == Cursor(5)
        assert await index.count(ALL) == 5


async def test_a_killed_child_is_replaced_and_knows_where_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 2100)
        await fill(index, 5, since=2100)
        child().kill()
        cursor = await eventually(index)
        # What was not written out is gone, and the cursor does not claim it.
        assert cursor == Cursor(2100)
        assert await index.count(ALL) == 2100
        with pytest.raises(IndexUnavailable, match="anew"):
            await index.write(IndexStep([entry(9000)], [], Cursor(2105), Cursor(2106)))
        await fill(index, 5, since=2100)
        assert await index.count(ALL) == 2105


async def test_a_damaged_index_is_set_aside(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 50)
    [generation] = generations(tmp_path / "0")
    for path in generation.rglob("*"):
        if path.is_file() and path.parent.name != generation.name:
            path.write_bytes(b"\0" * 100)
    async with opened(tmp_path) as index:
        assert await eventually(index) == Cursor()
        assert await index.count(ALL) == 0
        await fill(index, 3)
        assert len(await near(index, direction(1), 5)) == 3
    assert (tmp_path / "0" / "set-aside").is_dir()


async def test_points_that_are_missing_are_brought_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 50)
    [generation] = generations(tmp_path / "0")
    shutil.rmtree(generation / "shard")
    async with opened(tmp_path) as index:
        assert await index.cursor() == Cursor()


async def test_an_index_deleted_while_it_runs_begins_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 5)
        shutil.rmtree(tmp_path)
        child().kill()
        assert await eventually(index) == Cursor()
        await fill(index, 5)
        assert await index.count(ALL) == 5


async def test_a_silent_child_is_replaced_after_a_while(tmp_path: Path) -> None:
    async with opened(tmp_path, patience=0.5) as index:
        await fill(index, 5)
        child().send_signal(signal.SIGSTOP)
        with pytest.raises(IndexUnavailable, match="in time"):
            await index.count(ALL)
        assert await eventually(index) == Cursor()


async def test_wrong_calls_do_not_cost_the_index(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 5)
        for _ in range(5):
            with pytest.raises(IndexUnavailable, match="anew"):
                await index.write(IndexStep([], [], Cursor(77), Cursor(78)))
        assert await index.count(SearchFilter("default", ids=("no id of a memory",))) == 0
        assert await index.count(ALL) == 5


async def test_a_caller_that_gives_up_does_no_harm(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await index.cursor()
        await fill(index, 5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await near(index, direction(1), 5)
        assert await near(index, direction(3), 1) == [3]


async def test_other_vectors_begin_an_index_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        await fill(index, 5)
    async with opened(tmp_path, vectors="another embedder") as index:
        assert await index.cursor() == Cursor()
    assert len(generations(tmp_path / "0")) == 1


async def test_two_processes_have_two_slots_and_what_none_holds_can_be_forgotten(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as first, opened(tmp_path) as second:
        await fill(first, 5)
        assert await second.cursor() == Cursor()
        await fill(second, 3)
        assert await first.count(ALL) == 5
        forget_unused(tmp_path)
        assert await second.count(ALL) == 3
        await second.close()
        await first.write(IndexStep([], [memory(1).id], Cursor(5), Cursor(6)))
        assert generations(tmp_path) == [tmp_path / "0"]


async def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from palimpsest.store.vectors.embedded.index import EmbeddedIndex\n"
        "async def main():\n"
        "    await EmbeddedIndex(Path(sys.argv[1]), 'test', 8).cursor()\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path))
    assert await process.wait() == -signal.SIGKILL
    async with asyncio.timeout(10):
        (await exclusive(tmp_path / "0" / "lock")).release()


async def test_an_engine_that_cannot_start_is_an_index_that_is_away(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    async with opened(blocked) as index:
        with pytest.raises(IndexUnavailable):
            await index.cursor()


async def test_builds_a_graph_in_a_copy_that_follows(tmp_path: Path) -> None:
    """Above a few thousand points the graph is used, and nothing stands still for it."""
    async with opened(tmp_path) as index:
        for since in range(0, 4600, 200):
            await fill(index, 200, since)
        assert graphs(tmp_path) == []
        late = entry(7000)
        asked_meanwhile = 0

        @asynccontextmanager
        async def caught_up(copy: IndexFollower) -> AsyncGenerator[None]:
            nonlocal asked_meanwhile
            # The index answers while the copy is there.
            asked_meanwhile = len(await near(index, direction(5), 10))
            step = IndexStep([late], [memory(0).id], Cursor(4600), Cursor(4601))
            await copy.write(step)
            assert await copy.cursor() == Cursor(4601)
            yield

        assert await index.rebuild(caught_up)
        assert asked_meanwhile == 10
        assert await index.cursor() == Cursor(4601)
        assert await index.count(ALL) == 4600
        assert await near(index, direction(7000), 1) == [7000]
        assert len(generations(tmp_path / "0")) == 1
        assert len(graphs(tmp_path)) > 0
        assert not await index.rebuild(caught_up)
        exact = sorted(range(1, 4600), key=lambda number: -float(direction(number) @ direction(2)))
        assert np.isin(await near(index, direction(2), 10), exact[:10]).sum() >= 8
    async with opened(tmp_path) as index:
        assert await index.cursor() == Cursor(4601)


async def test_a_build_that_fails_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as index:
        for since in range(0, 4200, 200):
            await fill(index, 200, since)

        @asynccontextmanager
        async def caught_up(copy: IndexFollower) -> AsyncGenerator[None]:
            raise IndexUnavailable("no")
            yield

        with pytest.raises(IndexUnavailable):
            await index.rebuild(caught_up)
        assert await index.count(ALL) == 4200
        assert len(generations(tmp_path / "0")) == 1
