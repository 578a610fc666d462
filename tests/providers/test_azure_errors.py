from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.routing.outcome import to_client_error
from gateway.types.upstream import ReplyHead
from gateway.wire.errors import error_body
from tests.providers.azure_scene import PROVIDER, target


def parsed(status: int, body: Any, **headers: str) -> UpstreamError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PROVIDER.parse_error(ReplyHead(status, named), raw, 1_700_000_000.0)


INNER = {
    "code": "ResponsibleAIPolicyViolation",
    "content_filter_result": {"self-harm": {"filtered": True, "severity": "high"}},
}


@pytest.mark.parametrize(
    ("status", "error", "failure"),
    [
        (401, {"code": "401", "message": "Access denied"}, Failure.KEY_REJECTED),
        (403, {"code": "403", "message": "Public access is disabled"}, Failure.KEY_REJECTED),
        (404, {"code": "DeploymentNotFound", "message": "no"}, Failure.NOT_FOUND),
        (404, {"code": "404", "message": "Resource not found"}, Failure.NOT_FOUND),
        (400, {"code": "unavailable_model", "message": "Unavailable model: x"}, Failure.NOT_FOUND),
        (400, {"code": "unknown_model", "message": "Unknown model: x"}, Failure.NOT_FOUND),
        (400, {"code": "content_filter", "message": "filtered"}, Failure.CONTENT_FILTER),
        (400, {"code": None, "message": "no", "innererror": INNER}, Failure.CONTENT_FILTER),
        (400, {"code": "context_length_exceeded", "message": "long"}, Failure.CONTEXT_LENGTH),
        (400, {"code": "unknown_parameter", "message": "no"}, Failure.BAD_REQUEST),
        (408, {"code": "Timeout", "message": "slow"}, Failure.SERVER),
        (429, {"code": "429", "message": "slow down"}, Failure.RATE_LIMITED),
        (429, {"code": "too_many_requests", "message": "slow down"}, Failure.RATE_LIMITED),
        (429, {"code": "insufficient_quota", "message": "none left"}, Failure.QUOTA),
        (500, {"code": "InternalServerError", "message": "oops"}, Failure.SERVER),
        (503, {"code": "ServiceUnavailable", "message": "busy"}, Failure.OVERLOADED),
    ],
)
def test_every_refusal_has_its_class(status: int, error: Any, failure: Failure) -> None:
    told = parsed(status, {"error": error})
    assert told.failure is failure
    assert told.status == status
    assert told.message == error["message"]


@pytest.mark.parametrize("body", [b"", b"<html>", {"statusCode": 401, "message": "Unauthorized"}])
def test_any_body_is_an_error_of_its_status(body: Any) -> None:
    assert parsed(401, body).failure is Failure.KEY_REJECTED


def test_a_filtered_prompt_keeps_why_and_becomes_a_complete_error_of_the_client() -> None:
    error = {
        "message": "The response was filtered",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": INNER,
    }
    told = to_client_error(parsed(400, {"error": error}), target())
    assert told.status == 400
    body = orjson.loads(error_body(told))["error"]
    assert body["type"] == "invalid_request_error"
    assert (body["code"], body["param"]) == ("content_filter", "prompt")
    assert body["innererror"] == INNER


def test_a_missing_deployment_becomes_a_complete_error_of_the_client() -> None:
    error = {"type": "invalid_request_error", "code": "DeploymentNotFound", "message": "no"}
    body = orjson.loads(error_body(to_client_error(parsed(404, {"error": error}), target())))
    assert {"message", "type", "code", "param"} <= body["error"].keys()
    assert body["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after_ms": "1500"}, 1.5),
        ({"x_ms_retry_after_ms": "250"}, 0.25),
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "0", "retry_after": "1"}, 1.0),
        # Bare integers in another unit than OpenAI's durations: they say nothing of a wait.
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "500"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_in_azures_spellings(headers: dict[str, str], wait: float | None) -> None:
    assert parsed(429, {"error": {"code": "429", "message": "slow"}}, **headers).wait_s == wait
