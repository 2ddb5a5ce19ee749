"""A job is done in a process of its own, or not at all."""

from datetime import UTC, datetime

import msgspec
import psutil
import pytest

from palimpsest.learning import job
from palimpsest.learning.job import SegmentJob
from palimpsest.learning.process import run_in_process
from palimpsest.memory.archive import Origin
from palimpsest.runtime.errors import Unavailable
from tests.support.agent_work import ROOT, mended
from tests.support.messages import raw

AT = datetime(2026, 11, 1, tzinfo=UTC)


def made() -> SegmentJob:
    messages = tuple(raw(mended().built))
    chains = tuple(bytes([at]) * 32 for at in range(len(messages)))
    return SegmentJob(Origin("default", ROOT, "one"), messages, chains, (AT,) * len(messages), 0, 0)


@pytest.mark.parametrize("archive", [True, False])
async def test_it_comes_to_the_same_elsewhere(archive: bool) -> None:
    given = msgspec.structs.replace(made(), archive=archive)
    done = await run_in_process(given)
    assert done == job.run_segment_job(given)
    assert done.memories


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(Unavailable, match="too long"):
        await run_in_process(made(), seconds=0.01)
    running = [child.cmdline() for child in psutil.Process().children()]
    assert not [line for line in running if "learning" in line]


async def test_a_process_that_dies_is_told_of() -> None:
    with pytest.raises(Unavailable, match="status 1"):
        await run_in_process(msgspec.structs.replace(made(), chains=()))
