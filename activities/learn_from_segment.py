"""Learn from a segment: save candidates or confirm memories, and judge injected memories."""

from msgspec.structs import replace
from temporalio import activity

from palimpsest.learning.dedup import Deduplicator
from palimpsest.learning.model import Segment, SegmentOutcome
from palimpsest.learning.process import run_in_process
from palimpsest.learning.segment_reader import SegmentReader, SegmentReading
from palimpsest.memory.model import Memory
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.segments import SegmentStore
from workflows.contracts import LEARN_FROM_SEGMENT, LearnSegmentInput, LearnSegmentResult


class LearnFromSegment:
    """The activity; its last step marks the segment, and until then it may be repeated."""

    def __init__(
        self,
        reader: SegmentReader,
        segments: SegmentStore,
        memories: MemoryStore,
        epochs: EpochStore,
    ) -> None:
        self._reader = reader
        self._segments = segments
        self._memories = memories
        self._deduplicator = Deduplicator(memories)
        self._epochs = epochs

    @activity.defn(name=LEARN_FROM_SEGMENT)
    async def run(self, segment: LearnSegmentInput) -> LearnSegmentResult:
        reading = await self._reader.read(
            segment.request_id, segment.conversation_id, segment.depth
        )
        if isinstance(reading, SegmentOutcome):
            result, chain = LearnSegmentResult(reading), ()
        else:
            result, chain = await self._learn(reading), reading.chain
        end = Segment(
            bytes.fromhex(segment.chain),
            segment.conversation_id,
            segment.request_id,
            segment.depth,
        )
        await self._segments.mark_learned(end, chain)
        return result

    async def _learn(self, reading: SegmentReading) -> LearnSegmentResult:
        offered = await self._offered(reading)
        lessons = await run_in_process(replace(reading.job, offered=offered))
        chains = dict(enumerate(reading.history))
        new = await self._deduplicator.drop_repeated(lessons.memories, chains)
        seen = [await self._deduplicator.save(memory) for memory in new]
        for memory_id, helped in lessons.verdicts:
            await self._memories.record_outcome(memory_id, helped)
        borne_out = tuple(dict.fromkeys(filter(None, seen)))
        return LearnSegmentResult(
            SegmentOutcome.KEPT, 0, len(seen), seen.count(None), len(lessons.verdicts), borne_out
        )

    async def _offered(self, reading: SegmentReading) -> tuple[tuple[int, Memory], ...]:
        """The memories that were injected in the new part of the segment, with their positions."""
        epoch = await self._epochs.get(reading.epoch, "on") if reading.epoch else None
        offered: list[tuple[int, Memory]] = []
        for recall in epoch.injections if epoch else ():
            if recall.position >= reading.job.since:
                known = await self._memories.get(recall.memories)
                offered += ((recall.position, memory) for memory in known)
        return tuple(offered)
