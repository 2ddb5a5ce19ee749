"""All measures of one session, and of all of them in two processes."""

from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path

import msgspec

from harness.eval.estimates import errors
from harness.eval.needles import plant_needles
from harness.eval.profiles import PROFILES
from harness.eval.prunes import Prune, measure_prunes
from harness.eval.replay import STRATEGIES, SessionReplay, replay
from harness.eval.sessions import UNREADABLE, Half, load

PROCESSES = 2


class SessionMeasures(msgspec.Struct, frozen=True):
    """What one session gave; ``errors`` of the estimate of its prompts."""

    session: str
    half: Half
    replays: list[SessionReplay]
    prunes: list[Prune]
    errors: list[float]


class UnreadableFile(msgspec.Struct, frozen=True):
    """A file that is no session."""

    file: str
    why: str


def measure(path: Path) -> SessionMeasures | UnreadableFile:
    """One session under each profile and strategy."""
    try:
        session = load(path)
    except UNREADABLE as error:
        return UnreadableFile(path.name, repr(error))
    sown, needles = plant_needles(session)
    return SessionMeasures(
        session.id,
        session.half,
        [replay(sown, needles, profile, name) for profile in PROFILES for name in STRATEGIES],
        [found for profile in PROFILES for found in measure_prunes(sown, needles, profile)],
        errors(session),
    )


def measure_all(
    paths: Sequence[Path], processes: int = PROCESSES
) -> Iterator[SessionMeasures | UnreadableFile]:
    """Every session, in no particular order."""
    if processes == 1:
        yield from map(measure, paths)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(measure, paths)
