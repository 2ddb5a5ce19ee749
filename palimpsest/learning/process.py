"""Runs a segment job in a child process, so that no request waits for it."""

import asyncio
import sys

import msgspec

from palimpsest.learning.job import SegmentJob, SegmentLessons
from palimpsest.runtime.errors import Unavailable
from palimpsest.runtime.settings import child_environment

_SECONDS = 120.0


async def run_in_process(job: SegmentJob, seconds: float = _SECONDS) -> SegmentLessons:
    """Runs the job; raises Unavailable when the child dies or takes longer than ``seconds``. The
    child ends when nobody waits for it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "palimpsest.learning"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=child_environment({}),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            encoded = await asyncio.to_thread(msgspec.msgpack.encode, job)
            output, _ = await process.communicate(encoded)
    except TimeoutError as error:
        raise Unavailable("learning from a segment took too long") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise Unavailable(f"learning from a segment ended with status {process.returncode}")
    return await asyncio.to_thread(msgspec.msgpack.decode, output, type=SegmentLessons)
