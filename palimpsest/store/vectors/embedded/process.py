"""The child that holds an embedded index: ``python -m store.edge_process``; calls come in on stdin,
answers go out on stdout, in order. It ends with its parent.
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
from palimpsest.store.vectors.embedded.shard import EdgeShard
from palimpsest.store.vectors.embedded.slots import Slot, hold, new_generation

_LEAST_URGENT = 19
_PR_SET_PDEATHSIG = 1


class Held:
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
            self.shard = EdgeShard(self.directory, dimension)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # A panic of the engine is no Exception.
            self._replace(str(error) or type(error).__name__)
            self.shard = EdgeShard(self.directory, dimension)

    def switch(self, generation: Path) -> None:
        """Open first, then let go of the old one."""
        successor = EdgeShard(generation, self._dimension)
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


class Built:
    """A generation by itself, while its graph is built."""

    set_aside = ""

    def __init__(self, directory: Path, dimension: int) -> None:
        self.directory = directory
        self.shard = EdgeShard(directory, dimension)

    def switch(self, generation: Path) -> None:
        raise ValueError("it holds no slot")

    def clear(self) -> None:
        raise ValueError("it holds no slot")


def carried_out(held: Held | Built, call: calls.Call) -> calls.Answer:
    """The answer to a call; raises whatever the engine raises."""
    match call:
        case calls.Find(dense, words, where, limit):
            return held.shard.find(dense, words, where, limit)
        case calls.Count(where):
            return calls.Answer(count=held.shard.count(where))
        case calls.Write(points, forgotten, since, until):
            held.shard.write(points, forgotten, since, until)
        case _:
            _tend(held, call)
            return calls.Answer(state=_state(held))
    return calls.Answer()


def _tend(held: Held | Built, call: calls.Call) -> None:
    match call:
        case calls.Flush():
            held.shard.flush()
        case calls.Optimise():
            held.shard.optimise()
        case calls.Clear():
            held.clear()
        case calls.Switch(generation):
            held.switch(Path(generation))
        case _:
            pass


def _state(held: Held | Built) -> calls.State:
    points, loose = held.shard.sizes()
    return calls.State(str(held.directory), held.shard.cursor, points, loose, held.set_aside)


def serve(held: Held | Built, source: BinaryIO, sink: BinaryIO) -> None:
    """Until the source ends."""
    decoder = msgspec.msgpack.Decoder(calls.Call)
    _send(sink, calls.Answer(state=_state(held)))
    while head := source.read(calls.LENGTH.size):
        call = decoder.decode(source.read(*calls.LENGTH.unpack(head)))
        try:
            reply: calls.Reply = carried_out(held, call)
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
    held: Held | Built
    if options.generation:
        _end_with_parent()
        os.nice(_LEAST_URGENT)
        held = Built(options.generation, options.dimension)
    else:
        slot = asyncio.run(hold(options.root))
        held = Held(slot, options.vectors, options.dimension, anew=options.anew)
    serve(held, sys.stdin.buffer, sys.stdout.buffer)
    held.shard.close()


if __name__ == "__main__":
    main()
