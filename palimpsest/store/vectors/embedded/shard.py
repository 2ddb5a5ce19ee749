"""The embedded engine (qdrant-edge) over one directory: named vectors, payload indexes, filters.

It writes no log of its own: Postgres is the log. What was not flushed when the process died is
gone, the cursor, which is written after a flush, says so, and the indexer brings it again.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import qdrant_edge as edge

from palimpsest.memory.model import Cursor
from palimpsest.store.vectors.embedded.calls import Answer, Point
from palimpsest.store.vectors.model import Match, SearchFilter, Sparse
from palimpsest.store.vectors.points import (
    DENSE,
    GRAPH_FROM,
    GRAPHED,
    NAMES,
    NUMBERS,
    PLACE,
    WORDS,
    AtPlaces,
    Condition,
    Conditions,
    Is,
    conditions,
    found,
)

_FLUSHED = "flushed.json"
_SHARD = "shard"
_FLOAT32_BYTES = 4
_FLUSH_EVERY = 2000
"""Points that are written between flushes."""


class _Flushed(msgspec.Struct, frozen=True):
    """With fewer points than were flushed, the index is not what the cursor says."""

    cursor: Cursor
    points: int


class EmbeddedShard:
    """Synchronous, for one thread; raises what the engine raises: bare Exceptions."""

    def __init__(self, directory: Path, dimension: int) -> None:
        """Opens what is there, or makes it."""
        self._directory = directory
        shard = directory / _SHARD
        config = _config(dimension)
        if shard.exists():
            self._shard = edge.EdgeShard.load(str(shard), config)
        else:
            shard.mkdir(parents=True)
            self._shard = edge.EdgeShard.create(str(shard), config)
            for name in NAMES:
                keywords = edge.KeywordIndexParams(enable_hnsw=name in GRAPHED)
                self._index(name, keywords)
            for number in NUMBERS:
                self._index(number, edge.IntegerIndexParams(enable_hnsw=False))
            places = edge.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False)
            self._index(PLACE, places)
            self._shard.flush()
        flushed = _read(directory / _FLUSHED)
        whole = self._shard.info().points_count >= flushed.points
        self.cursor = flushed.cursor if whole else Cursor()
        self._unflushed = 0
        self._known: dict[edge.PointId, Match] = {}

    def write(
        self, points: Sequence[Point], forgotten: Sequence[int], since: Cursor, until: Cursor
    ) -> None:
        """Raises ValueError for a step from elsewhere."""
        if since != self.cursor:
            raise ValueError("it began anew")
        if forgotten:
            self._shard.update(edge.UpdateOperation.delete_points(list(forgotten)))
        if points:
            self._shard.update(edge.UpdateOperation.upsert_points([_point(one) for one in points]))
        for point in (*forgotten, *(one.id for one in points)):
            self._known.pop(point, None)
        self.cursor = until
        self._unflushed += len(points) + len(forgotten)
        if self._unflushed >= _FLUSH_EVERY:
            self.flush()

    def find(self, dense: bytes, words: Sparse, where: SearchFilter, limit: int) -> Answer:
        vector: list[float] = np.frombuffer(dense, np.float32).tolist()
        within = _filter(conditions(where))
        near = self._query(edge.Query.Nearest(vector, using=DENSE), within, limit)
        matching: dict[edge.PointId, float] = {}
        if words.indices:
            matching = self._query(edge.Query.Nearest(_sparse(words), using=WORDS), within, limit)
        points = list(near | matching)
        self._learn([point for point in points if point not in self._known])
        places = {point: at for at, point in enumerate(points)}
        return Answer(
            found=[self._known[point] for point in points],
            near=[(places[point], score) for point, score in near.items()],
            matching=[(places[point], score) for point, score in matching.items()],
        )

    def count(self, where: SearchFilter) -> int:
        return self._shard.count(edge.CountRequest(exact=True, filter=_filter(conditions(where))))

    def flush(self) -> None:
        self._shard.flush()
        flushed = _Flushed(self.cursor, self._shard.info().points_count)
        aside = self._directory / f"{_FLUSHED}.new"
        aside.write_bytes(msgspec.json.encode(flushed))
        aside.replace(self._directory / _FLUSHED)
        self._unflushed = 0

    def optimise(self) -> None:
        """Build the graphs that are due; takes from seconds to minutes."""
        self._shard.optimize()
        self.flush()

    def sizes(self) -> tuple[int, int]:
        """How many points there are, and for how many no graph was built yet."""
        info = self._shard.info()
        # The engine counts the indexed vectors of both kinds; those of words are so at once.
        return info.points_count, max(0, 2 * info.points_count - info.indexed_vectors_count)

    def close(self) -> None:
        self.flush()
        self._shard.close()

    def _index(self, field: str, schema: edge.KeywordIndexParams | edge.IntegerIndexParams) -> None:
        self._shard.update(edge.UpdateOperation.create_field_index(field, schema))

    def _query(
        self, query: edge.Query, within: edge.Filter, limit: int
    ) -> "dict[edge.PointId, float]":
        # A batch of both takes longer than one after the other.
        request = edge.QueryRequest(limit=limit, query=query, filter=within, with_payload=False)
        return {point.id: point.score for point in self._shard.query(request)}

    def _learn(self, points: "Sequence[edge.PointId]") -> None:
        """To read a payload costs ten times what it takes to find the point."""
        if not points:
            return
        for record in self._shard.retrieve([*points], True, False):
            self._known[record.id] = found(record.payload or {})


def _config(dimension: int) -> edge.EdgeConfig:
    # The engine counts sizes of vectors in KB.
    graph_from = GRAPH_FROM * dimension * _FLOAT32_BYTES // 1024
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine)},
        sparse_vectors={
            # Half the memory of what is pinned, for a tenth of a millisecond.
            WORDS: edge.EdgeSparseVectorParams(
                modifier=edge.Modifier.Idf, memory=edge.Memory.Cached
            )
        },
        hnsw_config=edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=graph_from),
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=graph_from),
        # Most queries are over before a second thread would have begun.
        max_search_threads=1,
        payload_memory=edge.Memory.Cached,
        wal_enabled=False,
    )


def _point(point: Point) -> edge.Point:
    vectors: dict[str, Any] = {DENSE: np.frombuffer(point.dense, np.float32).tolist()}
    if point.sparse.indices:
        vectors[WORDS] = _sparse(point.sparse)
    return edge.Point(point.id, vectors, point.payload)


def _sparse(words: Sparse) -> edge.SparseVector:
    return edge.SparseVector(list(words.indices), list(words.values))


def _filter(asked: Conditions) -> edge.Filter:
    must: list[Any] = [_condition(one) for one in asked.every]
    if asked.points:
        must.append(edge.HasIdCondition(set(asked.points)))
    should: list[Any] = [
        edge.Filter(must=[_condition(one) for one in each]) for each in asked.either
    ]
    return edge.Filter(must=must, should=should or None)


def _condition(condition: Condition) -> edge.FieldCondition:
    if isinstance(condition, Is):
        values = list(condition.values)
        match = edge.MatchValue(values[0]) if len(values) == 1 else edge.MatchAny(values)
        return edge.FieldCondition(condition.field, match=match)
    if isinstance(condition, AtPlaces):
        return edge.FieldCondition(PLACE, match=edge.MatchAny(list(condition.places)))
    bounds = edge.RangeFloat(gte=condition.low, lte=condition.high)
    return edge.FieldCondition(condition.field, range=bounds)


def _read(path: Path) -> _Flushed:
    with suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=_Flushed)
    return _Flushed(Cursor(), 0)
