"""Keep what was said in a segment, so that what is cut from the prompt can be found again."""

from msgspec.structs import replace
from temporalio import activity

from palimpsest.learning.process import run_in_process
from palimpsest.learning.segment_reader import SegmentReader
from palimpsest.store.postgres.memories import MemoryStore
from workflows.contracts import ARCHIVE_SEGMENT, ArchiveSegmentResult, LearnSegmentInput


class ArchiveSegment:
    """The activity; it may be repeated, since a turn's id is its content's."""

    def __init__(self, reader: SegmentReader, memories: MemoryStore) -> None:
        self._reader = reader
        self._memories = memories

    @activity.defn(name=ARCHIVE_SEGMENT)
    async def run(self, segment: LearnSegmentInput) -> ArchiveSegmentResult:
        reading = await self._reader.read(
            segment.request_id, segment.conversation_id, segment.depth
        )
        if isinstance(reading, str):
            return ArchiveSegmentResult(reading)
        done = await run_in_process(replace(reading.job, archive=True))
        return ArchiveSegmentResult("kept", await self._memories.save(done.memories))
