"""The simulated prompt cache: what is read, what is written, what is paid in full."""

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator import models
from harness.simulator.ask import (
    assistant,
    request,
    result,
    use,
    user,
)
from harness.simulator.cache import (
    Piece,
    Plan,
    PromptCache,
    Ttl,
)
from harness.simulator.request import judge
from harness.simulator.seal import Seal
from harness.simulator.shape import Obj
from harness.simulator.tokens import Tokens
from harness.simulator.view import view

MODEL = models.find("claude-sonnet-4-6")
assert MODEL is not None
SONNET = MODEL


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def piece(name: str, tokens: int = 1_000, ttl: Ttl | None = None) -> Piece:
    return Piece(name.encode().ljust(16), tokens, ttl)


def ask(cache: PromptCache, *pieces: Piece, key: str = "k") -> Plan:
    plan = cache.plan(list(pieces), key, SONNET)
    cache.commit(plan)
    return plan


def parts(plan: Plan) -> tuple[int, int, int, int]:
    return plan.read, plan.written_5m, plan.written_1h, plan.uncached


def test_without_a_marker_everything_is_paid() -> None:
    cache = PromptCache(Clock())
    assert parts(ask(cache, piece("a", 5_000))) == (0, 0, 0, 5_000)
    assert parts(ask(cache, piece("a", 5_000))) == (0, 0, 0, 5_000)


def test_a_marker_writes_and_the_same_prefix_reads() -> None:
    cache = PromptCache(Clock())
    prompt = [piece("a", 2_000, "5m"), piece("b", 300)]
    assert parts(ask(cache, *prompt)) == (0, 2_000, 0, 300)
    assert parts(ask(cache, *prompt)) == (2_000, 0, 0, 300)
    assert parts(ask(cache, prompt[0], piece("other", 10))) == (2_000, 0, 0, 10)


def test_a_changed_piece_before_the_marker_misses() -> None:
    cache = PromptCache(Clock())
    ask(cache, piece("a"), piece("b", 1_000, "5m"))
    assert parts(ask(cache, piece("x"), piece("b", 1_000, "5m"))) == (0, 2_000, 0, 0)


def test_a_moved_marker_reads_the_old_one_and_writes_the_rest() -> None:
    cache = PromptCache(Clock())
    ask(cache, piece("a", 2_000, "5m"))
    plan = ask(cache, piece("a", 2_000), piece("b", 500), piece("c", 70, "5m"))
    assert parts(plan) == (2_000, 570, 0, 0)


def test_looking_back_ends_after_twenty_pieces() -> None:
    for between, read in ((18, 2_000), (19, 0)):
        cache = PromptCache(Clock())
        ask(cache, piece("a", 2_000, "5m"))
        later = [piece(f"p{i}", 1) for i in range(between)]
        plan = ask(cache, piece("a", 2_000), *later, piece("z", 1, "5m"))
        assert plan.read == read, between


def test_a_prompt_below_the_models_minimum_is_not_cached() -> None:
    cache = PromptCache(Clock())
    assert parts(ask(cache, piece("a", 1_023, "5m"))) == (0, 0, 0, 1_023)
    assert parts(ask(cache, piece("a", 1_023, "5m"))) == (0, 0, 0, 1_023)
    assert parts(ask(cache, piece("b", 1_024, "5m"))) == (0, 1_024, 0, 0)


def test_an_entry_lives_for_its_ttl_since_it_was_last_read() -> None:
    clock = Clock()
    cache = PromptCache(clock)
    prompt = piece("a", 2_000, "5m")
    ask(cache, prompt)
    for _ in range(3):
        clock.now += 299
        assert ask(cache, prompt).read == 2_000
    clock.now += 300
    assert parts(ask(cache, prompt)) == (0, 2_000, 0, 0)


def test_an_hour_is_billed_apart_and_lives_longer() -> None:
    clock = Clock()
    cache = PromptCache(clock)
    prompt = [piece("a", 2_000, "1h"), piece("b", 500, "5m"), piece("c", 10)]
    assert parts(ask(cache, *prompt)) == (0, 500, 2_000, 10)
    assert parts(ask(cache, *prompt)) == (2_500, 0, 0, 10)
    clock.now += 600
    assert parts(ask(cache, *prompt)) == (2_000, 500, 0, 10)
    clock.now += 3_600
    assert parts(ask(cache, *prompt)) == (0, 500, 2_000, 10)


def test_keys_and_models_do_not_share() -> None:
    cache = PromptCache(Clock())
    prompt = piece("a", 5_000, "5m")
    ask(cache, prompt)
    assert ask(cache, prompt, key="other").read == 0
    opus = models.find("claude-opus-4-6")
    assert opus is not None
    assert cache.plan([prompt], "k", opus).read == 0
    assert ask(cache, prompt).read == 5_000


def test_a_plan_that_is_not_answered_writes_nothing() -> None:
    cache = PromptCache(Clock())
    cache.plan([piece("a", 2_000, "5m")], "k", SONNET)
    assert ask(cache, piece("a", 2_000, "5m")).read == 0


TOKENS = Tokens()
BIG = {"type": "text", "text": "word " * 1_200}
MARK = {"cache_control": {"type": "ephemeral"}}


def pieces(body: Obj) -> list[Piece]:
    return judge(view(body, {"x-api-key": "k"}), tokens=TOKENS, seal=Seal()).pieces


def test_the_order_is_tools_system_messages_and_billing_is_left_out() -> None:
    billing: Obj = {"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"}
    body = request(user("hi"), system=[billing, {**BIG, **MARK}])
    found = pieces(body)
    assert [p.ttl for p in found] == [None, "5m", None]
    billing["text"] += "other"
    assert [p.digest for p in pieces(body)] == [p.digest for p in found]


def test_a_marker_or_a_string_content_changes_no_digest() -> None:
    whole = pieces(request(user({"type": "text", "text": "hi", **MARK}), system="s"))
    bare = pieces(request(user("hi"), system=[{"type": "text", "text": "s"}]))
    assert [p.digest for p in whole] == [p.digest for p in bare]


def test_the_order_of_a_calls_arguments_matters() -> None:
    one = request(user("q"), assistant(use("a", x=1, y=2)), user(result("a")))
    two = request(user("q"), assistant(use("a", y=2, x=1)), user(result("a")))
    assert [p.digest for p in pieces(one)] != [p.digest for p in pieces(two)]


def test_the_automatic_marker_is_on_the_last_block() -> None:
    found = pieces(request(user("a"), user("b"), cache_control={"type": "ephemeral", "ttl": "1h"}))
    assert [p.ttl for p in found] == [None, None, "1h"]


SIZES = st.lists(
    st.tuples(st.integers(1, 3_000), st.sampled_from([None, None, "5m"])), min_size=1, max_size=40
)


@given(SIZES, st.integers(0, 40))
def test_every_token_is_read_or_written_or_paid_once(
    sizes: list[tuple[int, Ttl | None]], known: int
) -> None:
    prompt = [piece(f"p{i}", tokens, ttl) for i, (tokens, ttl) in enumerate(sizes)]
    cache = PromptCache(Clock())
    ask(cache, *prompt[:known])
    plan = ask(cache, *prompt)
    assert sum(parts(plan)) == sum(tokens for tokens, _ in sizes)
    assert min(parts(plan)) >= 0
    again = ask(cache, *prompt)
    assert (again.read, again.written_5m) == (plan.read + plan.written_5m, 0)
