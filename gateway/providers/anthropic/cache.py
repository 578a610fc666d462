"""Cache breakpoints: at most four in a request, counted over tools, system and messages."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MAX_BREAKPOINTS = 4  # "Prompt caching" page, 2026-11


def limit_breakpoints(
    tools: Iterable[dict[str, Any]],
    system: Iterable[dict[str, Any]],
    messages: Iterable[Mapping[str, Any]],
    reserved: int = 0,
) -> None:
    """Remove the earliest breakpoints where there are too many; the last ones cover the most.

    `reserved` counts breakpoints elsewhere: the top-level `cache_control` sets one by itself.
    Changes the blocks in place.
    """
    marked = [block for block in _blocks(tools, system, messages) if "cache_control" in block]
    for block in marked[: max(0, len(marked) + reserved - MAX_BREAKPOINTS)]:
        del block["cache_control"]


def _blocks(
    tools: Iterable[dict[str, Any]],
    system: Iterable[dict[str, Any]],
    messages: Iterable[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Yield what can be marked, in the order in which the API caches it."""
    yield from tools
    yield from system
    for message in messages:
        yield from message["content"]
