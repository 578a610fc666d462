"""Cache points: where a model takes them, and no more than it takes.

"Prompt caching" page of the Bedrock user guide, 2026-11: Claude takes four, over tools, system and
messages; Nova takes four, but none in tools. On Nova a point in a message with tool blocks is
refused (langchain-aws at 0434c7f).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.providers.bedrock.families import MAX_CACHE_POINTS, Family
from gateway.providers.bedrock.media import Block
from gateway.providers.bedrock.native import REASONING
from gateway.providers.bedrock.parts import CACHE_POINT

_TOOL_BLOCKS = ("toolResult", "toolUse")
# A point behind another covers nothing new; behind thinking it is refused.
_NEVER_BEHIND = (CACHE_POINT, REASONING)
# A point right behind one of these is refused by some models; recorded clients put text between.
_KEEPS_DISTANCE = ("document", "video")
_BETWEEN = "\n"


def settle_cache_points(
    tools: list[Block],
    system: list[Block],
    messages: Iterable[Mapping[str, Any]],
    family: Family,
) -> None:
    """Remove the points that the model would refuse; of too many the earliest, which cover least.

    Changes the lists in place.
    """
    contents: list[list[Block]] = [message["content"] for message in messages]
    for blocks in (tools, system, *contents):
        _tidy(blocks, family)
    if not family.tool_cache_points:
        _remove(tools)
        for blocks in contents:
            if any(name in block for block in blocks for name in _TOOL_BLOCKS):
                _remove(blocks)
    if not family.cache_points:
        for blocks in (tools, system, *contents):
            _remove(blocks)
    _limit((tools, system, *contents))
    _shorten_late_hours((tools, system, *contents))
    for blocks in contents:
        _keep_distance(blocks)


def _tidy(blocks: list[Block], family: Family) -> None:
    """Drop points with nothing new before them, and lifetimes the model does not offer."""
    kept: list[Block] = []
    for block in blocks:
        if CACHE_POINT not in block:
            kept.append(block)
        elif kept and not any(name in kept[-1] for name in _NEVER_BEHIND):
            point = dict(block[CACHE_POINT])
            if not family.long_cache:
                point.pop("ttl", None)
            kept.append({CACHE_POINT: point})
    blocks[:] = kept


def _remove(blocks: list[Block]) -> None:
    blocks[:] = [block for block in blocks if CACHE_POINT not in block]


def _limit(lists: tuple[list[Block], ...]) -> None:
    count = sum(CACHE_POINT in block for blocks in lists for block in blocks)
    for blocks in lists:
        for block in list(blocks):
            if count > MAX_CACHE_POINTS and CACHE_POINT in block:
                blocks[:] = [other for other in blocks if other is not block]
                count -= 1


def _shorten_late_hours(lists: tuple[list[Block], ...]) -> None:
    """Let points of an hour be followed by shorter ones only: the other order is refused."""
    has_short = False
    for block in (block for blocks in lists for block in blocks if CACHE_POINT in block):
        is_hour = block[CACHE_POINT].get("ttl") == "1h"
        if has_short and is_hour:
            del block[CACHE_POINT]["ttl"]
        has_short = has_short or not is_hour


def _keep_distance(blocks: list[Block]) -> None:
    for place in range(len(blocks) - 1, 0, -1):
        before = blocks[place - 1]
        if CACHE_POINT in blocks[place] and any(name in before for name in _KEEPS_DISTANCE):
            blocks.insert(place, {"text": _BETWEEN})
