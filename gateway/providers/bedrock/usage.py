"""Token counts: Converse's `usage` in our disjoint buckets.

`inputTokens` leaves cached tokens out, and `totalTokens` counts all of them (recorded). Keys appear
twice under different names in some replies; those with the documented names count. How many of the
output tokens were reasoning is not told.
"""

from collections.abc import Mapping
from typing import Any

from gateway.providers.anthropic.lenient import as_list, as_object
from gateway.types.usage import Usage

_ABSURD = 1_000_000_000  # no reply has that many tokens


def read_usage(raw: object) -> Usage | None:
    """Read a `usage` object; None where there is none, or none that can be true."""
    if not isinstance(raw, Mapping):
        return None
    if not (_is_count(raw.get("inputTokens")) and _is_count(raw.get("outputTokens"))):
        return None
    written = _count(raw, "cacheWriteInputTokens")
    details = [as_object(detail) for detail in as_list(raw.get("cacheDetails"))]
    long = sum(_count(detail, "inputTokens") for detail in details if detail.get("ttl") == "1h")
    long = min(long, written)
    return Usage(
        input=_count(raw, "inputTokens"),
        cache_read=_count(raw, "cacheReadInputTokens"),
        cache_write=written - long,
        cache_write_1h=long,
        output=_count(raw, "outputTokens"),
    )


def server_tools(raw: object) -> dict[str, Any]:
    """Return how often tools on AWS's side ran; they cost extra."""
    usage = as_object(raw).get("serverToolUsage")
    return {name: count for name, count in as_object(usage).items() if count}


def _count(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    return int(value) if value is not None and _is_count(value) else 0


def _is_count(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= _ABSURD
