"""One run: streams and faults for a time, then calm, then the verdict."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from harness.chaos.client import Client, Sending
from harness.chaos.client_request import draw_request
from harness.chaos.credential_scan import SpillWatch, find_in_files, find_in_tables
from harness.chaos.fault_schedule import PlannedFault, plan_faults
from harness.chaos.ledger import RequestRecord, open_requests, read_ledger
from harness.chaos.report import Report, report
from harness.chaos.stack import Stack, left_running, running_stack
from harness.chaos.verdict import Evidence
from harness.chaos.wire import read_calls
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database

CLIENTS_TIMEOUT = 120.0
SETTLING_TIMEOUT = 60.0
_BETWEEN_REQUESTS = 0.3
_LOOK_INTERVAL = 0.2
_DATABASE_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """What to run: with ``redis`` two edges and two workers, else one edge that calls itself."""

    seconds: float
    seed: int
    clients: int = 32
    redis: bool = False


async def run(options: Options, directory: Path) -> Report:
    """Leaves its evidence in ``directory``, which must exist and be empty."""
    keys = credentials(options.seed)
    async with running_stack(directory, redis=options.redis) as stack:
        async with SpillWatch.running(stack.data_dir / "spill", keys) as spill:
            sendings, problems = await _send_under_faults(stack, options, keys)
            problems += await _settle(stack)
        ledger, leaks = await _read(stack, keys)
    problems += left_running(stack.data_dir)
    problems += [death for component in stack.components for death in component.deaths]
    leaks += [*spill.found, *await asyncio.to_thread(find_in_files, stack.data_dir, keys)]
    faults = [fault for component in stack.components for fault in component.faults]
    _write(directory / "faults.json", faults)
    _write(directory / "sendings.json", sendings)
    _write(directory / "ledger.json", ledger)
    evidence = Evidence(read_calls(stack.provider.log), ledger, sendings, faults)
    return report(options.seed, options.seconds, evidence, leaks, problems)


def credentials(seed: int) -> list[str]:
    """The ones that clients use, of both kinds, in no other place than this run."""
    dice = random.Random(f"{seed}/credentials")
    kinds = ("sk-ant-api03-", "sk-ant-oat01-")
    return [f"{kind}{dice.randbytes(24).hex()}" for kind in kinds for _ in range(2)]


async def _send_under_faults(
    stack: Stack, options: Options, keys: list[str]
) -> tuple[list[Sending], list[str]]:
    """What clients did, and the problems they met."""
    end = asyncio.Event()
    client = Client(stack.urls, options.seed)
    provider_faults = asyncio.create_task(stack.provider.inject_faults(options.seed))
    clients = [
        asyncio.create_task(_send_requests(client, options.seed, number, keys, end))
        for number in range(options.clients)
    ]
    injections = [
        asyncio.create_task(
            component.inject_faults(_plan(component.name, options, len(stack.components)), end)
        )
        for component in stack.components
    ]
    tasks = [provider_faults, *clients, *injections]
    try:
        await asyncio.wait(tasks, timeout=options.seconds)
        end.set()
        await asyncio.gather(*injections)
        provider_faults.cancel()
        await stack.provider.end_faults()
        _, late = await asyncio.wait(clients, timeout=CLIENTS_TIMEOUT)
        for task in clients:
            if task.done():
                task.result()
        return client.sendings, [f"{len(late)} clients still wait"] if late else []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()


def _plan(component: str, options: Options, components: int) -> Iterator[PlannedFault]:
    return plan_faults(component, options.seed, options.seconds, components)


async def _send_requests(
    client: Client, seed: int, number: int, keys: list[str], end: asyncio.Event
) -> None:
    """One request after the other, until the end."""
    dice = random.Random(f"{seed}/pauses/{number}")
    for index in count():
        await asyncio.sleep(dice.uniform(0, 2 * _BETWEEN_REQUESTS))
        if end.is_set():
            return
        await client.carry_out(draw_request(seed, number, index, keys))


async def _settle(stack: Stack) -> list[str]:
    """Wait until every accepted request has ended and no call is open; what did not."""
    database = Database(stack.database_url, _DATABASE_TIMEOUT)
    try:
        async with asyncio.timeout(SETTLING_TIMEOUT):
            while not await _is_idle(stack, database):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_LOOK_INTERVAL)
    except TimeoutError:
        return [f"after {SETTLING_TIMEOUT:.0f} s of calm something still runs"]
    finally:
        await database.close()
    return []


async def _is_idle(stack: Stack, database: Database) -> bool:
    try:
        spilled = any((stack.data_dir / "spill").glob("*.end"))
        return not spilled and not await open_requests(database) and await stack.provider.is_idle()
    except DatabaseUnavailable:
        return False


async def _read(stack: Stack, keys: list[str]) -> tuple[list[RequestRecord], list[str]]:
    database = Database(stack.database_url, _DATABASE_TIMEOUT)
    try:
        return await read_ledger(database), await find_in_tables(database, keys)
    finally:
        await database.close()


def _write(path: Path, evidence: object) -> None:
    path.write_bytes(msgspec.json.encode(evidence))
