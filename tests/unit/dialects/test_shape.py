"""A body of an absurd shape is refused before it can hold the interpreter; long texts are none."""

import msgspec
import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.anthropic.shape import MOST_FIELDS, MOST_VALUES
from palimpsest.runtime.errors import BadRequest
from tests.support.requests import body_of, message

KEYS = {f"k{n}": n for n in range(MOST_VALUES)}
ITEM = {"type": "text", "text": "a"}
WORDS = {
    "commas": ",:" * MOST_VALUES,
    "quoted": '"a":1,' * MOST_VALUES,
    "escaped": '\\",\\\\' * MOST_VALUES,
}
ABSURD = {
    "keys in a block": body_of({"role": "user", "content": [KEYS]}),
    "keys of the body": msgspec.json.encode({"model": "m", **KEYS}),
    "messages": body_of(*[{"role": "user", "content": "a"}] * 130_000),
    "blocks": body_of({"role": "user", "content": [ITEM] * 130_000}),
    "items": message(odd=[0] * (MOST_VALUES + 1)),
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_text_may_be_of_anything(words: str) -> None:
    body = message(words)
    assert msgspec.json.decode(parse(body).messages[0])["content"] == words


@pytest.mark.parametrize("body", ABSURD.values(), ids=ABSURD)
def test_an_absurd_shape_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="values"):
        parse(body)


def test_very_many_fields_of_the_body_itself_are_refused() -> None:
    fields = dict.fromkeys((f"k{n}" for n in range(MOST_FIELDS)), 1)
    with pytest.raises(BadRequest, match="fields"):
        parse(msgspec.json.encode({"model": "m", "messages": [{"role": "user"}], **fields}))


def test_one_field_very_many_times_is_refused_too() -> None:
    repeated = message("a")[:-1] + b',"k":1' * MOST_FIELDS + b"}"
    with pytest.raises(BadRequest, match="fields"):
        parse(repeated)


def test_as_many_messages_as_the_api_takes_are_taken() -> None:
    assert len(parse(body_of(*[{"role": "user", "content": "a"}] * 100_000)).messages) == 100_000


def test_what_is_made_of_many_values_weighs_more_than_its_bytes() -> None:
    light, heavy = message("a" * 100_000), message(odd=[0] * 50_000)
    assert parse(heavy).weight > 5 * parse(light).weight


def test_a_long_conversation_is_none() -> None:
    turns = [{"role": "user", "content": [ITEM] * 3}, {"role": "assistant", "content": [ITEM] * 3}]
    assert len(parse(body_of(*turns * 4_000)).messages) == 8_000


def test_half_a_string_is_no_reason_to_look_on() -> None:
    with pytest.raises(BadRequest, match="not valid JSON"):
        parse(b'{"a":"' + b",\\" * MOST_VALUES)
