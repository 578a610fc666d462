"""Bedrock's errors: `{"message"}`, and the kind of error in the header `x-amzn-errortype`.

Kinds and statuses: the service model of `bedrock-runtime` (botocore 1.44.5, 2026) and "Common
errors". Messages: docs.aws.amazon.com, "Troubleshooting Amazon Bedrock API error codes" (2026), and
error replies of the real API that users reported. Bedrock names no wait in any header.
"""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.scenes import MISSING
from gateway.sandbox.script import Failure

UNEXPECTED = "The system encountered an unexpected error during processing. Try your request again."

_SERVICE = "http://internal.amazon.com/coral/com.amazon.bedrock/"
_FRONT_DOOR = "http://internal.amazon.com/coral/com.amazon.coral.service/"
_INVALID_ID = "The provided model identifier is invalid."


def raise_as(kind: str, status: int, message: str, source: str = _SERVICE, **more: Any) -> Refused:
    """Return a refusal of a kind; `more` are further members of its body."""
    return Refused(
        status, {"message": message, **more}, (("x-amzn-errortype", f"{kind}:{source}"),)
    )


def refuse(message: str) -> Refused:
    """Return a 400 for what is wrong in a request."""
    return raise_as("ValidationException", 400, message)


def refuse_by_model(message: str) -> Refused:
    """Return a 400 for what the model behind Converse finds wrong."""
    return refuse(f"The model returned the following errors: {message}")


def refuse_unreadable(message: str) -> Refused:
    """Return a 400 for JSON that is none, or a value of the wrong type."""
    return raise_as("SerializationException", 400, message, _FRONT_DOOR)


def refuse_caller(kind: str, message: str, status: int = 403) -> Refused:
    """Return the refusal of a signature or an access key."""
    return raise_as(kind, status, message, _FRONT_DOOR)


def refuse_bearer() -> Refused:
    """Return the 403 of a wrong API key. The member is spelled with a capital here."""
    text = "Authentication failed: Please make sure your API Key is valid."
    return Refused(403, {"Message": text}, (("x-amzn-errortype", "AccessDeniedException"),))


def refuse_model(model: str) -> Refused:
    """Return the 400 of a model that does not exist."""
    del model
    return refuse(_INVALID_ID)


def refuse_path() -> Refused:
    """Return the 404 of an operation that does not exist."""
    return refuse_caller("UnknownOperationException", "The operation does not exist.", 404)


# kind, status, message
_ROWS: Mapping[Failure, tuple[str, int, str]] = {
    Failure.BAD_REQUEST: ("ValidationException", 400, "The request is not valid."),
    Failure.CONTEXT_LENGTH: (
        "ValidationException",
        400,
        "Input is too long for requested model.",
    ),
    Failure.CONTENT_FILTER: (
        "ValidationException",
        400,
        "The model returned the following errors: Output blocked by content filtering policy",
    ),
    Failure.BILLING: (
        "AccessDeniedException",
        403,
        "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must "
        "be provided.",
    ),
    Failure.FORBIDDEN: (
        "AccessDeniedException",
        403,
        "You don't have access to the model with the specified model ID.",
    ),
    Failure.MODEL_NOT_FOUND: (
        "ResourceNotFoundException",
        404,
        "This model version has reached the end of its life. Please refer to the AWS documentation "
        "for more details.",
    ),
    Failure.TIMEOUT: ("ModelTimeoutException", 408, "The model took too long to answer."),
    Failure.CONFLICT: ("ConflictException", 400, "The resource is being changed."),
    Failure.TOO_LARGE: ("RequestEntityTooLargeException", 413, "The request entity is too large."),
    Failure.RATE_LIMIT: (
        "ThrottlingException",
        429,
        "Too many requests, please wait before trying again.",
    ),
    Failure.QUOTA: (
        "ThrottlingException",
        429,
        "Too many tokens per day, please wait before trying again.",
    ),
    Failure.SERVER: ("InternalServerException", 500, UNEXPECTED),
    Failure.UNAVAILABLE: (
        "ServiceUnavailableException",
        503,
        "Bedrock is unable to process your request.",
    ),
    Failure.GATEWAY_TIMEOUT: ("GatewayTimeoutException", 504, "The endpoint request timed out."),
    Failure.OVERLOADED: (
        "ServiceUnavailableException",
        503,
        "Too many connections, please wait before trying again.",
    ),
}


def put(failure: Failure, prompt: Prompt) -> Refused:
    """Return a failure as Bedrock reports it."""
    match failure:
        case Failure.AUTH:
            return refuse_unknown_key()
        case Failure.MODEL_NOT_FOUND if prompt.model.startswith(MISSING):
            return refuse_model(prompt.model)
        case Failure.BAD_GATEWAY:
            text = "The model behind the endpoint failed."
            return raise_as(
                "ModelErrorException", 424, text,
                originalStatusCode=502, resourceName=prompt.model,
            )  # fmt: skip
        case _:
            return raise_as(*_ROWS[failure])


def refuse_unknown_key() -> Refused:
    """Return the 403 of an access key nobody issued."""
    return refuse_caller(
        "UnrecognizedClientException", "The security token included in the request is invalid."
    )
