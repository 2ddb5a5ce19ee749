"""Archive the messages of a segment, so that what is cut from the prompt can be found again."""

from msgspec.structs import replace
from temporalio import activity

from palimpsest.learning.model import SegmentOutcome
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
        if isinstance(reading, SegmentOutcome):
            return ArchiveSegmentResult(reading)
        lessons = await run_in_process(replace(reading.job, archive=True))
        saved = await self._memories.save(lessons.memories)
        return ArchiveSegmentResult(SegmentOutcome.KEPT, saved)
