"""Bedrock: what a refusal means."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types.upstream import ReplyHead
from tests.providers.bedrock_scene import PROVIDER

CORAL = ":http://internal.amazon.com/coral/com.amazon.coral.service/"


def read(
    status: int, name: str | None = None, body: Any = None, headers: dict[str, str] | None = None
) -> UpstreamError:
    head = {"x-amzn-errortype": name} if name else {}
    raw = body if isinstance(body, bytes) else orjson.dumps(body or {"message": "m"})
    return PROVIDER.parse_error(ReplyHead(status, {**head, **(headers or {})}), raw, 0.0)


@pytest.mark.parametrize(
    ("status", "name", "message", "failure", "code"),
    [
        (400, "ValidationException", "m", Failure.BAD_REQUEST, "ValidationException"),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            Failure.NOT_FOUND,
            "model_not_found",
        ),
        (
            400,
            "ValidationException",
            "Input is too long for requested model.",
            Failure.CONTEXT_LENGTH,
            "context_length_exceeded",
        ),
        (
            400,
            "ValidationException",
            "The model returned the following errors: prompt is too long: 209 tokens > 200 maximum",
            Failure.CONTEXT_LENGTH,
            "context_length_exceeded",
        ),
        (
            400,
            "ValidationException",
            "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
            Failure.CONTEXT_LENGTH,
            "context_length_exceeded",
        ),
        (
            400,
            "ValidationException",
            "input length and `max_tokens` exceed context limit: 198 + 8 > 200",
            Failure.CONTEXT_LENGTH,
            "context_length_exceeded",
        ),
        (
            400,
            "ValidationException",
            "The maximum tokens you requested exceeds the model limit of 4096.",
            Failure.BAD_REQUEST,
            "ValidationException",
        ),
        (
            400,
            "ValidationException",
            "Output blocked by content filtering policy",
            Failure.CONTENT_FILTER,
            "content_filter",
        ),
        (403, "AccessDeniedException", "m", Failure.KEY_REJECTED, "AccessDeniedException"),
        (404, "ResourceNotFoundException", "m", Failure.NOT_FOUND, "model_not_found"),
        (408, "ModelTimeoutException", "m", Failure.TIMEOUT, "ModelTimeoutException"),
        (424, "ModelErrorException", "m", Failure.SERVER, "ModelErrorException"),
        (424, "ModelStreamErrorException", "m", Failure.SERVER, "ModelStreamErrorException"),
        (429, "ThrottlingException", "Too many", Failure.RATE_LIMITED, "rate_limit_exceeded"),
        (
            429,
            "ThrottlingException",
            "Too many tokens per day, please wait before trying again.",
            Failure.QUOTA,
            "insufficient_quota",
        ),
        (429, "ModelNotReadyException", "m", Failure.OVERLOADED, "ModelNotReadyException"),
        (400, "ServiceQuotaExceededException", "m", Failure.QUOTA, "insufficient_quota"),
        (400, "ConflictException", "m", Failure.CONFLICT, "ConflictException"),
        (500, "InternalServerException", "m", Failure.SERVER, "InternalServerException"),
        (
            503,
            "ServiceUnavailableException",
            "m",
            Failure.OVERLOADED,
            "ServiceUnavailableException",
        ),
        (
            403,
            "UnrecognizedClientException",
            "m",
            Failure.KEY_REJECTED,
            "UnrecognizedClientException",
        ),
        (403, "ExpiredTokenException", "m", Failure.KEY_REJECTED, "ExpiredTokenException"),
        (403, "InvalidSignatureException", "m", Failure.KEY_REJECTED, "InvalidSignatureException"),
        (
            400,
            "IncompleteSignatureException",
            "m",
            Failure.KEY_REJECTED,
            "IncompleteSignatureException",
        ),
    ],
)
def test_every_exception_has_its_class(
    status: int, name: str, message: str, failure: Failure, code: str
) -> None:
    error = read(status, name + CORAL, {"message": message})

    assert (error.failure, error.code, error.status) == (failure, code, status)
    assert error.message == message


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.BAD_REQUEST),
        (401, Failure.KEY_REJECTED),
        (403, Failure.KEY_REJECTED),
        (404, Failure.NOT_FOUND),
        (413, Failure.BAD_REQUEST),
        (424, Failure.SERVER),
        (429, Failure.RATE_LIMITED),
        (500, Failure.SERVER),
        (502, Failure.SERVER),
        (503, Failure.OVERLOADED),
        (504, Failure.SERVER),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"message": 5}', b'"x"'])
def test_without_a_name_the_status_decides(status: int, failure: Failure, body: bytes) -> None:
    error = read(status, None, body)

    assert error.failure is failure
    assert error.message


@pytest.mark.parametrize(
    "body",
    [
        {"__type": "com.amazon.coral.service#ThrottlingException", "message": "m"},
        {"__type": "ThrottlingException", "Message": "m"},
        {"code": "ThrottlingException", "message": "m"},
    ],
)
def test_the_name_may_be_in_the_body(body: dict[str, str]) -> None:
    error = read(400, None, body)

    assert error.failure is Failure.RATE_LIMITED
    assert error.message == "m"


def test_the_header_wins_over_the_body() -> None:
    error = read(429, "ModelNotReadyException", {"__type": "ThrottlingException", "message": "m"})

    assert error.failure is Failure.OVERLOADED


@pytest.mark.parametrize(
    ("original", "failure"),
    [(429, Failure.RATE_LIMITED), (503, Failure.OVERLOADED), (500, Failure.SERVER)],
)
def test_a_models_own_status_is_told(original: int, failure: Failure) -> None:
    body = {"message": "m", "originalStatusCode": original, "resourceName": "r"}
    error = read(424, "ModelErrorException", body)

    assert error.failure is failure
    assert error.extra == {"original_status": original}


def test_on_demand_calls_of_profile_models_get_a_hint() -> None:
    said = (
        "Invocation of model ID anthropic.claude-x with on-demand throughput isn\u2019t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model."
    )
    error = read(400, "ValidationException", {"message": said})

    assert error.failure is Failure.BAD_REQUEST
    assert error.message.startswith(said)
    assert "inference profile instead" in error.message


def test_what_was_signed_is_never_repeated() -> None:
    said = (
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"
        "The Canonical String for this request should have been\n'POST\n/model/x/converse\n\n"
        "host:h\nx-amz-security-token:FwoGZXIvSECRET\n\nhost\nabc'\n\nThe String-to-Sign should have "
        "been\n'AWS4-HMAC-SHA256\n20150830T123600Z'\n"
    )
    error = read(403, "InvalidSignatureException", {"message": said})

    assert error.failure is Failure.KEY_REJECTED
    assert "FwoGZXIvSECRET" not in error.message
    assert error.message.endswith("Consult the service documentation for details.")


def test_the_request_id_is_kept() -> None:
    error = read(500, "InternalServerException", None, {"x-amzn-requestid": "r-1"})

    assert error.extra == {"request_id": "r-1"}


def test_a_wait_is_read_where_one_is_named() -> None:
    assert read(429, "ThrottlingException", None, {"retry-after": "7"}).wait_s == 7.0
    assert read(429, "ThrottlingException").wait_s is None


def test_a_long_text_is_cut() -> None:
    assert len(read(400, "ValidationException", {"message": "x" * 9999}).message) == 500
