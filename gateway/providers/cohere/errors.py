"""Cohere's errors: `{"id", "message", "error_type"?}`, without a code for most of them.

So the status counts, and the text where a status has two meanings: a 429 that says "/ month" does
not pass, a 498 is a refused token or a refused prompt (error reference and recorded, 2026-11).
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

_TOO_LONG = re.compile(r"^too many tokens\b", re.IGNORECASE)
_SPENT = re.compile(r"/ ?month|per month|monthly|billing limit", re.IGNORECASE)
_BLOCKED = re.compile(r"\bblocked (?:output|input)\b|usage guidelines|unsafe", re.IGNORECASE)
_CODES: Mapping[Failure, str] = {
    Failure.CONTEXT_LENGTH: "context_length_exceeded",
    Failure.NOT_FOUND: "model_not_found",
    Failure.QUOTA: "insufficient_quota",
}


def parse_error(head: ReplyHead, body: bytes, now: float) -> UpstreamError:
    """Read a non-2xx reply; what is no JSON tells its status only."""
    facts = read_error_body(body, head.status)
    failure = _classify(facts, head.status)
    return upstream_error(head, replace(facts, code=_code(facts, failure)), now, failure)


def error_in_reply(body: Mapping[str, Any]) -> UpstreamError:
    """Read an error that came inside a 200 reply, as an event or as its whole body."""
    facts = read_error(body)
    failure = _classify(facts, None)
    return UpstreamError(failure, facts.message, code=_code(facts, failure), extra=facts.extra)


def _classify(facts: ErrorFacts, status: int | None) -> Failure:
    word = _error_type(facts)
    if status in (None, 400, 413, 422) and (
        word == "TOO_MANY_TOKENS" or _TOO_LONG.search(facts.message)
    ):
        return Failure.CONTEXT_LENGTH
    if status in (None, 400, 422, 498) and _BLOCKED.search(facts.message):
        return Failure.CONTENT_FILTER
    if status in (402, 429) and _SPENT.search(facts.message):
        return Failure.QUOTA
    match status:
        case 498:
            return Failure.KEY_REJECTED
        case 499:  # Cohere's side has hung up
            return Failure.SERVER
        case _:
            return failure_for(status, facts.code, facts.type, facts.message)


def _error_type(facts: ErrorFacts) -> str | None:
    word = (facts.body or {}).get("error_type")
    return word if isinstance(word, str) else None


def _code(facts: ErrorFacts, failure: Failure) -> str | None:
    word = _error_type(facts)
    return facts.code or _CODES.get(failure) or (word.lower() if word else None)
