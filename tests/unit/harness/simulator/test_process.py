"""The simulator as a process of its own: its control API, its log file, its lenient mode."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from harness.simulator.ask import HEADERS, request, user
from harness.simulator.content import tool

ROOT = Path(__file__).parents[4]


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A simulator in its own process, as a client of it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "harness.simulator", *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        async with asyncio.timeout(20):
            line = (await child.stdout.readline()).decode()
        async with httpx.AsyncClient(base_url=line.split()[-1], headers=HEADERS) as http:
            yield http
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


def lines(file: Path) -> list[dict[str, Any]]:
    found = file.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=dict[str, Any]) for line in found]


async def test_the_control_api_and_the_log_file(tmp_path: Path) -> None:
    file = tmp_path / "wire.jsonl"
    async with process("--log", str(file)) as http:
        await http.post("/_sim/script", json=[[tool("Bash", command="ls")]])
        await http.post("/_sim/faults", json={"kind": "status", "status": 529})
        await http.post("/_sim/faults", json=[{"kind": "cut", "after": 2}])
        assert len((await http.get("/_sim/faults")).json()) == 2
        body = request(user("hi"))
        assert (await http.post("/v1/messages", json=body)).status_code == 529
        with contextlib.suppress(httpx.RemoteProtocolError):
            await http.post("/v1/messages", json={**body, "stream": True})
        assert (await http.post("/v1/messages", json=body)).json()["stop_reason"] == "tool_use"
        await http.post("/_sim/settings", json={"window": 5})
        assert "> 5 maximum" in (await http.post("/v1/messages", json=body)).text
        state = (await http.get("/_sim/log?since=1&bodies=1")).json()
        assert (state["total"], state["open"]) == (4, 0)
        assert [call["ended"] for call in state["calls"]] == ["cut", "complete", "complete"]
        assert msgspec.json.decode(state["calls"][0]["body"])["stream"] is True
        assert (await http.get("/_sim/health")).json() == {"ok": True, "total": 4, "open": 0}
        assert (await http.delete("/_sim/log")).status_code == 200
        assert (await http.get("/_sim/log")).json()["calls"] == []
        assert (await http.post("/_sim/faults", json={"kind": "nope"})).status_code == 400
        assert (await http.get("/_sim/nope")).status_code == 404
    found = lines(file)
    assert [(line["event"], line["number"]) for line in found] == [
        (event, number) for number in (1, 2, 3, 4) for event in ("begin", "end")
    ]
    assert [line["status"] for line in found[1::2]] == [529, 200, 200, 400]


async def test_a_call_is_on_file_before_its_answer_starts(tmp_path: Path) -> None:
    file = tmp_path / "wire.jsonl"
    async with process("--log", str(file)) as http:
        await http.post("/_sim/pace", json={"before_first_byte": 30})
        asking = asyncio.create_task(http.post("/v1/messages", json=request(user("hi"))))
        async with asyncio.timeout(10):
            while not lines(file):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        assert [line["event"] for line in lines(file)] == ["begin"]
        asking.cancel()
        await asyncio.wait({asking})
        async with asyncio.timeout(10):
            while len(lines(file)) < 2:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        assert lines(file)[1]["ended"] == "client_gone"


async def test_the_lenient_mode_answers_anything() -> None:
    async with process("--lenient", "--text-chars", "200") as http:
        answer = await http.post("/v1/messages", json={"model": "gpt", "messages": [1]})
        assert answer.json()["model"] == "gpt"
        assert len(answer.json()["content"][0]["text"]) == 200
        stream = await http.post("/v1/messages", json={"stream": True})
        assert stream.text.startswith("event: message_start\n")
        assert stream.text.rstrip().endswith('{"type":"message_stop"}')
        big = await http.post("/v1/messages", content=b'{"x":"' + b"y" * 400_000 + b'"}')
        assert big.status_code == 200
        calls = (await http.get("/_sim/log?bodies=1")).json()["calls"]
        assert calls[2]["body_bytes"] == 400_008
        assert calls[2]["body"] == ""
