"""Every kept history replays against today's workflow; a workflow that changed does not.

`python -m tests.histories` records them anew.
"""

import base64
import re
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from palimpsest.temporal.payloads import DATA_CONVERTER
from palimpsest.temporal.replay import read_histories, replayer
from tests.histories.__main__ import ENDINGS, HERE
from workflows.contracts import (
    FORWARD_UPSTREAM,
    WORKFLOW,
    ProxyRequestInput,
    ProxyRequestResult,
)
from workflows.proxy_request import ProxyRequest

HISTORIES = dict(read_histories(HERE))


@workflow.defn(name=WORKFLOW)
class Reordered(ProxyRequest):
    """The provider is asked before anything is known."""

    @workflow.run
    async def run(self, request: ProxyRequestInput) -> ProxyRequestResult:
        await workflow.execute_activity(
            FORWARD_UPSTREAM, start_to_close_timeout=timedelta(seconds=1)
        )
        return await super().run(request)


def test_there_is_one_of_each_ending() -> None:
    assert set(HISTORIES) == {f"{ending}.json" for ending in ENDINGS}


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_kept_history_replays(name: str) -> None:
    await replayer().replay_workflow(HISTORIES[name])


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_changed_workflow_does_not(name: str) -> None:
    changed = Replayer(
        workflows=[Reordered],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=DATA_CONVERTER,
    )
    with pytest.raises(NondeterminismError):
        await changed.replay_workflow(HISTORIES[name])


@pytest.mark.parametrize("name", HISTORIES)
def test_no_credential_and_no_text_is_in_a_history(name: str) -> None:
    text = (HERE / name).read_text()
    for data in re.findall(r'"data": ?"([A-Za-z0-9+/=]+)"', text):
        text += base64.b64decode(data).decode("latin-1")
    assert '"request_id"' in text
    for secret in ("sk-ant-test", "hello", "The quick brown fox", "x-api-key"):
        assert secret not in text


def test_histories_are_read_by_their_names(tmp_path: Path) -> None:
    history = HISTORIES["answered.json"]
    (tmp_path / "b.json").write_text(history.to_json())
    (tmp_path / "a.json").write_text(history.to_json())
    (tmp_path / "c.txt").write_text("no history")
    found = list(read_histories(tmp_path))
    assert [name for name, _ in found] == ["a.json", "b.json"]
    assert all(isinstance(read, WorkflowHistory) for _, read in found)
