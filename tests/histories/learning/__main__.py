"""``python -m tests.histories.learning``: learn from one segment and keep the history here."""

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

HERE = Path(__file__).parent


async def record() -> None:
    with tempfile.TemporaryDirectory() as name:
        async with (
            EmbeddedPostgres.running(Path(name)) as postgres,
            TemporalDev.running(Path(name)) as temporal,
        ):
            database = Database(postgres.url, timeout=10)
            await migrate(database)
            client = await Client.connect(temporal.address, data_converter=DATA_CONVERTER)
            segment = await answered(database, talk(mended().built), "one")
            async with learning(client, database) as scheduler:
                await scheduler.gather()
                await result_of(client, segment)
            handle = client.get_workflow_handle(f"learn-{segment.chain.hex()}")
            history = await handle.fetch_history()
            (HERE / "learned.json").write_text(history.to_json() + "\n")
            await database.close()


if __name__ == "__main__":
    asyncio.run(record())
