"""``python -m tests.histories.learning``: learn from a segment, and from one that bears it out, and
keep the histories here."""

import asyncio
import tempfile
from pathlib import Path

from temporalio.client import Client

from engine.payloads import DATA_CONVERTER
from stack.postgres import EmbeddedPostgres
from stack.temporal_dev import TemporalDev
from store.database import Database
from store.migrate import migrate
from tests.engine.test_learning import learning, result_of
from tests.learning.doing import mended
from tests.learning.talking import answered, talk
from tests.providers.test_side_call import calls_to
from tests.upstream import Simulator

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
                    await scheduler.gather()
                    await result_of(client, segment)
                handle = client.get_workflow_handle(f"learn-{segment.chain.hex()}")
                history = await handle.fetch_history()
                (HERE / f"{name}.json").write_text(history.to_json() + "\n")
            await database.close()


if __name__ == "__main__":
    asyncio.run(record())
