"""Mistral's errors: `{"object": "error", "message", "type", "param", "code"}`, or a validator's list.

The list is `{"detail": [{"type", "loc", "msg"}]}`, by itself or in place of the message: it becomes
one sentence and the path of its first entry (error reference and recorded, 2026-11).
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.errors import (
    ErrorFacts,
    failure_for,
    read_error_body,
    truncate,
    upstream_error,
)
from gateway.types.upstream import ReplyHead

_MOST_FAULTS = 5
_NO_SUCH_MODEL = "invalid_model"


def parse_error(head: ReplyHead, body: bytes, now: float) -> UpstreamError:
    """Read a non-2xx reply; what is no JSON tells its status only."""
    facts = _flattened(read_error_body(body, head.status))
    return upstream_error(head, facts, now, _classify(facts, head))


def _classify(facts: ErrorFacts, head: ReplyHead) -> Failure:
    if facts.type == _NO_SUCH_MODEL:
        return Failure.NOT_FOUND
    failure = failure_for(head.status, facts.code, facts.type, facts.message)
    if failure is Failure.RATE_LIMITED and _is_month_spent(head.headers):
        return Failure.QUOTA
    return failure


def _is_month_spent(headers: Mapping[str, str]) -> bool:
    """Whether nothing is left of this month; the names vary by plan."""
    return any(
        name.startswith("x-ratelimit") and "remaining" in name and "month" in name and value == "0"
        for name, value in headers.items()
    )


def _flattened(facts: ErrorFacts) -> ErrorFacts:
    """Put a validator's list into words."""
    body = facts.body or {}
    message = body.get("message")
    listed = message.get("detail") if isinstance(message, dict) else body.get("detail")
    faults = [fault for fault in _list(listed) if isinstance(fault, dict)]
    if not faults:
        return facts
    said = "; ".join(_words(fault) for fault in faults[:_MOST_FAULTS])
    kind = faults[0].get("type")
    return replace(
        facts,
        message=truncate(said),
        code=facts.code or (kind if isinstance(kind, str) else None),
        param=facts.param or _path(faults[0]) or None,
    )


def _words(fault: Mapping[str, Any]) -> str:
    said = fault.get("msg")
    text = said if isinstance(said, str) and said else "is not valid"
    path = _path(fault)
    return f"{path}: {text}" if path else text


def _path(fault: Mapping[str, Any]) -> str:
    """Return `messages[1].content` for the place ["body", "messages", 1, "content"]."""
    steps = [step for step in _list(fault.get("loc")) if isinstance(step, str | int)]
    path = ""
    for step in steps[1:] if steps[:1] == ["body"] else steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
