"""Google's error envelope: `{"error": {"code", "message", "status", "details": [{"@type", …}]}}`.

The same over both services, alone or as the only member of a list. What it is says `reason` in the
details (`google.rpc.ErrorInfo`), then the HTTP status ("Troubleshooting" and "Billing" pages of the
Gemini API, google.rpc error model, 2026-11).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.providers.errors import (
    ErrorFacts,
    failure_for,
    read_error,
    read_error_body,
    upstream_error,
)
from gateway.providers.wait_time import wait_seconds
from gateway.types.json import JsonObject
from gateway.types.upstream import ReplyHead

_BY_REASON: Mapping[str, Failure] = {
    "ACCESS_TOKEN_EXPIRED": Failure.KEY_REJECTED,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": Failure.KEY_REJECTED,
    "API_KEY_EXPIRED": Failure.KEY_REJECTED,
    "API_KEY_INVALID": Failure.KEY_REJECTED,
    "BILLING_DISABLED": Failure.QUOTA,
}
_BY_STATUS_WORD: Mapping[str, int] = {
    "ABORTED": 409,
    "CANCELLED": 499,
    "DEADLINE_EXCEEDED": 504,
    "FAILED_PRECONDITION": 400,
    "INTERNAL": 500,
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "UNAUTHENTICATED": 401,
    "UNAVAILABLE": 503,
}
_BAD_KEY = re.compile(r"api key (?:not valid|expired|not found)", re.IGNORECASE)
_NO_MONEY = re.compile(
    r"credits? (?:are|is|have been) (?:depleted|exhausted)|prepay\w* .{0,40}depleted"
    r"|spend(?:ing)? (?:cap|limit)",
    re.IGNORECASE,
)
_CODES: Mapping[Failure, str] = {
    Failure.CONTEXT_LENGTH: "context_length_exceeded",
    Failure.NOT_FOUND: "model_not_found",
    Failure.QUOTA: "insufficient_quota",
}


def parse_error(head: ReplyHead, body: bytes, now: float) -> UpstreamError:
    """Read a non-2xx reply; what is no JSON tells its status only."""
    facts = read_error_body(body, head.status)
    return upstream_error(head, *_judged(facts, head.status, now))


def error_in_reply(fragment: JsonObject) -> UpstreamError:
    """Read an error that came inside a 200 reply, as a fragment of a stream or as its body."""
    facts = read_error(fragment)
    told = as_object(fragment.get("error"))
    status = facts.status or _BY_STATUS_WORD.get(as_text(told.get("status")))
    facts, _, failure = _judged(facts, status, 0.0)
    return UpstreamError(
        failure,
        facts.message,
        code=facts.code,
        param=facts.param,
        wait_s=wait_seconds({}, facts.body, 0.0),
    )


def _judged(facts: ErrorFacts, status: int | None, now: float) -> tuple[ErrorFacts, float, Failure]:
    """Return the facts in words fit for clients, the time, and the class of the error."""
    error = _error_of(facts.body)
    details = [as_object(detail) for detail in as_list(error.get("details"))]
    reason = next((as_text(d["reason"]) for d in details if d.get("reason")), "")
    failure = _BY_REASON.get(reason) or _classify(facts, status, details)
    code = _CODES.get(failure) or reason or as_text(error.get("status")) or None
    # The details name the project, which is the operator's where the key is.
    told = replace(facts, code=code, param=_field(details), extra=None)
    return told, now, failure


def _classify(facts: ErrorFacts, status: int | None, details: list[JsonObject]) -> Failure:
    if status == 400 and _BAD_KEY.search(facts.message):
        return Failure.KEY_REJECTED
    if status == 429:
        return Failure.QUOTA if _is_spent(facts.message, details) else Failure.RATE_LIMITED
    return failure_for(status, None, None, facts.message)


def _is_spent(message: str, details: list[JsonObject]) -> bool:
    """Whether waiting does not help: no money, no quota at all, or none left for today.

    The names of quotas are unreliable: one "per day" was recorded with a wait of seconds, so a wait
    that is named goes before.
    """
    if _NO_MONEY.search(message):
        return True
    violations = list(_violations(details))
    if any(v.get("quotaValue") in ("0", 0) for v in violations):
        return True
    if any("retryDelay" in detail for detail in details):
        return False
    return any("PerDay" in as_text(v.get("quotaId")) for v in violations)


def _violations(details: list[JsonObject]) -> Iterator[JsonObject]:
    for detail in details:
        yield from (as_object(violation) for violation in as_list(detail.get("violations")))


def _field(details: list[JsonObject]) -> str | None:
    """Return the member of the native request that was at fault (`google.rpc.BadRequest`)."""
    for detail in details:
        for violation in as_list(detail.get("fieldViolations")):
            field = as_text(as_object(violation).get("field"))
            if field:
                return field
    return None


def _error_of(body: Mapping[str, Any] | None) -> JsonObject:
    error = (body or {}).get("error")
    return as_object(error[0] if isinstance(error, list) and error else error)
