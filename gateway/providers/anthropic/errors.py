"""Anthropic's error envelope: `{"type": "error", "error": {"type", "message", "details"?}}`.

Classified by `type` and `details.error_code`; texts may change ("Errors" page, 2026-11) and count
only where the API has nothing better: too long a prompt and an empty account are plain 400s.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.errors import (
    ErrorFacts,
    failure_for,
    read_error,
    read_error_body,
    upstream_error,
)
from gateway.types.upstream import ReplyHead

_SPENT = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)
_BY_TYPE: Mapping[str, Failure] = {
    "api_error": Failure.SERVER,
    "authentication_error": Failure.KEY_REJECTED,
    "billing_error": Failure.QUOTA,
    "conflict_error": Failure.CONFLICT,
    "invalid_request_error": Failure.BAD_REQUEST,
    "not_found_error": Failure.NOT_FOUND,
    "overloaded_error": Failure.OVERLOADED,
    "permission_error": Failure.KEY_REJECTED,
    "rate_limit_error": Failure.RATE_LIMITED,
    "request_too_large": Failure.BAD_REQUEST,
    "timeout_error": Failure.SERVER,
}
_TOO_LONG = re.compile(
    r"prompt is too long|input is too long|context[ _](?:length|limit|window)"
    r"|exceeds? the maximum (?:number of )?(?:input )?tokens",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(
    r"credit balance|reached your specified (?:\w+ )?usage limits", re.IGNORECASE
)
_CODES: Mapping[Failure, str] = {
    Failure.CONTEXT_LENGTH: "context_length_exceeded",
    Failure.NOT_FOUND: "model_not_found",
    Failure.QUOTA: "insufficient_quota",
}


def parse_error(head: ReplyHead, body: bytes, now: float) -> UpstreamError:
    """Read a non-2xx reply; what is no JSON tells its status only."""
    facts = read_error_body(body, head.status)
    failure = _classify(facts, head.status)
    error = upstream_error(head, replace(facts, code=_code(facts, failure)), now, failure)
    request_id = head.header("request-id")
    if request_id:
        error.extra = {**(error.extra or {}), "request_id": request_id}
    return error


def error_in_reply(body: Mapping[str, Any]) -> UpstreamError:
    """Read an error that came inside a 200 reply, as a stream's event or as its whole body."""
    facts = read_error(body)
    failure = _classify(facts, None)
    return UpstreamError(
        failure, facts.message, code=_code(facts, failure), param=facts.param, extra=facts.extra
    )


def _classify(facts: ErrorFacts, status: int | None) -> Failure:
    if _error_code(facts) in _SPENT or status == 402:
        return Failure.QUOTA
    by_type = _BY_TYPE.get(facts.type or "")
    if status is None and by_type is None:
        return failure_for(None, facts.code, facts.type, facts.message)
    failure = failure_for(status, facts.code, facts.type, facts.message)
    if status is None and by_type is not None:
        failure = by_type
    if failure is not Failure.BAD_REQUEST:
        return failure
    if _NO_MONEY.search(facts.message):
        return Failure.QUOTA
    return Failure.CONTEXT_LENGTH if _TOO_LONG.search(facts.message) else failure


def _error_code(facts: ErrorFacts) -> str | None:
    details = (facts.extra or {}).get("details")
    code = details.get("error_code") if isinstance(details, Mapping) else None
    return code if isinstance(code, str) else None


def _code(facts: ErrorFacts, failure: Failure) -> str | None:
    if facts.type == "request_too_large":
        return "request_too_large"
    return _error_code(facts) or facts.code or _CODES.get(failure)
