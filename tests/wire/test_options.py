"""The gateway's own member and headers."""

from datetime import date
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.account import OnDisconnect, Scope, UnsupportedPolicy
from gateway.wire.options import DateRange, GatewayOptions, read_options


def read(gateway: Any = None, **headers: str) -> GatewayOptions:
    names = {f"x-gateway-{name.replace('_', '-')}": value for name, value in headers.items()}
    return read_options({"model": "m", "gateway": gateway}, names)[0]


def test_a_request_without_options_asks_for_nothing() -> None:
    body = {"model": "m", "messages": []}

    options, rest = read_options(body, {})

    assert options == GatewayOptions()
    assert rest == body


def test_every_option_of_the_body_is_read_and_the_member_removed() -> None:
    gateway = {
        "context": {
            "scope": "standard",
            "include": {"feels": False, "entries": True},
            "date_range": {"start": "2026-01-01", "end": "2026-01-31"},
        },
        "feature": "journal.summary-2",
        "feature_id": "run 7",
        "fallbacks": ["anthropic/claude-sonnet-5", "groq"],
        "unsupported": "drop_all",
        "on_disconnect": "drain",
        "usage": True,
    }

    options, rest = read_options({"gateway": gateway, "model": "m"}, {})

    assert rest == {"model": "m"}
    assert options == GatewayOptions(
        scope=Scope.STANDARD,
        include={"feels": False, "entries": True},
        date_range=DateRange(date(2026, 1, 1), date(2026, 1, 31)),
        feature="journal.summary-2",
        feature_id="run 7",
        fallbacks=("anthropic/claude-sonnet-5", "groq"),
        unsupported=UnsupportedPolicy.DROP_ALL,
        on_disconnect=OnDisconnect.DRAIN,
        usage=True,
    )


def test_headers_are_read_too() -> None:
    options = read(context="minimal", feature="chat", feature_id="7", timeout="2.5")

    assert options == GatewayOptions(
        scope=Scope.MINIMAL, feature="chat", feature_id="7", timeout_s=2.5
    )


def test_the_body_wins_over_a_header() -> None:
    body = {"context": {"scope": "none"}, "feature": "body", "feature_id": "b"}

    options = read(body, context="comprehensive", feature="header", feature_id="h")

    assert (options.scope, options.feature, options.feature_id) == (Scope.NONE, "body", "b")


def test_an_open_side_of_a_date_range_stays_open() -> None:
    options = read({"context": {"date_range": {"start": "2026-02-01"}}})

    assert options.date_range == DateRange(date(2026, 2, 1), None)


@pytest.mark.parametrize("seconds", ["0", "-1", "1e9"])
def test_a_timeout_is_read_as_it_is_for_the_caller_to_clamp(seconds: str) -> None:
    assert read(timeout=seconds).timeout_s == float(seconds)


@pytest.mark.parametrize(
    ("gateway", "param"),
    [
        ([], "gateway"),
        ("x", "gateway"),
        ({"provider": "x"}, "gateway.provider"),
        ({"context": "standard"}, "gateway.context"),
        ({"context": {"scope": "all"}}, "gateway.context.scope"),
        ({"context": {"scope": 3}}, "gateway.context.scope"),
        ({"context": {"depth": 1}}, "gateway.context.depth"),
        ({"context": {"include": ["feels"]}}, "gateway.context.include"),
        ({"context": {"include": {"feels": "no"}}}, "gateway.context.include.feels"),
        ({"context": {"include": {"a\nb": True}}}, "gateway.context.include"),
        ({"context": {"date_range": {"from": "x"}}}, "gateway.context.date_range.from"),
        ({"context": {"date_range": {"start": "soon"}}}, "gateway.context.date_range.start"),
        (
            {"context": {"date_range": {"start": "2026-02-01", "end": "2026-01-01"}}},
            "gateway.context.date_range",
        ),
        ({"feature": "Has Spaces"}, "gateway.feature"),
        ({"feature": ""}, "gateway.feature"),
        ({"feature": "x" * 49}, "gateway.feature"),
        ({"feature": 7}, "gateway.feature"),
        ({"feature_id": "a\r\nb"}, "gateway.feature_id"),
        ({"feature_id": "x" * 129}, "gateway.feature_id"),
        ({"fallbacks": "groq"}, "gateway.fallbacks"),
        ({"fallbacks": [7]}, "gateway.fallbacks[0]"),
        ({"fallbacks": ["groq", ""]}, "gateway.fallbacks[1]"),
        ({"fallbacks": ["x"] * 11}, "gateway.fallbacks"),
        ({"unsupported": "maybe"}, "gateway.unsupported"),
        ({"on_disconnect": "panic"}, "gateway.on_disconnect"),
        ({"usage": 1}, "gateway.usage"),
    ],
)
def test_a_fault_is_named_by_its_path(gateway: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(gateway)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("name", "value"),
    [("context", "deep"), ("feature", "A"), ("feature_id", "a\tb"), ("timeout", "soon"),
     ("timeout", "nan"), ("timeout", "inf")],
)  # fmt: skip
def test_a_fault_in_a_header_names_the_header(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(None, **{name: value})

    assert caught.value.param == f"x-gateway-{name.replace('_', '-')}"


def test_an_unknown_member_is_named_only_where_it_can_be_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"a\x1b[31m": 1})

    assert "\x1b" not in caught.value.message
