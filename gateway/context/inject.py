"""Puts the context block into a conversation, and a cache breakpoint on it where one is free. Pure.

The block follows the client's *leading* system messages, so that everything the client sends in
front of it keeps its bytes, and with them its place in a provider's prompt cache. It speaks in the
role of the client's own system messages: a model takes `system` or `developer`.

Breakpoints. Providers with marked caches take a fixed number (`Placement.breakpoints`) and count
them over tools, system and messages, the automatic top-level `cache_control` included. The block
gets one only while the client's leave one free, so nothing of the client's is ever removed for it.
Longer lifetimes must stand before shorter ones (platform.claude.com, "Prompt caching", "Mixing
different TTLs", 2026-11). The block stands between what is in front of it and what is behind:

- a client's marker of an hour behind it: the block's is of an hour too. In a valid request every
  marker in front then is of an hour as well, so the order holds;
- otherwise the block's has the short default, which may follow anything;
- a shorter one in front and an hour behind is an order that the provider refuses: the block stays
  unmarked, and the client hears of its own mistake only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from msgspec.structs import replace

from gateway.providers.base import Placement
from gateway.types.chat import (
    CacheMarker,
    ChatRequest,
    Message,
    Part,
    Role,
    Text,
    Tool,
    UnknownPart,
    leading_system_count,
)
from gateway.types.context import BreakpointPolicy

_HOUR = "1h"
_SHORT = "5m"  # what a marker without a lifetime means
_GAP = "\n\n"
_INDEX = re.compile(r"messages(?P<before>\.?\[|\.)(?P<index>\d+)")


def inject(
    chat: ChatRequest,
    text: str,
    placement: Placement,
    policy: BreakpointPolicy = BreakpointPolicy.CLIENT,
) -> ChatRequest:
    """Return the request with the block behind the client's leading system messages.

    An empty `text` changes nothing. Where the target takes one system message only
    (`placement.joined`) and the client sent exactly one, the block continues that one; a client
    that sends several knows that its target takes them.
    """
    if not text:
        return chat
    place = leading_system_count(chat.messages)
    if placement.joined and place == 1:
        return replace(chat, messages=(_continued(chat.messages[0], text), *chat.messages[1:]))
    role = chat.messages[place - 1].role if place else Role.SYSTEM
    marker = _marker(chat, place, placement.breakpoints, policy)
    # A marker on a part is understood everywhere; one on a message only by some.
    message = Message(role, text if marker is None else (Text(text, marker),))
    return replace(chat, messages=(*chat.messages[:place], message, *chat.messages[place:]))


def client_path(path: str, client: ChatRequest, sent: ChatRequest) -> str:
    """Return a path into the request that was sent as the client counts its messages.

    `path` may be of any error: a provider module's `messages[3].content`, or an upstream's
    `messages.3.content`. The block itself is the client's `messages` as a whole.
    """
    added = len(sent.messages) - len(client.messages)
    found = _INDEX.match(path)
    if found is None or added == 0:
        return path
    place, index = leading_system_count(client.messages), int(found["index"])
    if index < place:
        return path
    if index < place + added:
        return "messages"
    return f"messages{found['before']}{index - added}{path[found.end() :]}"


def _continued(message: Message, text: str) -> Message:
    """Let the block continue a message, in that message's own spelling."""
    content = message.content or ""
    if isinstance(content, str):
        return replace(message, content=f"{content}{_GAP}{text}" if content else text)
    return replace(message, content=(*content, Text(f"{_GAP}{text}")))


def _marker(
    chat: ChatRequest, place: int, most: int, policy: BreakpointPolicy
) -> CacheMarker | None:
    """Return the block's breakpoint, None where it gets none."""
    if policy is BreakpointPolicy.NEVER or most < 1:
        return None
    in_front = list(chain(_of_tools(chat.tools), _of_messages(chat.messages[:place])))
    behind = [*_of_messages(chat.messages[place:]), *_automatic(chat)]
    count = len(in_front) + len(behind)
    if count >= most or (count == 0 and policy is BreakpointPolicy.CLIENT):
        return None
    if _HOUR not in behind:
        return CacheMarker()
    return CacheMarker(_HOUR) if all(ttl == _HOUR for ttl in in_front) else None


def _automatic(chat: ChatRequest) -> Iterator[str]:
    """Yield the lifetime of the breakpoint that Anthropic sets at the end of the conversation."""
    marker = chat.extra.get("cache_control")
    if marker is not None:
        yield _lifetime(marker)


def _of_tools(tools: Iterable[Tool]) -> Iterator[str]:
    for tool in tools:
        if tool.cache is not None and "cache_control" not in tool.raw:
            yield tool.cache.ttl or _SHORT
        yield from _of_raw(tool.raw)


def _of_messages(messages: Iterable[Message]) -> Iterator[str]:
    """Yield the lifetime of every marker, also of those that only some providers look at."""
    for message in messages:
        if message.cache is not None:
            yield message.cache.ttl or _SHORT
        if isinstance(message.content, tuple):
            for part in message.content:
                yield from _of_part(part)
        for call in message.tool_calls:
            yield from _of_raw(call.extra)
        yield from _of_raw(message.extra)


def _of_part(part: Part) -> Iterator[str]:
    if isinstance(part, UnknownPart):
        yield from _of_raw(part.raw)
        return
    marker = getattr(part, "cache", None)
    if marker is not None:
        yield marker.ttl or _SHORT


def _of_raw(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lifetime of every marker in JSON that we pass on unread, however deep it stands.

    Without recursion: clients choose the depth.
    """
    waiting: list[Any] = [node] if node else []
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, Mapping):
            if _is_ephemeral(inner.get("cache_control")):
                yield _lifetime(inner["cache_control"])
            if isinstance(inner.get("cachePoint"), Mapping):
                yield _lifetime(inner["cachePoint"])
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner


def _is_ephemeral(marker: object) -> bool:
    """Whether this is a marker, and no property of a tool's schema that has its name."""
    return isinstance(marker, Mapping) and marker.get("type", "ephemeral") == "ephemeral"


def _lifetime(marker: object) -> str:
    """Return a marker's lifetime; anything odd counts as short, and is the provider's to refuse."""
    ttl = marker.get("ttl") if isinstance(marker, Mapping) else None
    return _HOUR if ttl == _HOUR else _SHORT
