"""Labels that clients choose are few and short."""

from dataclasses import replace

from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import AttemptEnd, Lease, Settlement
from palimpsest.runtime.metrics import Metrics

END = Settlement(
    request_id="req_1",
    tenant="default",
    attempt=AttemptEnd(Lease(1, 1), Outcome.ANSWERED),
    outcome=Outcome.ANSWERED,
    reason=None,
    response_headers="[]",
    response=b"",
    stop_reason=None,
    usage=dict.fromkeys(f"{kind}_tokens" for kind in ("input", "output", "cache_read")),
    usage_estimated=False,
    times={"first_byte_ms": 1.0, "total_ms": 2.0},
    counted_tokens=None,
    conversation_id=None,
    turn=None,
    chain=None,
    depth=1,
)


def rendered(*models: str) -> str:
    metrics = Metrics(lambda: 0)
    end = replace(END, usage=dict.fromkeys((*END.usage, "cache_write_tokens"), 1))
    for model in models:
        metrics.settled(end, model, ())
    return metrics.render().decode()


def test_names_of_models_are_labels() -> None:
    for model in ("claude-sonnet-4-6", "anthropic/claude-opus-4.5@20260101", "us.m-v1:0"):
        assert f'gen_ai_request_model="{model}"' in rendered(model)


def test_what_is_no_name_of_a_model_is_no_label() -> None:
    for model in ("", "m" * 81, "m" * 3_000_000, "a b", 'a"b', "a\nb", "modèle", "\ud800"):
        assert set(_labels(rendered(model))) == {"other"}


def test_the_labels_are_few() -> None:
    assert len(set(_labels(rendered(*(f"model-{n}" for n in range(1000)))))) == 101


def _labels(text: str) -> list[str]:
    return [part.split('"')[0] for part in text.split('gen_ai_request_model="')[1:]]
