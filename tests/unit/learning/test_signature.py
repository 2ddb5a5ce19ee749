"""The same error has the same signature; another one has another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.learning.signature import signature

SAME = [
    (
        "app/a.py:12:5: FileNotFoundError: /home/ann/x.json at 2026-11-01T10:00:00Z",
        "lib/b.py:9:1: FileNotFoundError: /srv/data/y.json at 2026-11-02T11:30:00Z",
    ),
    (
        "panic: invalid id 4f2a91bc0d (0xc000123) after 1.5s",
        "panic: invalid id 99ab12cd34 (0x1) after 20ms",
    ),
    (
        "main.go:3:2: Error return value of `f.Close` is not checked (errcheck)",
        "cmd/x.go:30:12: Error return value of `paths.Write` is not checked (errcheck)",
    ),
    ("error: connect to http://127.0.0.1:8080/a failed", "error: connect to https://host/b failed"),
    ("\x1b[31mfatal: cannot lock ref 'refs/heads/a b'\x1b[0m", "fatal: cannot lock ref 'refs/x y'"),
    (
        "src/a.ts(4,7): error: run 123e4567-e89b-12d3-a456-426614174000 is gone",
        "src/b.ts(14,17): error: run 00000000-0000-4000-8000-000000000000 is gone",
    ),
]
APART = [
    ("ModuleNotFoundError: No module named 'yaml'", "ModuleNotFoundError: No module named 'numpy'"),
    ("bash: jq: command not found", "bash: rg: command not found"),
    ("HTTPError: status 404 for the page", "HTTPError: status 500 for the page"),
    ("a.py:1:1: E501 Line too long (ruff-rule)", "a.py:1:1: F401 unused import (ruff-rule)"),
    ("error: unknown flag: --stat", "error: unknown flag: --name"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_differs_each_time_is_left_out(one: str, other: str) -> None:
    assert signature(one) == signature(other)
    assert any(word.isalpha() for word in signature(one).split())


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_the_error_is_stays(one: str, other: str) -> None:
    assert signature(one) != signature(other)


@given(st.text(max_size=400))
def test_any_text_has_one_short_line_of_signature(text: str) -> None:
    sign = signature(text)
    assert len(sign) <= 200
    assert "\n" not in sign
    assert sign == signature(text)
