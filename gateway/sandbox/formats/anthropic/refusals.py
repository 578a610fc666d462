"""Anthropic's errors: `{"type": "error", "error": {"type", "message"}, "request_id"}`.

Types: platform.claude.com, "Errors" (2026), and replies seen from the real API.
"""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure

INVALID = "invalid_request_error"
CONTEXT_WINDOW = 200_000
BLOCKED = "Output blocked by content filtering policy"

_FINAL = (("x-should-retry", "false"),)
_RETRY = (("x-should-retry", "true"),)


def error(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    """Return an error object. `code` goes into its details."""
    made: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        made["details"] = {"error_code": code}
    return made


def refuse(message: str) -> Refused:
    """Return a 400 for what is wrong in a request."""
    return Refused(400, error(INVALID, message), _FINAL)


def refuse_extra(path: str) -> Refused:
    """Return the refusal of a member nobody knows."""
    return refuse(f"{path}: Extra inputs are not permitted")


def refuse_missing(path: str) -> Refused:
    """Return the refusal of a request that lacks something."""
    return refuse(f"{path}: Field required")


def refuse_tag(path: str, tag: Any, allowed: tuple[str, ...]) -> Refused:
    """Return the refusal of a `type` that is not among those allowed."""
    words = ", ".join(f"'{word}'" for word in allowed)
    return refuse(
        f"{path}: Input tag '{tag}' found using 'type' does not match any of the expected tags: {words}"
    )


def refuse_model(model: str) -> Refused:
    """Return the 404 of a model that does not exist."""
    return Refused(404, error("not_found_error", f"model: {model}"), _FINAL)


def refuse_path() -> Refused:
    """Return the 404 of a path that does not exist."""
    return Refused(404, error("not_found_error", "Not Found"), _FINAL)


def refuse_key(*, missing: bool) -> Refused:
    """Return the 401 of a request without a key, or with a wrong one."""
    text = "x-api-key header is required" if missing else "invalid x-api-key"
    return Refused(401, error("authentication_error", text), _FINAL)


_LIMIT_TEXT = "This request would exceed your account's rate limit. Please try again later."

# status, type, message, details.error_code, may be tried again
_ROWS: Mapping[Failure, tuple[int, str, str, str | None, bool]] = {
    Failure.BAD_REQUEST: (400, INVALID, "Invalid request.", None, False),
    Failure.CONTENT_FILTER: (400, INVALID, BLOCKED, None, False),
    Failure.AUTH: (401, "authentication_error", "invalid x-api-key", None, False),
    Failure.BILLING: (402, "billing_error", "There is a problem with your billing.", None, False),
    Failure.FORBIDDEN: (403, "permission_error", "Your key may not do this.", None, False),
    Failure.TIMEOUT: (
        408,
        "timeout_error",
        "The request body took too long to arrive.",
        "request_body_timeout",
        True,
    ),
    Failure.CONFLICT: (409, "conflict_error", "The resource was changed meanwhile.", None, True),
    Failure.TOO_LARGE: (
        413,
        "request_too_large",
        "Request exceeds the maximum allowed number of bytes.",
        None,
        False,
    ),
    Failure.RATE_LIMIT: (429, "rate_limit_error", _LIMIT_TEXT, None, True),
    Failure.QUOTA: (
        429,
        "rate_limit_error",
        "You have reached your specified API usage limits.",
        "enforced_spend_limit_reached",
        False,
    ),
    Failure.SERVER: (500, "api_error", "Internal server error", None, True),
    Failure.BAD_GATEWAY: (502, "api_error", "Bad gateway", None, True),
    Failure.UNAVAILABLE: (503, "api_error", "Service unavailable", None, True),
    Failure.GATEWAY_TIMEOUT: (504, "timeout_error", "The request timed out", None, True),
    Failure.OVERLOADED: (529, "overloaded_error", "Overloaded", None, True),
}


def put(failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
    """Return a failure as Anthropic reports it."""
    if failure is Failure.MODEL_NOT_FOUND:
        return refuse_model(prompt.model)
    if failure is Failure.CONTEXT_LENGTH:
        size = CONTEXT_WINDOW + prompt.tokens
        return refuse(f"prompt is too long: {size} tokens > {CONTEXT_WINDOW} maximum")
    status, kind, text, code, again = _ROWS[failure]
    headers = list(_RETRY if again else _FINAL)
    if retry_after is not None:
        headers.append(("retry-after", f"{retry_after:g}"))
        headers.append(("anthropic-ratelimit-requests-remaining", "0"))
    return Refused(status, error(kind, text, code), headers)
