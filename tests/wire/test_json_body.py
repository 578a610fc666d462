"""Strict reading of a request body."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest
from gateway.wire.json_body import read_json_object


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_json_object(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"  \n", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'"text"', "invalid_json"),
        (b"null", "invalid_json"),
        (b'{"a":1,}', "invalid_json"),
        (b'{"a":1} x', "invalid_json"),
        (b"{'a':1}", "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":Infinity}', "invalid_json"),
        (b'{"a":01}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'{"a":"\xc0\x80"}', "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":"\x00"}', "invalid_json"),
        (b'\xef\xbb\xbf{"a":1}', "invalid_json"),
        (b'{"a\\u0000b":1}', "invalid_request"),
        (b'{"a":[{"b\\u0000":1}]}', "invalid_request"),
        (b'{"a":1e400}', "number_out_of_range"),
        (b'{"a":18446744073709551616}', "number_out_of_range"),
        (b'{"a":-9223372036854775809}', "number_out_of_range"),
        (b'{"a":' + b"9" * 5_000 + b"}", "number_out_of_range"),
        (nested(65), "too_deep"),
        (nested(1_025), "too_deep"),
        (b"[" * 1_000_000, "too_many_values"),
        (b'{"a":[' + b",".join([b"{}"] * 600_000) + b"]}", "too_many_values"),
    ],
)
def test_what_would_be_altered_or_choke_a_parser_is_refused(body: bytes, code: str) -> None:
    assert refusal(body).code == code


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": 1} \n', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a":-9223372036854775808}', {"a": -(2**63)}),
        (b'{"a":"99999999999999999999999999"}', {"a": "9" * 26}),
        (b'{"a":0.1000000000000000055511151231}', {"a": 0.1}),
        (b'{"a":"nul: \\u0000"}', {"a": "nul: \0"}),
        (b'{"a":"' + b"[{" * 100 + b'"}', {"a": "[{" * 100}),
        (b'{"a":"\\"' + b"[" * 100 + b'\\\\"}', {"a": '"' + "[" * 100 + "\\"}),
        (b'{"__proto__":{},"constructor":[]}', {"__proto__": {}, "constructor": []}),
    ],
)
def test_what_is_read_is_exactly_what_was_sent(body: bytes, value: object) -> None:
    assert read_json_object(body) == value


def test_64_levels_are_allowed() -> None:
    assert read_json_object(nested(64))


def test_the_depth_is_the_callers_choice() -> None:
    assert read_json_object(nested(3), max_depth=3)
    with pytest.raises(InvalidRequest):
        read_json_object(nested(4), max_depth=3)


def test_a_message_names_the_place_and_never_the_content() -> None:
    error = refusal(b'{"secret": "hunter2",\n "b": }')

    assert "line 2, column" in error.message
    assert "hunter2" not in error.message
    assert error.__cause__ is None
    assert "byte 7" in refusal(b'{"b": "\xff"}').message


def test_a_wide_body_is_no_deep_one() -> None:
    wide = {"a": [{"b": [1]} for _ in range(1_000)], "c": "]}" * 50}

    assert read_json_object(json.dumps(wide).encode()) == wide


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=30,
)


def without_nul(value: object) -> object:
    """Take NUL out of the names of members: the one thing refused that JSON allows."""
    if isinstance(value, dict):
        return {key.replace("\0", ""): without_nul(inner) for key, inner in value.items()}
    return [without_nul(inner) for inner in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.dictionaries(texts, values, max_size=5).map(without_nul))
def test_any_object_is_read_as_the_standard_library_reads_it(value: object) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()

    assert read_json_object(body) == json.loads(body)


@settings(deadline=None)
@given(st.lists(st.sampled_from('[]{}"\\a,:1'), max_size=40).map("".join))
def test_any_text_is_read_or_refused_and_the_depth_is_counted_right(text: str) -> None:
    body = b'{"a":' + text.encode() + b"}"
    try:
        value = read_json_object(body, max_depth=4)
    except InvalidRequest:
        try:
            parsed = json.loads(body)
        except ValueError:
            return
        assert depth_of(parsed) > 4
    else:
        assert depth_of(value) <= 4


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0
