"""Where the Temporal CLI comes from, with small scripts in the place of the large programs."""

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from palimpsest.devstack import temporal_binary
from palimpsest.devstack.progress import silent
from palimpsest.devstack.temporal_binary import CLI, temporal_cli
from palimpsest.runtime.errors import StartupFailed

NEW = "#!/bin/sh\necho 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'\n"
OLD = "#!/bin/sh\necho 'temporal version 0.10.0 (Server 1.21.0, UI 2.16.2)'\n"
BROKEN = "#!/bin/sh\nexit 127\n"
GO = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
printf '%s' '#!/bin/sh' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"
"""
BROKEN_GO = "#!/bin/sh\necho 'go: downloading x v1'\necho 'x.go:1: no such module'\nexit 1\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one directory on PATH that may hold ``temporal`` or ``go``, and no way to download."""
    directory = tmp_path / "path"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    monkeypatch.setattr(temporal_binary, "ARCHIVES", ("http://127.0.0.1:9/{version}",))
    return directory


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def names_in(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


@asynccontextmanager
async def serving(body: bytes) -> AsyncGenerator[str]:
    """A server that sends ``body`` to everyone; its URL as a template."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v{{version}}?platform={{platform}}&arch={{arch}}"


def archive(text: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        member = tarfile.TarInfo("temporal")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text.encode()))
    return target.getvalue()


async def test_the_one_on_path_is_taken(path: Path, tmp_path: Path):
    ours = script(path / "temporal", NEW)
    assert await temporal_cli(tmp_path, silent) == ours


async def test_then_the_cached_one(path: Path, tmp_path: Path):
    script(path / "temporal", OLD)
    cached = script(tmp_path / CLI.file, NEW)
    assert await temporal_cli(tmp_path, silent) == cached


async def test_then_the_download(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script(path / "temporal", OLD)
    async with serving(archive(NEW)) as url:
        monkeypatch.setattr(temporal_binary, "ARCHIVES", (url,))
        binary = await temporal_cli(tmp_path, silent)
    assert binary == tmp_path / CLI.file
    assert binary.read_text() == NEW
    assert os.access(binary, os.X_OK)


@pytest.mark.parametrize(
    "body",
    [b"<html>", archive(BROKEN)[:-20], archive(BROKEN)],
    ids=["no archive", "half an archive", "a program that does not run"],
)
async def test_then_go_when_the_download_is_no_good(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
):
    script(path / "go", GO)
    said: list[str] = []
    async with serving(body) as url:
        monkeypatch.setattr(temporal_binary, "ARCHIVES", (url,))
        binary = await temporal_cli(tmp_path, said.append)
    assert binary == tmp_path / CLI.file
    assert (path / "calls").read_text() == (
        f"install github.com/temporalio/cli/cmd/temporal@v{CLI.version}\n"
    )
    assert "127.0.0.1" in said[0]


async def test_many_at_once_build_once(path: Path, tmp_path: Path):
    script(path / "go", GO)
    found = await asyncio.gather(*(temporal_cli(tmp_path, silent) for _ in range(5)))
    assert set(found) == {tmp_path / CLI.file}
    assert len((path / "calls").read_text().splitlines()) == 1


async def test_a_failed_build_says_why_and_leaves_nothing(path: Path, tmp_path: Path):
    script(path / "go", BROKEN_GO)
    with pytest.raises(StartupFailed, match=r"go install .*@v1.5.1 failed: x.go:1: no such module"):
        await temporal_cli(tmp_path, silent)
    assert names_in(tmp_path) == {"path", f"{CLI.file}.lock"}


@pytest.mark.skipif(Path("/usr/bin/go").exists(), reason="Go is where it cannot be hidden")
async def test_without_go_every_way_is_named(path: Path, tmp_path: Path):
    with pytest.raises(StartupFailed, match=r"127.0.0.1.*no Go.*set TEMPORAL_ADDRESS"):
        await temporal_cli(tmp_path, silent)
    assert not (path / "calls").exists()
