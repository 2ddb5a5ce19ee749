"""Keep what was said in a segment, so that what is cut from the prompt can be found again."""

import asyncio

from temporalio import activity

from activities.failures import failure
from activities.segment_reading import Reading, SegmentReader
from errors import PalimpsestError
from intelligence.archive import archived
from intelligence.memory import Memory
from store.memories import MemoryStore
from workflows.learning_contracts import ARCHIVE_SEGMENT, ArchiveSegmentResult, LearnSegmentInput


class ArchiveSegment:
    """The activity; it may be repeated, since a turn's id is its content's."""

    def __init__(self, reader: SegmentReader, memories: MemoryStore) -> None:
        self._reader = reader
        self._memories = memories

    @activity.defn(name=ARCHIVE_SEGMENT)
    async def run(self, segment: LearnSegmentInput) -> ArchiveSegmentResult:
        try:
            reading = await self._reader.read(segment)
            if isinstance(reading, str):
                return ArchiveSegmentResult(reading)
            parts = await asyncio.to_thread(_parts, reading)
            return ArchiveSegmentResult("kept", await self._memories.save(parts))
        except PalimpsestError as error:
            raise failure(error) from error


def _parts(reading: Reading) -> list[Memory]:
    return list(archived(reading.origin, reading.said, first=reading.first, since=reading.since))
