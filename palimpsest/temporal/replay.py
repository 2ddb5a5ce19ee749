"""Replays recorded histories against the working tree's workflow code."""

from collections.abc import Iterable
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from palimpsest.temporal.payloads import DATA_CONVERTER
from workflows.learn_segment import LearnSegment
from workflows.proxy_request import ProxyRequest


def replayer() -> Replayer:
    """Today's workflow code, as the worker runs it."""
    return Replayer(
        workflows=[ProxyRequest, LearnSegment],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=DATA_CONVERTER,
    )


def read_histories(folder: Path) -> Iterable[tuple[str, WorkflowHistory]]:
    """The histories kept in a folder as JSON, with their file names, in order."""
    for path in sorted(folder.glob("*.json")):
        yield path.name, WorkflowHistory.from_json(path.stem, path.read_text())
