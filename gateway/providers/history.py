"""Mending a history for formats with strict rules of order.

There every call is followed by its one result, and system messages come first. Histories that were
cut, or began with another provider, break these rules: results are paired with their calls again,
and what has no legal place is retold as the user's words, marked for what it is.
"""

from collections.abc import Sequence

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.types.chat import Message
from gateway.types.json import JsonObject

SYSTEM_OPEN = "<system-message>\n"
SYSTEM_CLOSE = "\n</system-message>"

Content = str | list[JsonObject]
"""A text, or parts in the shape of `{"type": "text", "text": …}`."""


class WaitingCall(Struct, frozen=True):
    """A call that has no result yet; `path` is its place in the request."""

    client_id: str
    wire_id: str
    name: str
    path: str


def pair_results(
    calls: Sequence[WaitingCall], results: Sequence[Message]
) -> list[WaitingCall | None]:
    """Return the call that each result answers, None for a result of none.

    Pairs by id first, and in order where only the ids were lost. Raises InvalidRequest, naming the
    place, for a call without a result.
    """
    waiting = list(calls)
    found: list[WaitingCall | None] = []
    for result in results:
        call = next((call for call in waiting if call.client_id == result.tool_call_id), None)
        if call is not None:
            waiting.remove(call)
        found.append(call)
    if waiting and found.count(None) == len(waiting):  # only the ids were lost
        left = iter(waiting)
        return [next(left) if call is None else call for call in found]
    if waiting:
        raise InvalidRequest(
            f"The call of tool '{waiting[0].name[:64]}' has no tool message that answers it right "
            "after.",
            param=waiting[0].path,
        )
    return found


def as_system(content: Content) -> Content:
    """Mark what a system message says, so that it can be told from the user's own words."""
    return _wrapped(content, SYSTEM_OPEN, SYSTEM_CLOSE)


def as_result(result: Message, content: Content) -> Content:
    """Mark what a tool said, where no call waits for it."""
    call = f"tool call {result.tool_call_id or result.name or ''}".rstrip()
    return _wrapped(content, f"[Result of {call}]\n", "")


def _wrapped(content: Content, before: str, after: str) -> Content:
    if isinstance(content, str):
        return f"{before}{content}{after}"
    opening, *closing = [{"type": "text", "text": text} for text in (before, after) if text]
    return [opening, *content, *closing]
