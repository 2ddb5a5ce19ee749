"""The bytes of an answer, in memory and on disk: what was appended is what is read."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from palimpsest.exchanges import byte_log
from palimpsest.exchanges.byte_log import MEMORY_BYTES, PIECE_BYTES, ByteLog

SIZES = st.lists(
    st.one_of(
        st.integers(0, 300),
        st.integers(PIECE_BYTES - 2, PIECE_BYTES + 2),
        st.integers(MEMORY_BYTES - 2, MEMORY_BYTES + 2),
    ),
    max_size=12,
)


def read_all(log: ByteLog, size: int) -> bytes:
    found = bytearray()
    while piece := log.read(len(found), size):
        assert len(piece) <= size
        found += piece
    return bytes(found)


@given(SIZES, st.sampled_from([1000, PIECE_BYTES, 10**7]))
def test_every_reader_gets_every_byte(sizes: list[int], size: int) -> None:
    log, whole = ByteLog(Path("/tmp")), bytearray()
    for number, count in enumerate(sizes):
        piece = bytes([number]) * count
        log.append(piece)
        whole += piece
        assert len(log) == len(whole)
    assert log.join() == read_all(log, size) == whole


def test_a_reader_that_follows_gets_what_is_new(tmp_path: Path) -> None:
    log, read = ByteLog(tmp_path), bytearray()
    for number in range(100):
        log.append(bytes([number]) * 30_000)
        while piece := log.read(len(read)):
            read += piece
        assert len(read) == len(log)
    assert read == log.join()


def test_a_large_answer_is_on_disk_and_has_no_name(tmp_path: Path) -> None:
    log = ByteLog(tmp_path)
    for _ in range(40):
        log.append(b"x" * 500_000)
    assert log.held <= MEMORY_BYTES + PIECE_BYTES
    assert len(log) == 20_000_000
    assert not list(tmp_path.iterdir())


def test_a_small_answer_makes_no_file(tmp_path: Path) -> None:
    log = ByteLog(tmp_path / "does not exist")
    log.append(b"x" * MEMORY_BYTES)
    assert log.held == MEMORY_BYTES


def test_without_a_disk_all_stays_in_memory(tmp_path: Path) -> None:
    log = ByteLog(tmp_path / "does not exist")
    for number in range(30):
        log.append(bytes([number]) * 100_000)
    assert log.held == len(log) == 3_000_000
    assert log.join() == read_all(log, byte_log.PIECE_BYTES)
