"""Keep what was said in a segment, so that what is cut from the prompt can be found again."""

from msgspec.structs import replace
from temporalio import activity

from activities.failures import failure
from activities.learning_process import carried_out
from activities.segment_reading import SegmentReader
from errors import PalimpsestError
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
            done = await carried_out(replace(reading.job, archive=True))
            return ArchiveSegmentResult("kept", await self._memories.save(done.memories))
        except PalimpsestError as error:
            raise failure(error) from error
