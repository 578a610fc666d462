"""How long an error reply asks to wait."""

from typing import Any

import pytest

from gateway.providers.wait_time import parse_duration, parse_timestamp, wait_seconds

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ms-retry-after-ms": "250.5"}, 0.2505),
        ({"retry-after": "1"}, 1.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1000000000"}, 1e9),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "3, 7"}, 7.0),
        ({"retry-after-ms": "500", "retry-after": "9"}, 0.5),
        ({"retry-after-ms": "abc", "retry-after": "9"}, 9.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": "1767225660"}, 60.0),
        ({"x-ratelimit-reset": "1767225660000"}, 60.0),
        (
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m0.5s"},
            60.5,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "12ms",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "2s",
            },
            2.0,
        ),
        (
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:20Z",
            },
            20.0,
        ),
    ],
)
def test_every_header_that_names_a_wait_is_read(headers: dict[str, str], seconds: float) -> None:
    assert wait_seconds(headers, None, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "abc"},
        {"retry-after": ""},
        {"retry-after": "0"},
        {"retry-after": "-5"},
        {"retry-after": "inf"},
        {"retry-after": "nan"},
        {"retry-after": "9" * 400},
        {"retry-after": "Thu, 01 Jan 2015 00:00:00 GMT"},
        {"retry-after": "Thu, 99 Jan 99999 00:00:00 GMT"},
        {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "30s"},
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7"},
        {"x-ratelimit-remaining-tokens": "0"},
        {
            "anthropic-ratelimit-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-reset": "soon",
        },
        {
            "anthropic-ratelimit-tokens-remaining": "9",
            "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:20Z",
        },
    ],
)
def test_what_names_no_wait_to_come_is_none(headers: dict[str, str]) -> None:
    assert wait_seconds(headers, None, NOW) is None


def google(delay: Any) -> dict[str, Any]:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return {"error": {"message": "quota", "details": [{"@type": "other"}, info]}}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (google("36s"), 36.0),
        (google("36.429760048s"), 36.429760048),
        (google(36), None),
        ({"error": {"message": "Please try again in 41.724s. Visit"}}, 41.724),
        ({"error": {"message": "Please try again in 1m2.5s."}}, 62.5),
        ({"error": {"message": "Try again in 345ms"}}, 0.345),
        ({"error": {"message": "Please retry after 10 seconds."}}, 10.0),
        ({"error": {"message": "retry in 250 milliseconds"}}, 0.25),
        ({"error": {"message": "try again in 5 minutes"}}, None),
        ({"error": {"message": "try again in a while"}}, None),
        ({"error": {"message": "x" * 5_000 + "try again in 5s"}}, None),
        ({"error": "Retry in 3s"}, 3.0),
        ({"message": "try again in 2s"}, 2.0),
        ({"error": {"message": 7, "details": "x"}}, None),
        ({"error": None}, None),
    ],
)
def test_the_body_is_asked_too(body: dict[str, Any], seconds: float | None) -> None:
    assert wait_seconds({}, body, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_a_header_is_more_precise_than_the_text() -> None:
    body = {"error": {"message": "try again in 60s"}}

    assert wait_seconds({"retry-after": "2"}, body, NOW) == 2.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("0s", 0.0),
        ("6m0s", 360.0),
        ("17.399999999s", 17.399999999),
        ("1d2h", 93_600.0),
        ("5µs", 5e-6),
        ("7", None),
        ("7 s", None),
        ("s", None),
        ("", None),
        ("1s!", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_timestamps_without_a_zone_are_utc() -> None:
    assert parse_timestamp("2026-01-01T00:00:00") == parse_timestamp("2026-01-01T00:00:00Z") == NOW
    assert parse_timestamp("yesterday") is None
