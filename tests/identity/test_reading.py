"""From JSON to typed values."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.identity.reading import check_size, check_text, read_as
from gateway.types.account import Need, Scope


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    count: int


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    needs: tuple[Need, ...] = ()
    table: dict[str, Scope] = {}


def test_a_good_body_becomes_a_value() -> None:
    body = {"name": "n", "inner": {"count": 1}, "needs": ["chat"], "table": {"a": "none"}}

    assert read_as(body, Body) == Body("n", Inner(1), (Need.CHAT,), {"a": Scope.NONE})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ([], None),
        ("text", None),
        ({"name": 1}, "name"),
        ({"name": "n", "more": 1}, "more"),
        ({"name": "n", "inner": {"count": "1"}}, "inner.count"),
        ({"name": "n", "inner": {"count": 1, "more": 1}}, "inner.more"),
        ({"name": "n", "needs": ["chat", "fly"]}, "needs[1]"),
        ({"name": "n", "table": {"a": "deep"}}, "table"),
    ],
)
def test_a_fault_names_its_path(body: Any, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_as(body, Body)
    assert caught.value.param == param

    with pytest.raises(InvalidRequest) as caught:
        read_as(body, Body, "outer")
    assert caught.value.param == ".".join(part for part in ("outer", param) if part)


@given(st.text(min_size=8))
def test_no_value_and_no_odd_name_is_repeated(text: str) -> None:
    for body in ({"name": "n", "needs": [text]}, {"name": "n", f"{text} !": 1}):
        with pytest.raises(InvalidRequest) as caught:
            read_as(body, Body)
        assert text not in caught.value.message.replace("Not one of the values", "")
        assert text not in str(caught.value.param)


def test_texts_are_one_line_and_bounded() -> None:
    assert check_text("Ann Müller", "name", longest=10) == "Ann Müller"
    for bad in ("", "x" * 11, "a\tb", "a\x7f", "a\u2028b", "\udfff"):
        with pytest.raises(InvalidRequest) as caught:
            check_text(bad, "name", longest=10)
        assert caught.value.param == "name"


def test_sizes_are_those_of_the_json() -> None:
    check_size({"a": "é"}, "metadata", max_bytes=10)
    with pytest.raises(InvalidRequest):
        check_size({"a": "é"}, "metadata", max_bytes=9)
