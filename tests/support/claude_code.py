"""The real Claude Code CLI at a pinned version, got from npm once and then kept in the cache."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from palimpsest.runtime.file_lock import exclusive
from palimpsest.runtime.settings import child_environment
from tests.support.terminal import Terminal

VERSION = "2.1.328"
PACKAGE = f"@anthropic-ai/claude-code@{VERSION}"
PATIENCE = 90
"""Seconds for one run of the CLI."""

_TITLES = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
}


class Missing(Exception):
    """Claude Code cannot be had here; says why."""


async def installed() -> Path:
    """The program. Raises Missing."""
    cache = platformdirs.user_cache_path("palimpsest") / "npm"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"claude-code-{VERSION}"
    program = home / "node_modules" / ".bin" / "claude"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Missing("Claude Code comes from npm, and this machine has no Node.js with npm")
    with await exclusive(cache / "claude-code.lock"):
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as scratch:
                prefix = Path(scratch) / "prefix"
                prefix.mkdir()
                await _install(npm, prefix)
                prefix.rename(home)
    return program


async def _install(npm: str, prefix: Path) -> None:
    arguments = ("install", "--prefix", str(prefix), "--no-audit", "--no-fund", PACKAGE)
    process = await asyncio.create_subprocess_exec(
        npm,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 300)
    if process.returncode != 0:
        raise Missing(f"npm could not install {PACKAGE}: {output.decode()[-300:]}")


@dataclass(frozen=True)
class ClaudeOutput:
    """What the CLI wrote: ``result`` is its JSON line where it was asked for one."""

    status: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        return msgspec.json.decode(self.stdout, type=dict[str, Any])


class ClaudeCode:
    """One user: a home of their own, a directory to work in, a dummy key."""

    def __init__(self, program: Path, home: Path) -> None:
        self._program = program
        self._home = home
        self.directory = home / "work"
        self.directory.mkdir(parents=True)
        self.key = f"sk-ant-api03-{secrets.token_hex(20)}"
        self.outputs: list[str] = []

    async def ask(
        self,
        prompt: str,
        *arguments: str,
        base_url: str,
        tools: str = "Bash,Edit,Glob,Grep,Read,Task,Agent,Write",
        env: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> ClaudeOutput:
        """`claude -p` with tools allowed; fails the test when it takes too long."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            *("-p", prompt, "--output-format", "json", "--allowedTools", tools),
            *arguments,
            cwd=self.directory,
            env=self._environment(base_url) | dict(env or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            stdout, stderr = await asyncio.wait_for(process.communicate(), patience)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        said = ClaudeOutput(process.returncode or 0, stdout.decode(), stderr.decode())
        self.outputs += [said.stdout, said.stderr]
        return said

    def interactive(
        self, base_url: str, *, titles: bool = False
    ) -> AbstractAsyncContextManager[Terminal]:
        """`claude` in a terminal, past its questions to a new user; with ``titles`` it names its
        session, as it does where its other traffic is allowed, which then ends at a closed port."""
        answered = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {"approved": [self.key[-20:]], "rejected": []},
            "projects": {str(self.directory): {"hasTrustDialogAccepted": True}},
        }
        (self._home / ".claude.json").write_bytes(msgspec.json.encode(answered))
        environment = self._environment(base_url) | (_TITLES if titles else {})
        return Terminal.running(self._program, self.directory, environment)

    def _environment(self, base_url: str) -> dict[str, str]:
        """Nothing of the machine's own but where its programs are."""
        return {
            "PATH": child_environment({})["PATH"],
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": base_url,
            "ANTHROPIC_API_KEY": self.key,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
