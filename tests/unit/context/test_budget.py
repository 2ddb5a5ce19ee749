"""The budget: window less answer and margin, under the cap."""

from palimpsest.context.budget import (
    CAP,
    MARGIN_SHARE,
    RESERVE,
    budget,
    fits,
    token_ratio,
)
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.model import TokenEstimate

OLD = lookup("claude-opus-4-1")
NEW = lookup("claude-opus-5-5")
SMALL = lookup("claude-haiku-4-5")
MARGIN = round(200_000 * MARGIN_SHARE)
LARGE = round(1_000_000 * MARGIN_SHARE)


def test_the_cap_holds_for_a_large_window() -> None:
    got = budget(NEW, 128_000)
    assert (got.window, got.limit, got.capped_by) == (1_000_000, CAP, "cap")


def test_a_lifted_cap_leaves_the_window_and_a_reserve() -> None:
    got = budget(NEW, 128_000, cap=None)
    assert (got.limit, got.capped_by) == (1_000_000 - RESERVE - LARGE, "window")


def test_max_tokens_counts_only_where_the_api_checks_the_sum() -> None:
    checked = budget(OLD, 64_000)
    assert (checked.limit, checked.capped_by) == (200_000 - 64_000 - MARGIN, "max_tokens")
    assert budget(OLD, None).limit == 200_000 - RESERVE - MARGIN
    unchecked = budget(SMALL, 64_000)
    assert (unchecked.limit, unchecked.capped_by) == (200_000 - RESERVE - MARGIN, "window")


def test_an_override_replaces_the_window() -> None:
    got = budget(NEW, 128_000, window_override=50_000, margin=0)
    assert (got.window, got.limit) == (50_000, 50_000 - 25_000)
    assert budget(NEW, None, window_override=100_000, margin=0).limit == 100_000 - RESERVE


def test_there_is_always_a_limit() -> None:
    assert budget(OLD, 500_000).limit == 1


def test_fits_applies_the_ratio() -> None:
    within = budget(NEW, None, cap=1000)
    estimate = TokenEstimate(system=100, tools=300, messages=400)
    assert fits(estimate, 1.25, within)
    assert not fits(estimate, 1.26, within)


def test_the_ratio_is_the_measured_one_within_reason() -> None:
    assert token_ratio(NEW, None) == NEW.ratio
    assert token_ratio(NEW, NEW.ratio * 1.2) == NEW.ratio * 1.2
    assert NEW.ratio / 2 < token_ratio(NEW, 0.0001) < NEW.ratio
    assert NEW.ratio < token_ratio(NEW, 1000.0) < NEW.ratio * 3
