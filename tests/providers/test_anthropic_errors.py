"""Anthropic: error replies."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types.upstream import ReplyHead
from tests.providers.anthropic_scene import PROVIDER

NOW = 1_700_000_000.0


def refused(
    status: int,
    kind: str = "",
    message: str = "no",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> UpstreamError:
    error = {"type": kind, "message": message, **more}
    body = orjson.dumps({"type": "error", "error": error, "request_id": "req_1"})
    return PROVIDER.parse_error(ReplyHead(status, headers or {}), body, NOW)


@pytest.mark.parametrize(
    ("status", "kind", "failure", "code"),
    [
        (400, "invalid_request_error", Failure.BAD_REQUEST, None),
        (401, "authentication_error", Failure.KEY_REJECTED, None),
        (402, "billing_error", Failure.QUOTA, "insufficient_quota"),
        (403, "permission_error", Failure.KEY_REJECTED, None),
        (404, "not_found_error", Failure.NOT_FOUND, "model_not_found"),
        (409, "conflict_error", Failure.CONFLICT, None),
        (413, "request_too_large", Failure.BAD_REQUEST, "request_too_large"),
        (422, "invalid_request_error", Failure.BAD_REQUEST, None),
        (429, "rate_limit_error", Failure.RATE_LIMITED, None),
        (500, "api_error", Failure.SERVER, None),
        (502, "", Failure.SERVER, None),
        (503, "", Failure.OVERLOADED, None),
        (504, "timeout_error", Failure.SERVER, None),
        (529, "overloaded_error", Failure.OVERLOADED, None),
        (500, "overloaded_error", Failure.OVERLOADED, None),
    ],
)
def test_every_error_has_its_class(
    status: int, kind: str, failure: Failure, code: str | None
) -> None:
    error = refused(status, kind)

    assert (error.failure, error.status, error.code) == (failure, status, code)
    assert error.message == "no"


@pytest.mark.parametrize(
    ("status", "error_code", "failure"),
    [
        (408, "request_body_timeout", Failure.SERVER),
        (429, "ramp_limit_exceeded", Failure.RATE_LIMITED),
        (429, "enforced_spend_limit_reached", Failure.QUOTA),
        (429, "contract_spend_limit_reached", Failure.QUOTA),
        (429, "linked_organization_spend_limit_reached", Failure.QUOTA),
        (400, "enforced_spend_limit_reached", Failure.QUOTA),
    ],
)
def test_the_error_code_tells_a_limit_that_passes_from_one_that_does_not(
    status: int, error_code: str, failure: Failure
) -> None:
    error = refused(status, "rate_limit_error", details={"error_code": error_code})

    assert (error.failure, error.code) == (failure, error_code)


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("prompt is too long: 3333404 tokens > 200000 maximum", Failure.CONTEXT_LENGTH),
        (
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
            Failure.CONTEXT_LENGTH,
        ),
        ("Input is too long for requested model.", Failure.CONTEXT_LENGTH),
        (
            "Your credit balance is too low to access the Anthropic API.",
            Failure.QUOTA,
        ),
        (
            "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
            Failure.QUOTA,
        ),
        ("messages.0: all messages must have non-empty content", Failure.BAD_REQUEST),
    ],
)
def test_plain_400s_are_told_apart_by_their_text(message: str, failure: Failure) -> None:
    error = refused(400, "invalid_request_error", message)

    assert error.failure is failure
    expected = {
        Failure.CONTEXT_LENGTH: "context_length_exceeded",
        Failure.QUOTA: "insufficient_quota",
    }
    assert error.code == expected.get(failure)


def test_waits_and_retry_wishes_are_read_from_the_headers() -> None:
    limited = refused(429, "rate_limit_error", headers={"retry-after": "7", "request-id": "req_9"})
    reset = {
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:13:50Z",
        "anthropic-ratelimit-requests-remaining": "4",
        "anthropic-ratelimit-requests-reset": "2023-11-14T23:13:20Z",
    }

    assert limited.wait_s == 7
    assert limited.extra == {"request_id": "req_9"}
    assert refused(429, "rate_limit_error", headers=reset).wait_s == pytest.approx(30)
    assert refused(500, "api_error", headers={"x-should-retry": "false"}).should_retry is False
    assert refused(400, headers={"x-should-retry": "true"}).should_retry is True
    assert limited.should_retry is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"[]", b"null", b'{"error": null}', b"\xff"]
)
def test_a_body_that_says_nothing_leaves_the_status(body: bytes) -> None:
    error = PROVIDER.parse_error(ReplyHead(529, {}), body, NOW)

    assert error.failure is Failure.OVERLOADED
    assert error.status == 529
    assert "html" not in error.message
