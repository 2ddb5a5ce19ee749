"""The model table, under every provider's spelling."""

import re
from pathlib import Path
from time import thread_time
from typing import Any

import msgspec
import pytest

from palimpsest.dialects.anthropic import models
from palimpsest.dialects.anthropic.models import lookup, plain_name

TABLE = Path(models.__file__).with_name("models.json")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-opus-4-6[1m]", "claude-opus-4-6"),
        ("Claude-Sonnet-4-5-20250929[1M]", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("bedrock/global.anthropic.claude-opus-5-5-v1", "claude-opus-5-5"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-4-6",
            "claude-opus-4-6",
        ),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("vertex_ai/claude-opus-4@default", "claude-opus-4"),
        ("anthropic/claude-opus-4.5", "claude-opus-4-5"),
        ("openrouter/anthropic/claude-3.7-sonnet:thinking", "claude-3-7-sonnet"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("", ""),
    ],
)
def test_names(model: str, name: str) -> None:
    assert plain_name(model) == name


@pytest.mark.parametrize(
    ("model", "window", "max_output", "preserved", "validates_sum"),
    [
        ("claude-opus-5-5", 1_000_000, 128_000, True, False),
        ("claude-sonnet-5-5-20261001", 1_000_000, 128_000, True, False),
        ("claude-haiku-5-5", 1_000_000, 128_000, True, False),
        ("claude-fable-5-1", 1_000_000, 128_000, True, False),
        ("claude-mythos-5-2", 1_000_000, 128_000, True, False),
        ("claude-fable-5", 1_000_000, 128_000, False, False),
        ("claude-opus-5", 1_000_000, 128_000, False, False),
        ("claude-opus-4-7", 1_000_000, 128_000, False, False),
        ("claude-opus-4-6", 1_000_000, 128_000, False, False),
        ("claude-sonnet-4-5", 200_000, 64_000, False, False),
        ("claude-sonnet-4-5[1m]", 1_000_000, 64_000, False, False),
        ("claude-opus-4-1-20250805", 200_000, 32_000, False, True),
        ("claude-sonnet-4-20250514", 200_000, 64_000, False, True),
        ("claude-3-haiku-20240307", 200_000, 4_096, False, True),
        ("some-model", 200_000, 64_000, False, True),
    ],
)
def test_models(
    model: str, window: int, max_output: int, preserved: bool, validates_sum: bool
) -> None:
    info = lookup(model)
    assert (info.window, info.max_output) == (window, max_output)
    assert (info.preserved_thinking, info.validates_sum) == (preserved, validates_sum)


def test_the_long_context_header_is_worth_the_tag() -> None:
    assert lookup("claude-sonnet-4-5", long_context=True).window == 1_000_000


def test_an_endless_name_is_an_unknown_model() -> None:
    begun = thread_time()
    assert lookup("@a" * 1_000_000 + "!").window == lookup("some-model").window
    assert thread_time() - begun < 1


def test_every_row_can_be_reached() -> None:
    table: dict[str, Any] = msgspec.json.decode(TABLE.read_bytes())
    patterns = [row["pattern"] for row in table["models"]]
    names = [
        f"claude-{family}-{version}"
        for family in ("opus", "sonnet", "haiku", "fable")
        for version in ("3", "4", "4-1", "4-5", "4-6", "4-7", "5", "5-1", "5-5")
    ]
    names += ["claude-3-7-sonnet", "claude-3-5-haiku", "claude-3-opus"]
    first = {next((p for p in patterns if re.fullmatch(p, name)), None) for name in names}
    assert set(patterns) <= first
