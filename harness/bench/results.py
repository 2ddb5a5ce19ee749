"""The rows of a run, as ``bench/results/latest.json`` holds them."""

import platform
from collections import Counter
from pathlib import Path

import msgspec
import psutil

from harness.bench.percentiles import Percentiles, percentiles
from harness.bench.target import Measurement

LATEST = Path(__file__).parent / "results" / "latest.json"


class Cell(msgspec.Struct, frozen=True):
    """What is asked of every target."""

    clients: int
    body_kb: int
    stream: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of one target, all rounds together; ``cpu_ms`` is per request, by role."""

    target: str
    clients: int
    body_kb: int
    stream: bool
    rps: float
    ttfb_ms: Percentiles
    total_ms: Percentiles
    rps_rounds: list[float]
    requests: int
    failures: int
    cpu_ms: dict[str, float]

    @property
    def cell(self) -> Cell:
        return Cell(self.clients, self.body_kb, self.stream)


class Machine(msgspec.Struct, frozen=True):
    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str


class Results(msgspec.Struct, frozen=True):
    machine: Machine
    rows: list[Row]


def row(target: str, cell: Cell, rounds: list[Measurement]) -> Row | None:
    """The rounds of one cell as a row; None when not one request was answered in the window."""
    outcomes = [measured.outcome for measured in rounds]
    ttfb = [ms for outcome in outcomes for ms in outcome.ttfb_ms]
    total = [ms for outcome in outcomes for ms in outcome.total_ms]
    if not total:
        return None
    cpu: Counter[str] = Counter()
    for measured in rounds:
        cpu.update(measured.cpu)
    requests = sum(outcome.requests for outcome in outcomes)
    return Row(
        target=target,
        clients=cell.clients,
        body_kb=cell.body_kb,
        stream=cell.stream,
        rps=round(
            sum(outcome.finished for outcome in outcomes)
            / sum(outcome.took for outcome in outcomes),
            2,
        ),
        ttfb_ms=percentiles(ttfb),
        total_ms=percentiles(total),
        rps_rounds=[round(outcome.rate, 2) for outcome in outcomes],
        requests=requests,
        failures=sum(len(outcome.failures) for outcome in outcomes),
        cpu_ms={role: round(seconds * 1000 / requests, 3) for role, seconds in cpu.items()},
    )


def machine() -> Machine:
    """The machine this runs on."""
    return Machine(
        cpu=_cpu_name(),
        cores=psutil.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def write(results: Results, path: Path = LATEST) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
