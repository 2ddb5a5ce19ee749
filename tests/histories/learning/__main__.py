"""``python -m tests.histories.learning``: learn from a segment, and from one that bears it out, and
keep the histories here."""

import asyncio
import tempfile
from pathlib import Path

from temporalio.client import Client

from harness.simulator import Simulator
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_dev import TemporalDev
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.migrate import migrate
from palimpsest.temporal.payloads import DATA_CONVERTER
from tests.support.agent_work import mended
from tests.support.learner import calls_to, learning, result_of
from tests.support.stored_conversation import answered, talk

HERE = Path(__file__).parent


async def record() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedPostgres.running(Path(folder)) as postgres,
            TemporalDev.running(Path(folder)) as temporal,
            Simulator.serve() as simulator,
        ):
            database = Database(postgres.url, timeout=10)
            await migrate(database)
            client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
            for name, path in (("learned", "path"), ("worded", "other.file")):
                segment = await answered(database, talk(mended(path).built), name)
                async with (
                    calls_to(simulator.url) as calls,
                    learning(client, database, calls=calls) as scheduler,
                ):
                    await scheduler.start_due()
                    await result_of(client, segment)
                handle = client.get_workflow_handle(f"learn-{segment.chain.hex()}")
                history = await handle.fetch_history()
                (HERE / f"{name}.json").write_text(history.to_json() + "\n")
            await database.close()


if __name__ == "__main__":
    asyncio.run(record())
