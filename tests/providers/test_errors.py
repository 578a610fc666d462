"""Error bodies of every spelling, and the class each error falls into."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure
from gateway.providers.errors import (
    MAX_MESSAGE,
    ErrorFacts,
    failure_for,
    read_error_body,
    upstream_error,
)
from gateway.types.upstream import ReplyHead


@pytest.mark.parametrize(
    ("status", "code", "kind", "message", "expected"),
    [
        (400, None, "invalid_request_error", "no", Failure.BAD_REQUEST),
        (400, "context_length_exceeded", None, "", Failure.CONTEXT_LENGTH),
        (400, None, None, "This model's maximum context length is 9", Failure.CONTEXT_LENGTH),
        (413, None, None, "prompt is too long: 9 tokens", Failure.CONTEXT_LENGTH),
        (413, None, None, "body too large", Failure.BAD_REQUEST),
        (422, "extra_forbidden", None, "", Failure.BAD_REQUEST),
        (400, "content_filter", None, "", Failure.CONTENT_FILTER),
        (400, "content_policy_violation", None, "", Failure.CONTENT_FILTER),
        (400, "model_decommissioned", None, "", Failure.NOT_FOUND),
        (400, None, None, "Incorrect API key provided: x", Failure.KEY_REJECTED),
        (400, None, None, "Your credit balance is too low", Failure.QUOTA),
        (401, "invalid_api_key", "invalid_request_error", "", Failure.KEY_REJECTED),
        (401, None, None, "", Failure.KEY_REJECTED),
        (402, None, None, "Insufficient Balance", Failure.QUOTA),
        (403, None, None, "", Failure.KEY_REJECTED),
        (403, None, None, "Your team doesn't have any credits", Failure.QUOTA),
        (404, "model_not_found", None, "", Failure.NOT_FOUND),
        (404, "DeploymentNotFound", None, "", Failure.NOT_FOUND),
        (410, None, None, "", Failure.NOT_FOUND),
        (408, None, None, "", Failure.SERVER),
        (409, None, None, "", Failure.CONFLICT),
        (424, None, None, "", Failure.SERVER),
        (425, None, None, "", Failure.BAD_REQUEST),
        (429, "rate_limit_exceeded", "tokens", "", Failure.RATE_LIMITED),
        (429, "slow_down", "rate_limit_error", "", Failure.RATE_LIMITED),
        (429, "insufficient_quota", "insufficient_quota", "", Failure.QUOTA),
        (429, "credit_balance_exhausted", None, "", Failure.QUOTA),
        (429, None, None, "You exceeded your current quota", Failure.RATE_LIMITED),
        (500, None, "server_error", "", Failure.SERVER),
        (500, "context_length_exceeded", None, "", Failure.SERVER),
        (500, None, "overloaded_error", "", Failure.OVERLOADED),
        (502, None, None, "", Failure.SERVER),
        (503, None, None, "", Failure.OVERLOADED),
        (529, None, None, "", Failure.OVERLOADED),
        (307, None, None, "", Failure.BAD_REPLY),
        (None, None, "rate_limit_error", "", Failure.RATE_LIMITED),
        (None, None, "authentication_error", "", Failure.KEY_REJECTED),
        (200, None, "invalid_request_error", "", Failure.BAD_REQUEST),
        (None, "whatever", None, "", Failure.SERVER),
    ],
)
def test_every_error_has_its_class(
    status: int | None, code: str | None, kind: str | None, message: str, expected: Failure
) -> None:
    assert failure_for(status, code, kind, message) is expected


OPENROUTER = {
    "error": {
        "code": 429,
        "message": "Provider returned error",
        "metadata": {"provider_name": "x", "raw": '{"error":{"message":"slow","code":"rl"}}'},
    },
    "user_id": "u",
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}},
            ErrorFacts("m", "c", "t", "p"),
        ),
        ({"error": {"message": "m", "code": None}}, ErrorFacts("m")),
        ({"error": {"code": "401", "message": "m"}}, ErrorFacts("m", "401", status=401)),
        ({"code": "Bad argument", "error": "m"}, ErrorFacts("m", "Bad argument")),
        ({"error": "m"}, ErrorFacts("m")),
        ([{"error": {"message": "m", "code": 404}}], ErrorFacts("m", "404", status=404)),
        ({"error": [{"message": "m"}]}, ErrorFacts("m")),
        (
            {"object": "error", "message": "m", "type": "t", "param": None, "code": 400},
            ErrorFacts("m", "400", "t", status=400),
        ),
        ({"detail": "Invalid API Key"}, ErrorFacts("Invalid API Key")),
        ({"detail": [{"loc": ["a"]}]}, ErrorFacts('[{"loc":["a"]}]')),
        (OPENROUTER, ErrorFacts("Provider returned error: slow", "429", status=429)),
        (
            {"error": {"message": "p", "metadata": {"raw": "plain words"}}},
            ErrorFacts("p: plain words"),
        ),
        (
            {"error": {"message": "p", "metadata": {"raw": '[{"error": "inner"}]'}}},
            ErrorFacts("p: inner"),
        ),
        ({"error": {"message": "p", "metadata": {"raw": "7"}}}, ErrorFacts("p")),
        ({"error": {"message": "p", "metadata": {"raw": '{"error": 7}'}}}, ErrorFacts("p")),
        ({"error": {"message": "p", "metadata": {"raw": {"a": 1}}}}, ErrorFacts("p")),
        (
            {"error": {"message": "m", "innererror": {"code": "x"}, "failed_generation": "g"}},
            ErrorFacts("m", extra={"innererror": {"code": "x"}, "failed_generation": "g"}),
        ),
        ({}, ErrorFacts("The provider answered with HTTP status 400.")),
        ({"error": {}}, ErrorFacts("The provider answered with HTTP status 400.")),
        ({"error": {"message": True}}, ErrorFacts("The provider answered with HTTP status 400.")),
    ],
)
def test_every_spelling_of_an_error_is_read(body: Any, expected: ErrorFacts) -> None:
    found = read_error_body(orjson.dumps(body), 400)

    parsed = body[0] if isinstance(body, list) else body
    assert found == ErrorFacts(
        expected.message,
        expected.code,
        expected.type,
        expected.param,
        expected.status,
        expected.extra,
        parsed,
    )


@pytest.mark.parametrize("body", [b"", b"<html>502 at edge-17</html>", b"[]", b"7", b"\xff"])
def test_what_is_no_error_object_tells_its_status_only(body: bytes) -> None:
    assert read_error_body(body, 502) == ErrorFacts("The provider answered with HTTP status 502.")


def test_a_long_message_is_cut() -> None:
    found = read_error_body(orjson.dumps({"error": {"message": "x" * 9_000}}), 400)

    assert len(found.message) == MAX_MESSAGE


@pytest.mark.parametrize(
    ("header", "expected"), [("true", True), ("FALSE", False), ("maybe", None), (None, None)]
)
def test_the_providers_word_on_retrying_is_kept(header: str | None, expected: bool | None) -> None:
    headers = {} if header is None else {"x-should-retry": header}

    error = upstream_error(ReplyHead(500, headers), ErrorFacts("m"), 0.0)

    assert error.should_retry is expected


def test_wait_headers_of_a_success_are_not_read() -> None:
    headers = {"retry-after": "53"}

    assert upstream_error(ReplyHead(200, headers), ErrorFacts("m"), 0.0).wait_s is None
    assert upstream_error(ReplyHead(429, headers), ErrorFacts("m"), 0.0).wait_s == 53.0


def test_a_provider_may_know_better() -> None:
    error = upstream_error(ReplyHead(429, {}), ErrorFacts("m"), 0.0, Failure.QUOTA)

    assert (error.failure, error.status, error.message) == (Failure.QUOTA, 429, "m")
