"""One run: streams and blows for a time, then calm, then the verdict."""

import asyncio
import random
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from harness.chaos.ask import draw
from harness.chaos.client import Client, Try
from harness.chaos.fault_schedule import blows
from harness.chaos.ledger import Kept, open_requests, read_ledger
from harness.chaos.report import Report, report
from harness.chaos.secrets_left import SpillWatch, in_files, in_tables
from harness.chaos.stage import Stage, left_running, stage
from harness.chaos.verdict import Evidence
from harness.chaos.wire import read_calls
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database

CLIENTS_PATIENCE = 120.0
SETTLING_PATIENCE = 60.0
_BETWEEN_ASKS = 0.3
_LOOK_EVERY = 0.2
_DATABASE_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    seconds: float
    seed: int
    clients: int = 32
    redis: bool = False


async def run(options: Options, directory: Path) -> Report:
    """Leaves its evidence in ``directory``, which must exist and be empty."""
    keys = credentials(options.seed)
    async with stage(directory, redis=options.redis) as on:
        async with SpillWatch.on(on.data_dir / "spill", keys) as spill:
            tries, problems = await _storm(on, options, keys)
            problems += await _settle(on)
        ledger, leaks = await _read(on, keys)
    problems += left_running(on.data_dir)
    problems += [death for part in on.parts for death in part.deaths]
    leaks += [*spill.found, *await asyncio.to_thread(in_files, on.data_dir, keys)]
    struck = [blow for part in on.parts for blow in part.struck]
    _write(directory / "blows.json", struck)
    _write(directory / "tries.json", tries)
    _write(directory / "ledger.json", ledger)
    evidence = Evidence(read_calls(on.provider.log), ledger, tries, struck)
    return report(options.seed, options.seconds, evidence, leaks, problems)


def credentials(seed: int) -> list[str]:
    """The ones that clients use, of both kinds, in no other place than this run."""
    dice = random.Random(f"{seed}/credentials")
    kinds = ("sk-ant-api03-", "sk-ant-oat01-")
    return [f"{kind}{dice.randbytes(24).hex()}" for kind in kinds for _ in range(2)]


async def _storm(on: Stage, options: Options, keys: list[str]) -> tuple[list[Try], list[str]]:
    """What clients did, and what went wrong with them."""
    end = asyncio.Event()
    client = Client(on.urls, options.seed)
    weather = asyncio.create_task(on.provider.storm(options.seed))
    asking = [
        asyncio.create_task(_ask(client, options.seed, number, keys, end))
        for number in range(options.clients)
    ]
    suffering = [
        asyncio.create_task(
            part.suffer(blows(part.name, options.seed, options.seconds, len(on.parts)), end)
        )
        for part in on.parts
    ]
    try:
        await asyncio.wait([weather, *asking, *suffering], timeout=options.seconds)
        end.set()
        await asyncio.gather(*suffering)
        weather.cancel()
        await on.provider.clear_up()
        _, late = await asyncio.wait(asking, timeout=CLIENTS_PATIENCE)
        for task in asking:
            if task.done():
                task.result()
        return client.tries, [f"{len(late)} clients still wait"] if late else []
    finally:
        tasks = [weather, *asking, *suffering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()


async def _ask(client: Client, seed: int, number: int, keys: list[str], end: asyncio.Event) -> None:
    """One ask after the other, until the end."""
    dice = random.Random(f"{seed}/pauses/{number}")
    for ask in count():
        await asyncio.sleep(dice.uniform(0, 2 * _BETWEEN_ASKS))
        if end.is_set():
            return
        await client.carry_out(draw(seed, number, ask, keys))


async def _settle(on: Stage) -> list[str]:
    """Wait until every accepted request has ended and no call is open; what did not."""
    database = Database(on.database_url, _DATABASE_TIMEOUT)
    try:
        async with asyncio.timeout(SETTLING_PATIENCE):
            while not await _is_quiet(on, database):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        return [f"after {SETTLING_PATIENCE:.0f} s of calm something still runs"]
    finally:
        await database.close()
    return []


async def _is_quiet(on: Stage, database: Database) -> bool:
    try:
        spilled = any((on.data_dir / "spill").glob("*.end"))
        return not spilled and not await open_requests(database) and await on.provider.quiet()
    except DatabaseUnavailable:
        return False


async def _read(on: Stage, keys: list[str]) -> tuple[list[Kept], list[str]]:
    database = Database(on.database_url, _DATABASE_TIMEOUT)
    try:
        return await read_ledger(database), await in_tables(database, keys)
    finally:
        await database.close()


def _write(path: Path, evidence: object) -> None:
    path.write_bytes(msgspec.json.encode(evidence))
