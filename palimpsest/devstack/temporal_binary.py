"""Where the Temporal programs come from.

The CLI, which holds the dev server and the UI: on PATH, else in the cache, else the official
download, else built with Go. The real server and its schema tool: in the cache, else built.
The cache is shared by all data directories; names carry the version, a lock lets one build.

``python -m palimpsest.devstack.temporal_binary`` gets the CLI ahead of time and prints its path.
"""

import asyncio
import io
import platform
import re
import shutil
import sys
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import httpx
import platformdirs

from palimpsest.devstack.process import Child, tail
from palimpsest.devstack.progress import Say, announced, say
from palimpsest.providers.route import Route, route_of
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.file_lock import exclusive
from palimpsest.runtime.settings import Settings

CLI_VERSION = "1.5.1"
SERVER_VERSION = "1.32.1"
UI_VERSION = "2.42.1"
OLDEST_SERVER = (1, 27)
"""Of a CLI on PATH; older ones lack eager start or a setting we rely on."""

RELEASES = "https://github.com/temporalio/cli/releases/download"
ARCHIVES = (
    "https://temporal.download/cli/archive/v{version}?platform={platform}&arch={arch}",
    RELEASES + "/v{version}/temporal_cli_{version}_{platform}_{arch}.tar.gz",
)

BAD_ARCHIVE = (tarfile.TarError, EOFError, zlib.error, KeyError)


@dataclass(frozen=True)
class Program:
    """``name`` and ``version`` make its file in the cache; ``package`` is what Go builds."""

    name: str
    version: str
    package: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}"


CLI = Program("temporal", CLI_VERSION, "github.com/temporalio/cli/cmd/temporal")
SERVER = Program("temporal-server", SERVER_VERSION, "go.temporal.io/server/cmd/server")
SQL_TOOL = Program("temporal-sql-tool", SERVER_VERSION, "go.temporal.io/server/cmd/tools/sql")
UI = Program("temporal-ui-server", UI_VERSION, "github.com/temporalio/ui-server/v2/cmd/server")


def cache_dir() -> Path:
    """The shared cache, created if need be."""
    path = platformdirs.user_cache_path("palimpsest") / "bin"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


async def temporal_cli(cache: Path | None = None, report: Say = say) -> Path:
    """The Temporal CLI, fetched or built if need be. Raises StartupFailed, naming every way."""
    on_path = shutil.which("temporal")
    if on_path and await _is_recent(Path(on_path)):
        return Path(on_path)
    return await _cached(CLI, cache or cache_dir(), report, download=True)


async def temporal_server(cache: Path | None = None, report: Say = say) -> tuple[Path, Path]:
    """The real server and its SQL schema tool, built with Go if need be."""
    cache = cache or cache_dir()
    server = await _cached(SERVER, cache, report)
    return server, await _cached(SQL_TOOL, cache, report)


async def temporal_ui(cache: Path | None = None, report: Say = say) -> Path:
    """The web UI for the real server, built with Go if need be."""
    return await _cached(UI, cache or cache_dir(), report)


async def _cached(program: Program, cache: Path, report: Say, *, download: bool = False) -> Path:
    path = cache / program.file
    if path.exists():
        return path
    async with announced(f"waiting for another process that gets {program.name}", report):
        lock = await exclusive(cache / f"{program.file}.lock")
    with lock:
        if path.exists():
            return path
        with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as scratch:
            found, why = None, "not downloaded"
            if download:
                found, why = await _download(program, Path(scratch), report)
            found = found or await _build(program, Path(scratch), report, why)
            found.replace(path)
    return path


async def _download(program: Program, scratch: Path, report: Say) -> tuple[Path | None, str]:
    """The program from the project's own site, or None and the reason why not."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    why, route = "", route_of(Settings.load())
    for template in ARCHIVES:
        url = template.format(
            version=program.version, platform=platform.system().lower(), arch=machine
        )
        try:
            async with announced(f"downloading {program.name} {program.version}", report):
                archive = await _get(url, route)
                path = await asyncio.to_thread(_unpack, archive, program.name, scratch)
        except (httpx.HTTPError, *BAD_ARCHIVE, OSError) as error:
            why = f"{httpx.URL(url).host}: {str(error) or type(error).__name__}"
            continue
        if await _version(path) is not None:
            return path, ""
        why = f"{httpx.URL(url).host}: what it sent does not run here"
    return None, why


async def _get(url: str, route: Route) -> bytes:
    way = route.options(url)
    timeout = httpx.Timeout(60, connect=5)
    async with httpx.AsyncClient(timeout=timeout, follow_redirects=True, **way) as client:
        return (await client.get(url)).raise_for_status().content


def _unpack(archive: bytes, name: str, scratch: Path) -> Path:
    """The one member we want, as a file of ours; nothing else of the archive is written."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        source = tar.extractfile(tar.getmember(name))
        if source is None:
            raise KeyError(f"{name} is not a file")
        path = scratch / name
        path.write_bytes(source.read())
    path.chmod(0o755)
    return path


async def _build(program: Program, scratch: Path, report: Say, why: str) -> Path:
    go = shutil.which("go")
    target = f"{program.package}@v{program.version}"
    if go is None:
        raise StartupFailed(
            f"no {program.name}: {why}, and there is no Go to build it with; install it, "
            "or Go, or set TEMPORAL_ADDRESS"
        )
    report(f"· {program.name}: {why}; building {target} with Go, which takes minutes")
    log = scratch / "build.log"
    async with announced(f"building {program.name}", report):
        child = await Child.run(
            [go, "install", target], env={"GOBIN": str(scratch)}, log=log, cwd=scratch
        )
    if child.status:
        raise StartupFailed(f"go install {target} failed: {_first_error(log)}")
    return scratch / program.package.rpartition("/")[2]


def _first_error(log: Path) -> str:
    lines = [line for line in tail(log).splitlines() if not line.startswith("go: downloading")]
    return lines[-1].strip() if lines else "no reason given"


async def _is_recent(path: Path) -> bool:
    version = await _version(path)
    return version is not None and version >= OLDEST_SERVER


async def _version(path: Path) -> tuple[int, int] | None:
    """The server's version inside a CLI, (major, minor); None if it does not run."""
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    except (OSError, TimeoutError):
        return None
    found = re.search(rb"Server v?(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found and not process.returncode else None


def main() -> None:
    """Get the Temporal CLI, as the dev server needs it, and print its path; exit 1 if none."""
    try:
        path = asyncio.run(temporal_cli())
    except StartupFailed as error:
        sys.exit(f"palimpsest: {error}")
    print(path)


if __name__ == "__main__":
    main()
