"""The vector index on a Qdrant server, shared by all processes.

The cursor is a point of the same collection, without vectors and without a tenant, so that no
query meets it, and what loses the points loses the cursor. It also names what made the vectors.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as qdrant
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException

from palimpsest.memory.model import Cursor
from palimpsest.runtime.errors import IndexUnavailable
from palimpsest.store.vectors.model import (
    Candidates,
    CatchingUp,
    Entry,
    IndexStep,
    SearchFilter,
    Sparse,
    Vector,
)
from palimpsest.store.vectors.points import (
    DENSE,
    GRAPH_FROM,
    NAMES,
    NUMBERS,
    PLACE,
    WORDS,
    AtPlaces,
    Condition,
    Is,
    conditions,
    found,
    made_by,
    payload_of,
    point_id,
)

COLLECTION = "palimpsest"
_STATE = "00000000-0000-0000-0000-000000000000"
_PATIENCE_SECONDS = 10
_FLOAT32_BYTES = 4


def client_of(
    url: str, way: Mapping[str, Any], patience: int = _PATIENCE_SECONDS
) -> AsyncQdrantClient:
    """The URL may carry an API key as its user: ``https://key@host:6333``; ``way`` are arguments
    of the HTTP client."""
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return AsyncQdrantClient(
        url=address,
        port=parts.port or (443 if parts.scheme == "https" else 6333),
        api_key=parts.username,
        timeout=patience,
        check_compatibility=False,
        **way,
    )


class QdrantIndex:
    """``vectors`` names what makes the vectors. A collection of others is an error that says what
    to do: other processes may be using it."""

    def __init__(self, client: AsyncQdrantClient, vectors: str, dimension: int) -> None:
        self._client = client
        self._vectors = made_by(vectors)
        self._dimension = dimension
        self._checked = False

    async def find(
        self, vector: Vector, words: Sparse, where: SearchFilter, limit: int
    ) -> Candidates:
        within = _filter(where)
        queries = [_query(vector.tolist(), DENSE, within, limit)]
        if words.indices:
            queries.append(_query(_sparse(words), WORDS, within, limit))
        async with self._ready():
            answers = await self._client.query_batch_points(COLLECTION, queries)
        sides = [[(found(one.payload or {}), one.score) for one in side.points] for side in answers]
        near, matching = sides if len(sides) > 1 else (*sides, [])
        return Candidates(
            {one.id: one for one, _ in (*near, *matching)},
            {one.id: score for one, score in near},
            {one.id: score for one, score in matching},
        )

    async def count(self, where: SearchFilter) -> int:
        async with self._ready():
            counted = await self._client.count(COLLECTION, _filter(where), exact=True)
        return counted.count

    async def cursor(self) -> Cursor:
        async with self._ready():
            return _cursor(await self._state())

    async def write(self, step: IndexStep) -> None:
        async with self._ready():
            if _cursor(await self._state()) != step.since:
                raise IndexUnavailable("Qdrant: the collection is elsewhere by now")
            if step.forgotten:
                gone = qdrant.PointIdsList(points=[point_id(one) for one in step.forgotten])
                await self._client.delete(COLLECTION, gone, wait=True)
            if step.entries:
                points = [_point(entry) for entry in step.entries]
                await self._client.upsert(COLLECTION, points, wait=True)
            await self._write_state(step.until, step.since)

    async def clear(self) -> None:
        async with _translated():
            await self._client.delete_collection(COLLECTION)
            self._checked = False
        async with self._ready():
            pass

    async def rebuild(self, caught_up: CatchingUp) -> bool:
        """The server tends its graphs itself."""
        return False

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def _ready(self) -> AsyncGenerator[None]:
        """The collection is there, and is ours."""
        async with _translated():
            if not self._checked:
                if not await self._client.collection_exists(COLLECTION):
                    await self._create()
                await self._check()
                self._checked = True
            try:
                yield
            except ApiException:
                # The collection may be gone.
                self._checked = False
                raise

    async def _create(self) -> None:
        graph_from = GRAPH_FROM * self._dimension * _FLOAT32_BYTES // 1024
        await self._client.create_collection(
            COLLECTION,
            vectors_config={
                DENSE: qdrant.VectorParams(size=self._dimension, distance=qdrant.Distance.COSINE)
            },
            sparse_vectors_config={WORDS: qdrant.SparseVectorParams(modifier=qdrant.Modifier.IDF)},
            hnsw_config=qdrant.HnswConfigDiff(full_scan_threshold=graph_from),
            optimizers_config=qdrant.OptimizersConfigDiff(indexing_threshold=graph_from),
        )
        for name in NAMES:
            schema = qdrant.KeywordIndexParams(
                type=qdrant.KeywordIndexType.KEYWORD, is_tenant=name == "tenant"
            )
            await self._client.create_payload_index(COLLECTION, name, schema)
        for number in (*NUMBERS, PLACE):
            integers = qdrant.IntegerIndexParams(
                type=qdrant.IntegerIndexType.INTEGER, lookup=number == PLACE, range=number != PLACE
            )
            await self._client.create_payload_index(COLLECTION, number, integers)
        await self._write_state(Cursor())

    async def _check(self) -> None:
        config = (await self._client.get_collection(COLLECTION)).config.params.vectors
        params = config.get(DENSE) if isinstance(config, dict) else None
        size = params.size if params else 0
        state = await self._state()
        if size == self._dimension and state is None:
            # Its maker has not come to it.
            return
        maker = state["vectors"] if state else "something else"
        if (size, maker) != (self._dimension, self._vectors):
            raise IndexUnavailable(
                f"the collection {COLLECTION} holds vectors of {maker}, {size} long, and "
                f"PALIMPSEST_EMBEDDER makes those of {self._vectors}, {self._dimension} long: set "
                "it back, or run `palimpsest memory reindex`"
            )

    async def _state(self) -> dict[str, Any] | None:
        points = await self._client.retrieve(COLLECTION, [_STATE], with_payload=True)
        return points[0].payload if points else None

    async def _write_state(self, cursor: Cursor, since: Cursor | None = None) -> None:
        """Only if it still is as it was ``since``: another process may have emptied the index."""
        payload = {"vectors": self._vectors, "changed": cursor.changed, "id": cursor.id}
        point = qdrant.PointStruct(id=_STATE, vector={}, payload=payload)
        same = _is(since) if since else None
        await self._client.upsert(COLLECTION, [point], wait=True, update_filter=same)


@asynccontextmanager
async def _translated() -> AsyncGenerator[None]:
    try:
        yield
    except (ApiException, QdrantException, httpx.HTTPError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IndexUnavailable(f"Qdrant: {reason}") from error


def _point(entry: Entry) -> qdrant.PointStruct:
    vectors: dict[str, Any] = {DENSE: entry.dense.tolist()}
    if entry.sparse.indices:
        vectors[WORDS] = _sparse(entry.sparse)
    return qdrant.PointStruct(
        id=point_id(entry.memory.id), vector=vectors, payload=payload_of(entry.memory)
    )


def _query(
    query: list[float] | qdrant.SparseVector, using: str, within: qdrant.Filter, limit: int
) -> qdrant.QueryRequest:
    return qdrant.QueryRequest(
        query=query, using=using, filter=within, limit=limit, with_payload=True
    )


def _cursor(state: dict[str, Any] | None) -> Cursor:
    return Cursor(state["changed"], state["id"]) if state else Cursor()


def _is(cursor: Cursor) -> qdrant.Filter:
    changed = qdrant.MatchValue(value=cursor.changed)
    memory = qdrant.MatchValue(value=cursor.id)
    return qdrant.Filter(
        must=[
            qdrant.FieldCondition(key="changed", match=changed),
            qdrant.FieldCondition(key="id", match=memory),
        ]
    )


def _sparse(words: Sparse) -> qdrant.SparseVector:
    return qdrant.SparseVector(indices=list(words.indices), values=list(words.values))


def _filter(where: SearchFilter) -> qdrant.Filter:
    asked = conditions(where)
    must: list[qdrant.Condition] = [_condition(one) for one in asked.every]
    if asked.points:
        must.append(qdrant.HasIdCondition(has_id=list(asked.points)))
    should: list[qdrant.Condition] = [
        qdrant.Filter(must=[_condition(one) for one in each]) for each in asked.either
    ]
    return qdrant.Filter(must=must, should=should or None)


def _condition(condition: Condition) -> qdrant.FieldCondition:
    if isinstance(condition, Is):
        match = qdrant.MatchAny(any=list(condition.values))
        return qdrant.FieldCondition(key=condition.field, match=match)
    if isinstance(condition, AtPlaces):
        places = qdrant.MatchAny(any=list(condition.places))
        return qdrant.FieldCondition(key=PLACE, match=places)
    bounds = qdrant.Range(gte=condition.low, lte=condition.high)
    return qdrant.FieldCondition(key=condition.field, range=bounds)
