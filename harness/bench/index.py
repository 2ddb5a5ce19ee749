"""``python -m harness.bench.index``: how fast the embedded index takes memories in, and how fast it
finds.

The memories are generated; what Postgres would take to tell of them is not measured.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from harness.bench.generated_memories import (
    TENANT,
    GeneratedMemories,
    project,
    text,
)
from harness.bench.percentiles import Percentiles, percentiles
from palimpsest.memory import bm25
from palimpsest.memory.embedding import Embedder
from palimpsest.memory.indexer import Indexer
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.model import SearchFilter, VectorIndex

_QUERIES = 500
_QUERY_WORDS = 15
_CANDIDATES = 64
_SLICE_SECONDS = 2.0


def memory_mb() -> str:
    """Of this process and of its child that holds the index; the files the child maps are apart,
    since the system takes that memory back when it needs it."""
    this = psutil.Process()
    children = [child.memory_info() for child in this.children(recursive=True)]
    mapped = sum(memory.shared for memory in children)
    own = sum(memory.rss for memory in children) - mapped
    return (
        f"process {this.memory_info().rss / 1e6:.0f} MB, "
        f"index {own / 1e6:.0f} MB and {mapped / 1e6:.0f} MB of mapped files"
    )


def disk_mb(directory: Path) -> float:
    """What is really taken: the engine's files have holes."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*")) / 1e6


async def taken_in(indexer: Indexer) -> float:
    """Seconds until all is in; tells of the memory on the way."""
    began = time.perf_counter()
    following = asyncio.create_task(indexer.catch_up(3600))
    while not (await asyncio.wait((following,), timeout=_SLICE_SECONDS))[0]:
        took = time.perf_counter() - began
        print(f"· {indexer.entries_written:>6} items, {took:5.1f} s: {memory_mb()}", flush=True)
    assert await following, "the index did not take it in"
    return time.perf_counter() - began


async def hybrid(index: VectorIndex, embedder: Embedder, where: SearchFilter, number: int) -> None:
    asked = text(number, _QUERY_WORDS)
    [dense] = await embedder.embed([asked])
    await index.find(dense, bm25.query_weights(asked), where, _CANDIDATES)


async def timed(ask: Callable[[int], Awaitable[None]]) -> Percentiles:
    """In milliseconds, warm."""
    samples: list[float] = []
    for number in range(2 * _QUERIES):
        began = time.perf_counter()
        await ask(number)
        samples.append(1000 * (time.perf_counter() - began))
    return percentiles(samples[_QUERIES:])


async def run(items: int) -> None:
    embedder = StaticEmbedder.load()
    with tempfile.TemporaryDirectory(prefix="palimpsest-bench-") as name:
        directory = Path(name)
        index = EmbeddedIndex(directory, embedder.name, embedder.dimension)
        indexer = Indexer(GeneratedMemories(items), index, embedder)
        try:
            took = await taken_in(indexer)
            print(f"{items} items in {took:.1f} s: {items / took:.0f} items/s")
            began = time.perf_counter()
            built = await index.rebuild(indexer.pause_writes)
            shown = f"{time.perf_counter() - began:.1f} s" if built else "not due"
            print(f"graph: {shown}; on disk {disk_mb(directory):.0f} MB; {memory_mb()}")
            for label, where in (
                ("one project", SearchFilter(TENANT, projects=(project(0),))),
                ("everything", SearchFilter(TENANT)),
            ):
                found = await timed(lambda n, at=where: hybrid(index, embedder, at, n))
                print(f"hybrid query, {label}: p50 {found.p50:.2f} ms, p95 {found.p95:.2f} ms")
        finally:
            await index.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.bench.index", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    asyncio.run(run(parser.parse_args().items))


if __name__ == "__main__":
    main()
