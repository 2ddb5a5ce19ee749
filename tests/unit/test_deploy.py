"""What is deployed: the compose file and the image agree with the code, and open nothing."""

import base64
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from palimpsest.devstack.temporal_binary import SERVER_VERSION
from palimpsest.devstack.temporal_config import DYNAMIC_CONFIG, GO_MEMORY
from palimpsest.devstack.temporal_server import PLUGIN, SHARDS
from palimpsest.runtime.settings import Settings, variable_of

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("api", "worker")
ONE_SHOT = ("temporal-schema", "temporal-namespace")
VAULT_KEY = base64.b64encode(bytes(32)).decode()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {
        *OURS,
        *ONE_SHOT,
        *("postgres", "temporal", "temporal-ui", "qdrant", "redis"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-alpine)?", SERVICES[name]["image"])


def test_base_images_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))
    assert SERVICES[name].get("network_mode") is None


def test_only_the_proxy_and_the_ui_are_published() -> None:
    assert {name for name in SERVICES if "ports" in SERVICES[name]} == {"api", "temporal-ui"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(ONE_SHOT) - set(OURS)))
def test_servers_are_checked_and_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_volumes_are_named() -> None:
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith("./")
    }
    assert used == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_is_there(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        ends = needed in ONE_SHOT
        expected = "service_completed_successfully" if ends else "service_healthy"
        assert how["condition"] == expected, needed


@pytest.mark.parametrize("name", OURS)
def test_the_environment_makes_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = SERVICES[name]["environment"]
    known = {variable_of(field): field for field in Settings.model_fields}
    assert set(environment) <= set(known)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, _interpolated(value))
    settings = Settings.load()
    assert settings.database_url == "postgresql://palimpsest:secret@postgres:5432/palimpsest"
    assert settings.temporal_address == "temporal:7233"
    assert settings.upstream_url == "https://api.anthropic.com"
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.vault_key == VAULT_KEY


def test_no_password_is_written_down() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    written = re.findall(r"(?:PASSWORD|PWD): (.*)", text)
    assert written
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in written)
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_streams_may_finish_before_the_container_is_killed() -> None:
    drain = Settings.model_fields["drain_timeout"].default
    for name in OURS:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > drain + 5


def test_temporal_runs_as_the_embedded_server_does() -> None:
    temporal = SERVICES["temporal"]
    assert temporal["image"] == f"temporalio/server:{SERVER_VERSION}"
    for name in ONE_SHOT:
        assert SERVICES[name]["image"] == f"temporalio/admin-tools:{SERVER_VERSION}"
    assert temporal["environment"]["NUM_HISTORY_SHARDS"] == str(SHARDS)
    assert temporal["environment"]["DB"] == PLUGIN
    assert temporal["environment"].items() >= GO_MEMORY.items()
    tuning = yaml.safe_load((ROOT / "deploy/temporal/dynamicconfig.yaml").read_text())
    assert tuning == {key: [{"value": value}] for key, value in DYNAMIC_CONFIG.items()}


def test_mounted_files_exist() -> None:
    mounted = ROOT / "deploy/temporal"
    for name in ("temporal", *ONE_SHOT):
        service = SERVICES[name]
        assert service["volumes"] == ["./deploy/temporal:/deploy:ro"]
        named = re.findall(r"(?<!\.)/deploy/([\w.-]+)", yaml.safe_dump(service))
        assert named
        assert all((mounted / file).is_file() for file in named)


def test_the_image_holds_all_that_runs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {package.rstrip("*") for package in project["packages"]["find"]["include"]}
    modules = {f"{module}.py" for module in project["py-modules"]}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert let_in == packages | modules | {"pyproject.toml", "uv.lock"}


def test_the_image_is_nobodys_root_and_hash_checked() -> None:
    assert re.search(r"^USER [1-9]\d+$", DOCKERFILE, re.MULTILINE)
    assert "uv sync --locked" in DOCKERFILE
    assert "/readyz" in DOCKERFILE.partition("HEALTHCHECK")[2]


def _interpolated(value: str) -> str:
    """As compose does it: password and key given, everything else left at its default."""
    value = re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", "secret", value)
    value = re.sub(r"\$\{PALIMPSEST_VAULT_KEY:\?[^}]*\}", VAULT_KEY, value)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
