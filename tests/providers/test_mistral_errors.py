from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types.upstream import ReplyHead
from tests.providers.mistral_scene import PROVIDER

EXTRA = {
    "type": "extra_forbidden",
    "loc": ["body", "messages", 1, "assistant", "name"],
    "msg": "Extra inputs are not permitted",
    "input": "bob",
}
MISSING = {"type": "missing", "loc": ["body", "model"], "msg": "Field required"}


def parsed(status: int, body: Any, **headers: str) -> UpstreamError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PROVIDER.parse_error(ReplyHead(status, named), raw, 0.0)


def error(message: Any, **members: Any) -> dict[str, Any]:
    return {"object": "error", "message": message, "param": None, "code": None, **members}


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, error("no", type="invalid_request_message_order", code="3230"), Failure.BAD_REQUEST),
        (400, error("no", type="invalid_function_call", code="3280"), Failure.BAD_REQUEST),
        (400, error("Invalid model: x", type="invalid_model", code="1500"), Failure.NOT_FOUND),
        (
            400,
            error("Prompt contains 9 tokens, too large for model with 8 maximum context length"),
            Failure.CONTEXT_LENGTH,
        ),
        (401, {"detail": "Invalid API Key"}, Failure.KEY_REJECTED),
        (401, {"message": "Unauthorized", "request_id": "r"}, Failure.KEY_REJECTED),
        (403, error("no"), Failure.KEY_REJECTED),
        (404, error("no route"), Failure.NOT_FOUND),
        (422, {"detail": [EXTRA]}, Failure.BAD_REQUEST),
        (429, {"message": "Requests rate limit exceeded"}, Failure.RATE_LIMITED),
        (429, error("Service tier capacity exceeded", code="3505"), Failure.RATE_LIMITED),
        (500, error("oops", code=1000), Failure.SERVER),
        (503, b"upstream connect error", Failure.OVERLOADED),
    ],
)
def test_every_refusal_has_its_class(status: int, body: Any, failure: Failure) -> None:
    told = parsed(status, body)
    assert (told.failure, told.status) == (failure, status)
    assert told.message


@pytest.mark.parametrize(
    "body", [{"detail": [EXTRA, MISSING]}, error({"detail": [EXTRA, MISSING]})]
)
def test_a_validators_list_becomes_a_sentence_and_a_path(body: Any) -> None:
    told = parsed(422, body)
    assert told.message == (
        "messages[1].assistant.name: Extra inputs are not permitted; model: Field required"
    )
    assert told.param == "messages[1].assistant.name"
    assert told.code == "extra_forbidden"


def test_a_long_list_is_cut_and_an_odd_one_is_survived() -> None:
    many = parsed(422, {"detail": [MISSING] * 50})
    assert many.message.count("Field required") == 5
    odd = parsed(422, {"detail": [{"loc": "x", "msg": 7}, "y"]})
    assert odd.message == "is not valid"
    assert odd.param is None
    assert parsed(422, {"detail": []}).failure is Failure.BAD_REQUEST


def test_the_clients_input_is_not_repeated() -> None:
    assert "bob" not in parsed(422, {"detail": [EXTRA]}).message


def test_words_are_kept_as_they_are() -> None:
    told = parsed(400, error("Tool call id was x", type="invalid_function_call", code="3280"))
    assert (told.message, told.code) == ("Tool call id was x", "3280")


@pytest.mark.parametrize(
    ("headers", "failure"),
    [
        ({"x_ratelimit_remaining_tokens_month": "0"}, Failure.QUOTA),
        ({"x_ratelimitbysize_remaining_month": "0"}, Failure.QUOTA),
        ({"x_ratelimit_remaining_tokens_month": "10"}, Failure.RATE_LIMITED),
        ({"x_ratelimit_remaining_tokens_minute": "0"}, Failure.RATE_LIMITED),
        ({"x_ratelimit_limit_tokens_month": "0"}, Failure.RATE_LIMITED),
    ],
)
def test_a_spent_month_does_not_pass(headers: dict[str, str], failure: Failure) -> None:
    assert parsed(429, {"message": "Requests rate limit exceeded"}, **headers).failure is failure


def test_a_wait_is_read_where_one_is_named() -> None:
    assert parsed(429, {"message": "slow"}, retry_after="3").wait_s == 3.0
