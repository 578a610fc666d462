"""OpenAI's errors: `{"error": {"message", "type", "param", "code"}}`.

Codes and types: platform.openai.com, "Error codes" (2026), and replies seen from the real API.
"""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure

INVALID = "invalid_request_error"
CONTEXT_WINDOW = 128_000

_SERVER_TEXT = "The server had an error while processing your request. Sorry about that!"


def error(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    """Return an error object: always all four members."""
    return {"message": message, "type": kind, "param": param, "code": code}


def refuse(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """Return a 400 for what is wrong in a request."""
    return Refused(400, error(message, INVALID, param, code))


def refuse_key(key: str) -> Refused:
    """Return the 401 of a wrong key. Like the vendor it echoes the key, its middle starred out."""
    shown = key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
    text = (
        f"Incorrect API key provided: {shown}. "
        "You can find your API key at https://platform.openai.com/account/api-keys."
    )
    return Refused(401, error(text, INVALID, None, "invalid_api_key"))


def refuse_no_key() -> Refused:
    """Return the 401 of a request without a key."""
    text = "You didn't provide an API key. Send it as: Authorization: Bearer YOUR_KEY."
    return Refused(401, error(text, INVALID, None, None))


def refuse_model(model: str) -> Refused:
    """Return the 404 of a model that does not exist."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return Refused(404, error(text, INVALID, None, "model_not_found"))


def refuse_path(method: str, path: str) -> Refused:
    """Return the 404 of a path that does not exist."""
    return Refused(404, error(f"Invalid URL ({method} {path})", INVALID, None, None))


# status, message, type, param, code
_ROWS: Mapping[Failure, tuple[int, str, str, str | None, str | None]] = {
    Failure.BAD_REQUEST: (400, "Invalid request.", INVALID, None, None),
    Failure.CONTENT_FILTER: (
        400,
        "Your request was rejected as a result of our safety system.",
        INVALID,
        None,
        "content_policy_violation",
    ),
    Failure.FORBIDDEN: (
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        None,
        "unsupported_country_region_territory",
    ),
    Failure.TIMEOUT: (408, "Timed out reading your request.", INVALID, None, None),
    Failure.CONFLICT: (409, "The resource was changed by another request.", INVALID, None, None),
    Failure.TOO_LARGE: (413, "Request body is too large.", INVALID, None, None),
    Failure.QUOTA: (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        None,
        "insufficient_quota",
    ),
    Failure.BILLING: (
        429,
        "Your credit balance is used up.",
        "insufficient_quota",
        None,
        "credit_balance_exhausted",
    ),
    Failure.SERVER: (500, _SERVER_TEXT, "server_error", None, None),
    Failure.BAD_GATEWAY: (502, "Bad gateway.", "server_error", None, None),
    Failure.UNAVAILABLE: (
        503,
        "The engine is currently overloaded, please try again later.",
        "server_error",
        None,
        None,
    ),
    Failure.GATEWAY_TIMEOUT: (504, "Gateway timeout.", "server_error", None, None),
    Failure.OVERLOADED: (
        503,
        "Our servers are currently overloaded. Please try again later.",
        "service_unavailable_error",
        None,
        "server_is_overloaded",
    ),
}


def put(failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
    """Return a failure as OpenAI reports it."""
    match failure:
        case Failure.AUTH:
            return refuse_key("sk-sandbox-key-that-was-revoked")
        case Failure.MODEL_NOT_FOUND:
            return refuse_model(prompt.model)
        case Failure.RATE_LIMIT:
            return _refuse_rate(prompt.model, retry_after)
        case Failure.CONTEXT_LENGTH:
            text = (
                f"This model's maximum context length is {CONTEXT_WINDOW} tokens. However, your "
                f"messages resulted in {CONTEXT_WINDOW + prompt.tokens} tokens. "
                "Please reduce the length of the messages."
            )
            return refuse(text, "messages", "context_length_exceeded")
        case _:
            status, text, kind, param, code = _ROWS[failure]
            return Refused(status, error(text, kind, param, code))


def _refuse_rate(model: str, retry_after: float | None) -> Refused:
    text = (
        f"Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1."
    )
    headers: list[tuple[str, str]] = []
    if retry_after is not None:
        text += f" Please try again in {retry_after:g}s."
        headers = [
            ("retry-after", f"{retry_after:g}"),
            ("retry-after-ms", f"{retry_after * 1000:.0f}"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", f"{retry_after:g}s"),
        ]
    return Refused(429, error(text, "requests", None, "rate_limit_exceeded"), headers)


def stream_error() -> dict[str, Any]:
    """Return the error object of a stream that breaks."""
    return error(_SERVER_TEXT, "server_error", None, None)
