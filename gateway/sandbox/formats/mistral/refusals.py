"""Mistral's errors, of two shapes.

`{"object": "error", "message", "type", "param", "code", "raw_status_code"}` for what its servers
find, `{"detail": …}` for what its front door finds: bad keys and faulty members. Sources: docs.mistral.ai,
"Error glossary" (2026), and error replies of the real API that users reported in 2025 and 2026.
"""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.scenes import MISSING
from gateway.sandbox.script import Failure

INVALID = "invalid_request_error"
ORDER = ("invalid_request_message_order", "3230")
CALL = ("invalid_function_call", "3280")
CONTEXT_WINDOW = 131_072


def error(status: int, message: str, kind: str, code: str | None) -> dict[str, Any]:
    """Return an error object."""
    return {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }


def refuse(message: str, kind: tuple[str, str | None] = (INVALID, None)) -> Refused:
    """Return a 400 for what is wrong in a request; `kind` is type and code."""
    return Refused(400, error(400, message, *kind))


def refuse_faults(faults: list[dict[str, Any]]) -> Refused:
    """Return the 422 of a request whose members are not what they should be."""
    return Refused(422, {"detail": faults})


def refuse_key(*, missing: bool) -> Refused:
    """Return the 401 of a request without a key, or with a wrong one."""
    return Refused(401, {"detail": "Unauthorized" if missing else "Invalid API Key"})


def refuse_model(model: str) -> Refused:
    """Return the 400 of a model that does not exist."""
    return refuse(f"Invalid model: {model}", ("invalid_model", "1500"))


def refuse_path() -> Refused:
    """Return the 404 of a path that does not exist."""
    return Refused(404, {"message": "no Route matched with those values"})


# status, message, type, code
_ROWS: Mapping[Failure, tuple[int, str, str, str | None]] = {
    Failure.BAD_REQUEST: (400, "Invalid request.", INVALID, None),
    Failure.CONTENT_FILTER: (403, "Request blocked by a guardrail.", "guardrail_blocked", None),
    Failure.BILLING: (402, "Payment is required to go on.", "payment_required", None),
    Failure.FORBIDDEN: (403, "This model is not in your subscription.", "forbidden", None),
    Failure.MODEL_NOT_FOUND: (404, "Model not found.", "not_found", None),
    Failure.TIMEOUT: (408, "The request took too long to arrive.", "request_timeout", None),
    Failure.CONFLICT: (409, "The resource was changed meanwhile.", "conflict", None),
    Failure.QUOTA: (429, "Monthly usage limit reached.", "rate_limited", "1300"),
    Failure.SERVER: (500, "Internal server error", "internal_server_error", "1000"),
    Failure.UNAVAILABLE: (503, "Internal server error", "unreachable_backend", "1100"),
    Failure.OVERLOADED: (
        503,
        "Service tier capacity exceeded for this model.",
        "service_tier_capacity_exceeded",
        "3505",
    ),
}

# What the gateway in front of the servers says: a message and nothing else.
_BARE: Mapping[Failure, tuple[int, str]] = {
    Failure.TOO_LARGE: (413, "Request size limit exceeded"),
    Failure.BAD_GATEWAY: (502, "An invalid response was received from the upstream server"),
    Failure.GATEWAY_TIMEOUT: (504, "The upstream server is timing out"),
}

_NO_MONTH = (("x-ratelimit-remaining-tokens-month", "0"),)


def put(failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
    """Return a failure as Mistral reports it."""
    match failure:
        case Failure.AUTH:
            return refuse_key(missing=False)
        case Failure.MODEL_NOT_FOUND if prompt.model.startswith(MISSING):
            return refuse_model(prompt.model)
        case Failure.CONTEXT_LENGTH:
            return _refuse_length(prompt.tokens)
        case Failure.RATE_LIMIT:
            return _refuse_rate(retry_after)
        case _ if failure in _BARE:
            status, message = _BARE[failure]
            return Refused(status, {"message": message})
        case _:
            status, message, kind, code = _ROWS[failure]
            headers = _NO_MONTH if failure is Failure.QUOTA else ()
            return Refused(status, error(status, message, kind, code), headers)


def _refuse_length(tokens: int) -> Refused:
    text = (
        f"Prompt contains {CONTEXT_WINDOW + tokens} tokens and 0 draft tokens, too large for "
        f"model with {CONTEXT_WINDOW} maximum context length"
    )
    return refuse(text, ("invalid_request_prompt_too_long", "3051"))


def _refuse_rate(retry_after: float | None) -> Refused:
    headers = [("x-ratelimit-remaining-req-minute", "0")]
    if retry_after is not None:
        headers.append(("retry-after", f"{retry_after:g}"))
    return Refused(429, error(429, "Rate limit exceeded", "rate_limited", "1300"), headers)


def stream_error() -> dict[str, Any]:
    """Return the error object of a stream that breaks."""
    return error(500, *_ROWS[Failure.SERVER][1:])
