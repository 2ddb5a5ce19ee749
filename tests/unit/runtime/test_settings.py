"""A wrong setting is one line and exit status 2; a right one is what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from palimpsest.runtime.settings import (
    EXIT_BAD_SETTING,
    Settings,
    child_environment,
    variable_of,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PALIMPSEST_PORT", "http"),
        ("PALIMPSEST_PORT", "0"),
        ("PALIMPSEST_PORT", "65536"),
        ("PALIMPSEST_UPSTREAM_URL", "api.anthropic.com"),
        ("PALIMPSEST_CONTEXT_WINDOW", "12"),
        ("PALIMPSEST_TEMPORAL_SERVER", "cloud"),
        ("DATABASE_URL", "mysql://x"),
        ("TEMPORAL_ADDRESS", "localhost"),
        ("QDRANT_URL", "localhost:6333"),
        ("REDIS_URL", "localhost"),
    ],
)
def test_a_wrong_value_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as ended:
        Settings.load()
    assert ended.value.code == EXIT_BAD_SETTING
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"palimpsest: {variable}={value}: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command", [["palimpsest.cli.main", "up"], ["palimpsest.cli.main", "serve"], ["worker"]]
)
def test_a_process_ends_with_it(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", START, *command],
        cwd=ROOT,
        env=child_environment({"PALIMPSEST_PORT": "http"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == EXIT_BAD_SETTING
    assert ended.stdout == ""
    assert ended.stderr.startswith("palimpsest: PALIMPSEST_PORT=http: ")
    assert ended.stderr.count("\n") == 1


START = """
import importlib, sys
name, *sys.argv[1:] = sys.argv[1:]
importlib.import_module(name).main()
"""


def test_every_setting_has_a_default_and_a_description() -> None:
    for name, field in Settings.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name


def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(variable_of(name), "")
    settings = Settings.load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.database_url is None
    assert settings.upstream_url == "https://api.anthropic.com"


def test_each_variable_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "PALIMPSEST_DATA_DIR": str(tmp_path),
        "PALIMPSEST_UPSTREAM_URL": "https://gateway.example/base/",
        "PALIMPSEST_CLIENT_GONE_GRACE": "inf",
        "TEMPORAL_ADDRESS": "cluster:7233",
        "TEMPORAL_NAMESPACE": "mine",
        "DATABASE_URL": "postgres://me@host/db",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.data_dir == tmp_path
    assert settings.upstream_url == "https://gateway.example/base"
    assert settings.client_gone_grace == float("inf")
    assert (settings.temporal_address, settings.temporal_namespace) == ("cluster:7233", "mine")
    assert settings.database_url == "postgres://me@host/db"


@pytest.mark.parametrize("value", ["ftp://name:word@host", "http://name:word@host:port"])
def test_a_wrong_proxy_is_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(SystemExit) as ended:
        Settings.load()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("palimpsest: HTTPS_PROXY=")
    assert said.count("\n") == 1
    assert "word" not in said


@pytest.mark.parametrize("value", ["[::1]", "10.0.0.0/8,.example:80"])
def test_what_needs_no_proxy_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NO_PROXY", value)
    monkeypatch.setenv("ALL_PROXY", "socks5h://name:word@host:1080")
    settings = Settings.load()
    assert (settings.no_proxy, settings.all_proxy) == (value, "socks5h://name:word@host:1080")
