"""The child process that holds an embedded index; calls come in on stdin, answers go out on stdout,
in order. It ends with its parent.

    python -m palimpsest.store.vectors.embedded.process
"""

import argparse
import asyncio
import ctypes
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from palimpsest.store.vectors.embedded import calls
from palimpsest.store.vectors.embedded.shard import EmbeddedShard
from palimpsest.store.vectors.embedded.slots import Slot, hold, new_generation

_LEAST_URGENT = 19
_PR_SET_PDEATHSIG = 1


class SlotShard:
    """A slot with the generation that is open in it."""

    def __init__(self, slot: Slot, vectors: str, dimension: int, *, anew: bool) -> None:
        """``anew``: what is there brought its process down."""
        self._slot = slot
        self._vectors = vectors
        self._dimension = dimension
        self.set_aside = ""
        self.directory = slot.current(vectors)
        if anew:
            self._replace("it brought its process down")
        try:
            self.shard = EmbeddedShard(self.directory, dimension)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # A panic of the engine is no Exception.
            self._replace(str(error) or type(error).__name__)
            self.shard = EmbeddedShard(self.directory, dimension)

    def switch(self, generation: Path) -> None:
        """Open first, then let go of the old one."""
        successor = EmbeddedShard(generation, self._dimension)
        former, self.shard = self.shard, successor
        self._slot.adopt(generation, self._vectors)
        former.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = generation
        _give_back_memory()

    def clear(self) -> None:
        self.switch(new_generation(self._slot.directory))

    def _replace(self, reason: str) -> None:
        self.set_aside = reason
        self._slot.set_aside(self.directory)
        self.directory = new_generation(self._slot.directory)
        self._slot.adopt(self.directory, self._vectors)


class LooseShard:
    """A generation by itself, while its graph is built."""

    set_aside = ""

    def __init__(self, directory: Path, dimension: int) -> None:
        self.directory = directory
        self.shard = EmbeddedShard(directory, dimension)

    def switch(self, generation: Path) -> None:
        raise ValueError("it holds no slot")

    def clear(self) -> None:
        raise ValueError("it holds no slot")


def carry_out(opened: SlotShard | LooseShard, call: calls.Call) -> calls.Answer:
    """The answer to a call; raises whatever the engine raises."""
    match call:
        case calls.Find(dense, words, where, limit):
            return opened.shard.find(dense, words, where, limit)
        case calls.Count(where):
            return calls.Answer(count=opened.shard.count(where))
        case calls.Write(points, forgotten, since, until):
            opened.shard.write(points, forgotten, since, until)
        case _:
            _tend(opened, call)
            return calls.Answer(state=_state(opened))
    return calls.Answer()


def _tend(opened: SlotShard | LooseShard, call: calls.Call) -> None:
    match call:
        case calls.Flush():
            opened.shard.flush()
        case calls.Optimise():
            opened.shard.optimise()
        case calls.Clear():
            opened.clear()
        case calls.Switch(generation):
            opened.switch(Path(generation))
        case _:
            pass


def _state(opened: SlotShard | LooseShard) -> calls.State:
    points, loose = opened.shard.sizes()
    return calls.State(str(opened.directory), opened.shard.cursor, points, loose, opened.set_aside)


def serve(opened: SlotShard | LooseShard, source: BinaryIO, sink: BinaryIO) -> None:
    """Until the source ends."""
    decoder = msgspec.msgpack.Decoder(calls.Call)
    _send(sink, calls.Answer(state=_state(opened)))
    while head := source.read(calls.LENGTH.size):
        call = decoder.decode(source.read(*calls.LENGTH.unpack(head)))
        try:
            reply: calls.Reply = carry_out(opened, call)
        except KeyboardInterrupt:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            reply = calls.Failed(str(error), refused=True)
        except BaseException as error:  # A panic of the engine is no Exception.
            reply = calls.Failed(str(error) or type(error).__name__)
        _send(sink, reply)


def _send(sink: BinaryIO, reply: calls.Reply) -> None:
    sink.write(calls.framed(msgspec.msgpack.encode(reply)))
    sink.flush()


def _give_back_memory() -> None:
    """Two generations were open; the allocator keeps what the former one had unless it is told."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # Not every C library has it.
            ctypes.CDLL(None).malloc_trim(0)


def _end_with_parent() -> None:
    """At once, also while the engine builds and nothing is read; where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m store.edge_process", description=__doc__)
    parser.add_argument("dimension", type=int)
    parser.add_argument("--root", type=Path, help="where the slots are; one is taken")
    parser.add_argument("--vectors", default="", help="what made them")
    parser.add_argument("--anew", action="store_true", help="set aside what is there")
    parser.add_argument("--generation", type=Path, help="this one alone, at leisure")
    options = parser.parse_args()
    opened: SlotShard | LooseShard
    if options.generation:
        _end_with_parent()
        os.nice(_LEAST_URGENT)
        opened = LooseShard(options.generation, options.dimension)
    else:
        slot = asyncio.run(hold(options.root))
        opened = SlotShard(slot, options.vectors, options.dimension, anew=options.anew)
    serve(opened, sys.stdin.buffer, sys.stdout.buffer)
    opened.shard.close()


if __name__ == "__main__":
    main()
