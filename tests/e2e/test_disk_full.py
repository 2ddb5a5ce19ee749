"""The disk that holds the data fills up: a clear error, nothing lost, and on it goes with room."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx
import pytest

from harness.simulator import Pace, Simulator
from tests.support.supervisor import Up
from tests.support.traffic import body, send, streaming
from tests.support.whole_stack import (
    content,
    ended,
    until_ready,
    whole,
)

SIZE = "600m"


@pytest.fixture
async def small_disk(tmp_path: Path) -> AsyncGenerator[Path]:
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(disk))
    process = await asyncio.create_subprocess_exec(mount, *options, stderr=asyncio.subprocess.PIPE)
    _, reason = await process.communicate()
    if process.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {reason.decode().strip()}")
    try:
        yield disk
    finally:
        process = await asyncio.create_subprocess_exec(umount, "--lazy", str(disk))
        assert await process.wait() == 0


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(b"\0" * 65536)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return


@pytest.mark.alone
async def test_a_full_disk_is_said_and_survived(upstream: Simulator, small_disk: Path) -> None:
    data_dir = small_disk / "data"
    data_dir.mkdir()
    ballast = small_disk / "ballast"
    async with whole(data_dir, upstream.url) as up:
        before = await send(up, body("before"))
        assert before.status_code == 200
        upstream.app.pace = Pace(between_events=0.1, text_chars=500)
        async with streaming(up, body("in flight", stream=True)) as stream:
            fill(ballast)
            upstream.app.pace = Pace()
            refusals = [answer async for answer in new_content(up, 12)]
            assert b"message_stop" in await stream.rest()

        assert len(refusals) > 5
        for answer in refusals:
            assert "is full; free some room" in answer.json()["error"]["message"]
            assert (answer.status_code, answer.json()["error"]["type"]) == (503, "api_error")
            assert answer.headers["retry-after"]
        ballast.unlink()
        await until_ready(up)
        after = await send(up, body("after"))
        assert after.status_code == 200, after.text
        ids = [answer.headers["x-palimpsest-request-id"] for answer in (before, after)]
        for request_id in (*ids, stream.request_id):
            row = await ended(up, request_id)
            assert row["outcome"] == "answered"
        assert await content(up, stream.request_id, "response") == stream.got
        assert await content(up, ids[0], "response") == before.content
        assert await up.interrupt() == 0


async def new_content(up: Up, requests: int) -> AsyncIterator[httpx.Response]:
    """The refusals of as many requests of different sizes, none of them seen before."""
    for number in range(requests):
        text = os.urandom(200 * 4 ** (number % 6)).hex()
        answer = await send(up, body(f"{number} {text}"))
        if answer.status_code != 200:
            yield answer
