"""What says the same is told once."""

from palimpsest.memory.ranking import drop_duplicates

REPORT = "\n".join(f"test_module_{n} passed in {n} ms on worker {n % 3}" for n in range(40))


def kept(*texts: str) -> list[int]:
    return [number for number, _ in drop_duplicates(enumerate(texts), lambda pair: pair[1])]


def test_a_text_that_was_there_before_is_left_out() -> None:
    assert kept(REPORT, "something else", REPORT) == [0, 1]


def test_a_small_change_in_a_long_text_is_the_same() -> None:
    assert kept(REPORT, REPORT.replace("worker 1", "worker 9")) == [0]


def test_short_texts_with_another_fact_are_not_the_same() -> None:
    assert kept("The port of staging is 8081.", "The port of staging is 9090.") == [0, 1]


def test_a_part_of_a_text_is_not_the_text() -> None:
    assert kept(REPORT, REPORT[: len(REPORT) // 3]) == [0, 1]
