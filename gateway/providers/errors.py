"""Reads what providers say when they refuse: the error body, its class, and how long to wait.

Shared by every provider. Vendor facts: OpenAI error codes guide, Groq and DeepSeek API references,
OpenRouter "errors" page, and recorded traffic (all as of 2026-11).
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.errors import Failure, UpstreamError
from gateway.providers.wait_time import wait_seconds
from gateway.types.upstream import ReplyHead

__all__ = [
    "MAX_MESSAGE",
    "ErrorFacts",
    "failure_for",
    "read_error",
    "read_error_body",
    "truncate",
    "upstream_error",
    "wait_seconds",
]

MAX_MESSAGE = 500  # characters of a provider's message that are kept
_MAX_SCANNED = 4096  # enough for any real message; keeps the patterns below cheap
_KEPT = ("innererror", "failed_generation", "details", "reasons")  # of use to a client as they are

_QUOTA_WORDS = {
    "insufficient_quota",
    "insufficient_balance",
    "credit_balance_exhausted",
    "enforced_spend_limit_reached",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
    "exceeded_current_quota_error",
}
_WORDS: Mapping[str, Failure] = {
    **dict.fromkeys(_QUOTA_WORDS, Failure.QUOTA),
    "context_length_exceeded": Failure.CONTEXT_LENGTH,
    "content_filter": Failure.CONTENT_FILTER,
    "content_policy_violation": Failure.CONTENT_FILTER,
    "invalid_api_key": Failure.KEY_REJECTED,
    "model_not_found": Failure.NOT_FOUND,
    "model_decommissioned": Failure.NOT_FOUND,
    "deploymentnotfound": Failure.NOT_FOUND,
}
# Words that classify an error only where no status does (an error inside a 200 reply).
_WORDS_WITHOUT_STATUS: Mapping[str, Failure] = {
    "rate_limit_exceeded": Failure.RATE_LIMITED,
    "rate_limit_error": Failure.RATE_LIMITED,
    "too_many_requests": Failure.RATE_LIMITED,
    "requests": Failure.RATE_LIMITED,
    "tokens": Failure.RATE_LIMITED,
    "overloaded_error": Failure.OVERLOADED,
    "server_is_overloaded": Failure.OVERLOADED,
    "service_unavailable_error": Failure.OVERLOADED,
    "service_unavailable": Failure.OVERLOADED,
    "invalid_request_error": Failure.BAD_REQUEST,
    "tool_use_failed": Failure.BAD_REQUEST,
    "authentication_error": Failure.KEY_REJECTED,
    "permission_error": Failure.KEY_REJECTED,
    "not_found_error": Failure.NOT_FOUND,
}
_BY_STATUS: Mapping[int, Failure] = {
    401: Failure.KEY_REJECTED,
    402: Failure.QUOTA,
    403: Failure.KEY_REJECTED,
    404: Failure.NOT_FOUND,
    408: Failure.SERVER,
    409: Failure.CONFLICT,
    410: Failure.NOT_FOUND,
    424: Failure.SERVER,
    429: Failure.RATE_LIMITED,
    503: Failure.OVERLOADED,
    529: Failure.OVERLOADED,
}
_CONTEXT_TEXT = re.compile(
    r"maximum context length|context[ _]length|context window|prompt is too long"
    r"|too many input tokens|exceeds? the (?:maximum )?(?:number of )?(?:input )?tokens? (?:limit|allowed)",
    re.IGNORECASE,
)
_QUOTA_TEXT = re.compile(
    r"insufficient (?:balance|credits?|quota|funds)|credit balance is too low|out of credits?"
    r"|does(?:n't| not) have any credits|requires more credits",
    re.IGNORECASE,
)
_KEY_TEXT = re.compile(r"(?:incorrect|invalid) api[ _-]?key|api key not valid", re.IGNORECASE)


class ErrorFacts(Struct, frozen=True):
    """An error body, reduced to strings. `body` is the parsed body itself, None if it is no JSON.

    `status` is a status named inside the body (OpenRouter, Groq streams); `extra` holds further
    members of the error that a client may use.
    """

    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    status: int | None = None
    extra: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None


def truncate(message: str) -> str:
    """Cut a provider's message to what is worth showing."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def failure_for(
    status: int | None, code: str | None = None, type_: str | None = None, message: str = ""
) -> Failure:
    """Classify an error by its status (None: inside a 200 reply), code, type and text.

    A 4xx is refined by its words; of a 5xx only the status counts, except that "overloaded" is
    told apart. Anything unknown inside a 200 is the provider's own fault: `SERVER`.
    """
    words = [word.lower() for word in (code, type_) if word]
    if status is not None and status >= 500:
        overloaded = any(_WORDS_WITHOUT_STATUS.get(w) is Failure.OVERLOADED for w in words)
        return Failure.OVERLOADED if overloaded else _BY_STATUS.get(status, Failure.SERVER)
    for word in words:
        if word in _WORDS:
            return _WORDS[word]
    text = message[:_MAX_SCANNED]
    if status in (None, 400, 402, 403, 413, 422, 429) and _QUOTA_TEXT.search(text):
        return Failure.QUOTA
    if status in (None, 400, 413, 422) and _CONTEXT_TEXT.search(text):
        return Failure.CONTEXT_LENGTH
    if status == 400 and _KEY_TEXT.search(text):
        return Failure.KEY_REJECTED
    return _by_status(status, words)


def _by_status(status: int | None, words: list[str]) -> Failure:
    if status is None or status < 300:
        known = (_WORDS_WITHOUT_STATUS[word] for word in words if word in _WORDS_WITHOUT_STATUS)
        return next(known, Failure.SERVER)
    if status < 400:
        return Failure.BAD_REPLY  # a redirect: never followed
    return _BY_STATUS.get(status, Failure.BAD_REQUEST)


def read_error_body(body: bytes, status: int | None) -> ErrorFacts:
    """Read an error reply in any OpenAI-like spelling; what is not JSON tells its status only."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]  # Gemini's OpenAI surface wraps the object in a list (recorded)
    if isinstance(parsed, dict):
        return read_error(parsed, status)
    return ErrorFacts(_generic(status))


def read_error(body: Mapping[str, Any], status: int | None = None) -> ErrorFacts:
    """Read a parsed error: `error` may be an object, a string, a list, or missing altogether."""
    error: Any = body.get("error")
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, str):  # xAI: the text itself, with `code` beside it
        error = {"message": error, "code": body.get("code"), "type": body.get("type")}
    if not isinstance(error, dict):  # older vLLM, Databricks, FastAPI servers: no wrapper
        error = body
    message = _text(error.get("message")) or _text(error.get("detail")) or _generic(status)
    inner = _inner(error)
    if inner is not None:
        message = f"{message}: {inner.message}"
    numbers = (_status(error.get(name)) for name in ("code", "status_code", "status"))
    return ErrorFacts(
        message=truncate(message),
        code=_text(error.get("code")) or (inner.code if inner else None),
        type=_text(error.get("type")),
        param=_text(error.get("param")),
        status=next((number for number in numbers if number is not None), None),
        extra={name: error[name] for name in _KEPT if error.get(name)} or None,
        body=body,
    )


def upstream_error(
    head: ReplyHead, facts: ErrorFacts, now: float, failure: Failure | None = None
) -> UpstreamError:
    """Make the attempt's error from a reply's head and its facts.

    `failure` overrides the shared classification where a provider knows better. For an error
    inside a 200 reply no waiting time is read from the headers: there they mean something else.
    """
    refused = head.status >= 300
    status = head.status if refused else facts.status
    wanted = (head.header("x-should-retry") or "").strip().lower()
    return UpstreamError(
        failure or failure_for(status, facts.code, facts.type, facts.message),
        facts.message,
        status=head.status,
        code=facts.code,
        param=facts.param,
        wait_s=wait_seconds(head.headers if refused else {}, facts.body, now),
        should_retry={"true": True, "false": False}.get(wanted),
        extra=facts.extra,
    )


def _inner(error: Mapping[str, Any]) -> ErrorFacts | None:
    """OpenRouter hides the real provider's answer in `metadata.raw`, as text or JSON text."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw.strip() or len(raw) > 64 * 1024:
        return None
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ErrorFacts(truncate(raw))
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return None
    nested = parsed.get("error", parsed)
    if not isinstance(nested, dict):
        return ErrorFacts(truncate(nested)) if isinstance(nested, str) else None
    message = _text(nested.get("message"))
    return ErrorFacts(message, code=_text(nested.get("code"))) if message else None


def _generic(status: int | None) -> str:
    if status is None or status < 300:
        return "The provider reported an error without saying which."
    return f"The provider answered with HTTP status {status}."


def _text(value: object) -> str | None:
    """Give any JSON value as text; None for what says nothing."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or value is None or value in ([], {}):
        return None
    return orjson.dumps(value).decode()[: 2 * MAX_MESSAGE]


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return value
    return None
