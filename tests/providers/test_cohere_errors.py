from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types.upstream import ReplyHead
from tests.providers.cohere_scene import PROVIDER

MONTHLY = "You are using a Trial key, which is limited to 1000 API calls / month."
BY_MINUTE = "You are using a Trial key, which is limited to 20 API calls / minute."


def parsed(status: int, body: Any, **headers: str) -> UpstreamError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PROVIDER.parse_error(ReplyHead(status, named), raw, 0.0)


@pytest.mark.parametrize(
    ("status", "message", "failure"),
    [
        (400, "invalid request: field x", Failure.BAD_REQUEST),
        (400, "too many tokens: size limit exceeded by 9 tokens.", Failure.CONTEXT_LENGTH),
        (400, "blocked output: please rephrase", Failure.CONTENT_FILTER),
        (401, "invalid api token", Failure.KEY_REJECTED),
        (402, "Please add or update your payment method", Failure.QUOTA),
        (403, "not allowed", Failure.KEY_REJECTED),
        (404, "model 'x' not found", Failure.NOT_FOUND),
        (422, "unprocessable", Failure.BAD_REQUEST),
        (429, BY_MINUTE, Failure.RATE_LIMITED),
        (429, MONTHLY, Failure.QUOTA),
        (
            429,
            "trial token rate limit exceeded, limit is 100000 tokens per minute",
            Failure.RATE_LIMITED,
        ),
        (498, "invalid token", Failure.KEY_REJECTED),
        (498, "violates our Usage Guidelines", Failure.CONTENT_FILTER),
        (499, "request cancelled", Failure.SERVER),
        (500, "internal server error", Failure.SERVER),
        (501, "not implemented", Failure.SERVER),
        (503, "overloaded", Failure.OVERLOADED),
        (504, "timeout", Failure.SERVER),
    ],
)
def test_every_refusal_has_its_class(status: int, message: str, failure: Failure) -> None:
    told = parsed(status, {"id": "x", "message": message})
    assert (told.failure, told.status, told.message) == (failure, status, message)


def test_the_type_of_an_error_counts_where_there_is_one() -> None:
    told = parsed(400, {"message": "long", "error_type": "TOO_MANY_TOKENS"})
    assert (told.failure, told.code) == (Failure.CONTEXT_LENGTH, "context_length_exceeded")
    assert parsed(400, {"message": "no", "error_type": "ODD"}).code == "odd"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", {"data": None}])
def test_any_body_is_an_error_of_its_status(body: Any) -> None:
    assert parsed(429, body).failure is Failure.RATE_LIMITED
    assert parsed(429, body).message


def test_a_wait_is_read_where_one_is_named() -> None:
    assert parsed(429, {"message": BY_MINUTE}, retry_after="3").wait_s == 3.0
    assert parsed(429, {"message": BY_MINUTE}).wait_s is None
