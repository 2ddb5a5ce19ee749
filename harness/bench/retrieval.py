"""``python -m harness.bench.retrieval``: how long a search of the memories takes, warm,
embedding of the question included. The memories are generated, and read from this process
instead of Postgres.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from harness.bench.generated_memories import (
    TENANT,
    GeneratedMemories,
    memory,
    project,
    text,
)
from harness.bench.index import taken_in
from harness.bench.percentiles import Percentiles, percentiles
from palimpsest.memory.indexer import Indexer
from palimpsest.memory.model import Memory
from palimpsest.memory.query import Query
from palimpsest.memory.retrieval import Retriever
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.store.vectors.embedded.index import EmbeddedIndex

_QUESTIONS = 300
_QUESTION_WORDS = 15


async def timed(retriever: Retriever, where: str, *, everywhere: bool) -> Percentiles:
    """In milliseconds, after as many that do not count."""
    samples: list[float] = []
    for number in range(2 * _QUESTIONS):
        query = Query(text(number * 7, _QUESTION_WORDS), where, everywhere=everywhere)
        began = time.perf_counter()
        await retriever.search(query)
        samples.append(1000 * (time.perf_counter() - began))
    return percentiles(samples[_QUESTIONS:])


async def run(items: int) -> None:
    embedder = StaticEmbedder.load()
    known = {one.id: one for one in map(memory, range(items))}

    async def lookup(ids: Sequence[str], caller: str | None) -> list[Memory]:
        return [known[one] for one in ids]

    with tempfile.TemporaryDirectory(prefix="palimpsest-bench-") as name:
        index = EmbeddedIndex(Path(name), embedder.name, embedder.dimension)
        indexer = Indexer(GeneratedMemories(items), index, embedder)
        try:
            await taken_in(indexer)
            await index.rebuild(indexer.pause_writes)
            # As the proxy does at its start; the memories are in Postgres there.
            gc.collect()
            gc.freeze()
            for threshold in (0.5, 0.0):
                retriever = Retriever(embedder, index, lookup, TENANT, threshold)
                for label, everywhere in (("one project", False), ("everywhere", True)):
                    took = await timed(retriever, project(0), everywhere=everywhere)
                    print(
                        f"{items} items, {label}, threshold {threshold}:"
                        f" p50 {took.p50:.2f} ms, p95 {took.p95:.2f} ms, p99 {took.p99:.2f} ms"
                    )
        finally:
            await index.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.bench.retrieval", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    uvloop.run(run(parser.parse_args().items))


if __name__ == "__main__":
    main()
