"""LiteLLM's proxy, one worker, in a virtual environment of its own that is built once."""

import secrets
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import platformdirs

from harness.bench.bodies import MODEL
from harness.bench.target import Target, until_answers
from palimpsest.devstack import ports
from palimpsest.devstack.process import Child
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.file_lock import exclusive

VERSION = "1.106.2"
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
}
"""Its price table comes from the package and nothing from the network."""


@asynccontextmanager
async def litellm(directory: Path, upstream: Target) -> AsyncGenerator[Target]:
    """LiteLLM in front of ``upstream``, ready; ``directory`` takes its config and its log."""
    program = await installed()
    key = f"sk-{secrets.token_hex(24)}"
    config = directory / "litellm.yaml"
    config.write_bytes(msgspec.json.encode(_config(upstream.url)))
    port = ports.choose({"litellm": None})["litellm"]
    arguments = ["--config", str(config), "--host", ports.LOOPBACK, "--port", str(port)]
    arguments += ["--num_workers", "1", "--telemetry", "False"]
    child = await Child.spawn(
        [program, *arguments],
        env={**QUIET, "LITELLM_MASTER_KEY": key},
        log=directory / "litellm.log",
        cwd=directory,
    )
    url = f"http://{ports.LOOPBACK}:{port}"
    try:
        await until_answers(f"{url}/health/liveliness", child, seconds=120)
        yield Target(
            name="litellm", url=url, api_key=key, roots={child.mark.pid: "proxy", **upstream.roots}
        )
    finally:
        await child.stop(signal.SIGTERM, 10)


async def installed() -> Path:
    """The ``litellm`` program, installed into the user's cache if need be."""
    home = platformdirs.user_cache_path("palimpsest") / "bench"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    venv = home / f"litellm-{VERSION}"
    with await exclusive(home / "litellm.lock"):
        if not (venv / ".complete").exists():
            print(f"· installing LiteLLM {VERSION} into {venv}", flush=True)
            uv = Path(sys.executable).with_name("uv")
            log = home / "install.log"
            await _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], log)
            python, package = venv / "bin" / "python", f"litellm[proxy]=={VERSION}"
            await _run([uv, "pip", "install", "--quiet", "--python", python, package], log)
            (venv / ".complete").touch()
    return venv / "bin" / "litellm"


async def _run(command: list[str | Path], log: Path) -> None:
    child = await Child.spawn(command, log=log)
    if await child.wait():
        raise StartupFailed(f"LiteLLM was not installed: {child.last_words()}")


def _config(upstream: str) -> dict[str, object]:
    """In JSON, which is YAML."""
    model = {"model": f"anthropic/{MODEL}", "api_base": upstream, "api_key": "bench"}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "litellm_settings": {"telemetry": False, "num_retries": 0, "request_timeout": 600},
    }
