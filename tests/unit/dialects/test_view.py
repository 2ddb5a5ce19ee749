"""The view: lossless for every body, clear about what is no request."""

from random import Random
from time import thread_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.frame import join
from palimpsest.dialects.model import RequestView
from palimpsest.runtime.errors import BadRequest
from tests.support.odd_json import (
    NAMES,
    OBJECTS,
    RANDOMS,
    VALUES,
    write,
    write_object,
)
from tests.support.sessions import as_sent, body_of, load


def glued(view: RequestView) -> bytes:
    return view.prefix + join(view.messages, view.separators) + view.suffix


@given(
    before=st.lists(st.tuples(NAMES, VALUES), max_size=5),
    messages=st.lists(OBJECTS, min_size=1, max_size=5),
    after=st.lists(st.tuples(NAMES.filter(lambda name: name != "messages"), VALUES), max_size=5),
    random=RANDOMS,
)
def test_any_body_is_kept(
    before: list[tuple[str, Any]],
    messages: list[dict[str, Any]],
    after: list[tuple[str, Any]],
    random: Random,
) -> None:
    pairs = [*before, ("messages", messages), *after, ("model", "claude-x")]
    body = (" " + write_object(pairs, random) + "\n").encode()
    view = parse(body)
    assert glued(view) == body
    assert [msgspec.json.decode(message) for message in view.messages] == messages
    last: dict[str, Any] = msgspec.json.decode(body)
    for name, (start, end) in view.spans.items():
        assert msgspec.json.decode(body[start:end]) == last[name]
    assert set(view.spans) == set(last)
    frame = DIALECT.encode_frame(view)
    assert frame.rebuild(view.messages) == body


@given(value=VALUES, random=RANDOMS)
def test_the_writer_writes_what_it_was_given(value: Any, random: Random) -> None:
    assert msgspec.json.decode(write(value, random)) == value


def test_every_prefix_of_real_sessions_is_kept() -> None:
    for segment in load(step=12, longest=120):
        for length in range(1, len(segment.messages) + 1):
            sent = as_sent(segment.messages[:length])
            body = body_of(sent)
            view = parse(body)
            assert list(view.messages) == sent
            assert glued(view) == body
            assert view.separators == ((b",",) if length > 1 else ())


def test_the_fields() -> None:
    view = parse(
        b'{"model":"m","max_tokens":1, "stream":true,"system": "s","tools":[ ],'
        b'"messages":[{"role":"user"} , {"a":1}]}'
    )
    assert (view.model, view.max_tokens, view.stream) == ("m", 1, True)
    assert (view.system, view.tools) == (b'"s"', b"[ ]")
    assert view.prefix.endswith(b'"messages":[')
    assert (view.separators, view.suffix) == ((b" , ",), b"]}")


def test_duplicate_names_count_as_json_readers_count_them() -> None:
    body = b'{"model":"a","model":"b","messages":[1],"mess\\u0061ges":[{}, {} ,{}],"n":1,"n":12}'
    view = parse(body)
    assert (view.model, view.messages, view.separators) == ("b", (b"{}",) * 3, (b", ", b" ,"))
    assert glued(view) == body


@pytest.mark.parametrize("value", ["null", "1.5", "true", '"1"', "-1", "[]"])
def test_odd_max_tokens_are_left_to_the_api(value: str) -> None:
    view = parse(b'{"model":"m","messages":[{}],"max_tokens":%b}' % value.encode())
    assert view.max_tokens is None


NOT_JSON = "The request body is not valid JSON: "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", NOT_JSON + "unexpected end of data: line 1 column 1 (char 0)"),
        (b'{"a":\n tru}', NOT_JSON + "invalid character: line 2 column 3 (char 8)"),
        (b'{"model":"m","messages":[{}]', NOT_JSON + "unexpected end of data: line 1 column 29"),
        (b"{}x", NOT_JSON + "trailing characters: line 1 column"),
        (b'{"a":"\\ud800"}', NOT_JSON + "no low surrogate in string: line 1 column 13 (char 12)"),
        (b'{"a":"\\udc00 "}', NOT_JSON + "unexpected low surrogate in string"),
        (b'{"a":"\xff"}', NOT_JSON + "str is not valid UTF-8"),
        (b'{"a":' + b"[" * 5000, NOT_JSON + "nested too deeply"),
        (b"[]", "Input should be a valid dictionary"),
        (b'{"messages":[{}]}', "model: Field required"),
        (b'{"model":1,"messages":[{}]}', "model: Input should be a valid string"),
        (b'{"model":"m"}', "messages: Field required"),
        (b'{"model":"m","messages":{}}', "messages: Input should be a valid list"),
        (b'{"model":"m","messages":[]}', "messages: at least one message is required"),
        (b'{"model":"m","messages":[{},1]}', "messages.1: Input should be a valid dictionary"),
    ],
)
def test_what_is_no_request_is_said_clearly(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse(body)
    assert str(raised.value).startswith(message)


@given(st.binary(max_size=60))
def test_bytes_are_a_request_or_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(body)


def quickest(body: bytes, times: int) -> float:
    """Seconds of the quickest parse: other work on the machine only ever adds."""
    best = float("inf")
    for _ in range(times):
        begun = thread_time()
        parse(body)
        best = min(best, thread_time() - begun)
    return best


def test_it_is_quick() -> None:
    text = 'def f():\n\treturn "ünïcode"\n' * 60
    body = body_of([b'{"role":"user","content":%b}' % msgspec.json.encode(text)] * 200)
    assert 380_000 < len(body) < 500_000
    assert quickest(body, 30) < 0.003


def test_many_duplicates_are_linear() -> None:
    names = b",".join(b'"a":%d' % number for number in range(900))
    body = b'{"model":"m","messages":[{}],' + names + b',"a":"' + b"x" * 1_000_000 + b'"}'
    begun = thread_time()
    view = parse(body)
    assert thread_time() - begun < 0.5
    assert body[slice(*view.spans["a"])] == b'"' + b"x" * 1_000_000 + b'"'


def refusal(body: bytes) -> str:
    """Why it is refused; nothing when it is kept."""
    try:
        return "" if glued(parse(body)) == body else "lost"
    except BadRequest as error:
        return str(error)


def test_a_deep_duplicate_is_kept_or_refused() -> None:
    deep = {
        depth: b'{"model":"m","messages":[{}],"a":%b%b,"a":1}' % (b"[" * depth, b"]" * depth)
        for depth in (*range(500, 1100, 7), 5000)
    }
    answers = [refusal(body) for body in deep.values()]
    assert (answers[0], answers[-1]) == ("", NOT_JSON + "nested too deeply")
    assert set(answers) == {answers[0], answers[-1]}


def test_the_largest_body_is_fine() -> None:
    body = body_of([b'{"role":"user","content":"%b"}' % (b"x" * 16_000_000)] * 2)
    assert glued(parse(body)) == body
