"""Token counts: Google's running totals in our disjoint buckets.

Facts (recorded): every chunk carries totals so far, not every chunk all of them;
`candidatesTokenCount` excludes thoughts, `promptTokenCount` includes what was cached and excludes
what tools at Google put before the model; total = prompt + tool use + candidates + thoughts.
"""

from collections.abc import Mapping
from typing import Any

from gateway.types.usage import Usage

_ABSURD = 1_000_000_000  # no reply has that many tokens
_COUNTS = frozenset(
    {
        "promptTokenCount",
        "toolUsePromptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
    }
)
_DETAILS = frozenset(
    {
        "promptTokensDetails",
        "toolUsePromptTokensDetails",
        "cacheTokensDetails",
        "candidatesTokensDetails",
    }
)
_AUDIO = ("AUDIO", 4)  # by name, or by number as some servers write enums
_TIERS: Mapping[str, str] = {
    "standard": "default",
    "priority": "priority",
    "flex": "flex",
    "ON_DEMAND": "default",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
}


class UsageTotals:
    """The counts of one reply, as far as they are known: each overwrites its older value."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._audio: dict[str, int] = {}
        self._is_impossible = False

    def update(self, usage: object) -> bool:
        """Take a `usageMetadata` object; whether there is something new, and all of it can be true."""
        if not isinstance(usage, Mapping):
            return False
        is_new = False
        for name, value in usage.items():
            if name in _COUNTS:
                known, count = self._counts, _count(value)
                self._is_impossible |= value is not None and count is None
            elif name in _DETAILS and isinstance(value, list):
                known, count = self._audio, _audio_tokens(value)
            else:
                continue
            if count is not None and known.get(name) != count:
                known[name] = count
                is_new = True
        return is_new and not self._is_impossible

    @property
    def usage(self) -> Usage:
        """Return the counts as disjoint buckets; a detail beyond its whole is cut to it."""
        counts, audio = self._counts.get, self._audio.get
        prompt = counts("promptTokenCount", 0)
        used = counts("toolUsePromptTokenCount", 0)
        cached = min(counts("cachedContentTokenCount", 0), prompt)
        cached_audio = min(audio("cacheTokensDetails", 0), cached)
        heard = audio("promptTokensDetails", 0) - cached_audio
        heard = max(heard, 0) + audio("toolUsePromptTokensDetails", 0)
        rest = prompt + used - cached
        heard = min(heard, rest)
        output = counts("candidatesTokenCount", 0)
        spoken = min(audio("candidatesTokensDetails", 0), output)
        return Usage(
            input=rest - heard,
            cache_read=cached - cached_audio,
            audio_input=heard,
            output=output - spoken,
            reasoning=counts("thoughtsTokenCount", 0),
            audio_output=spoken,
            audio_cache_read=cached_audio,
        )


def service_tier(usage: object) -> str | None:
    """Return OpenAI's word for the tier that served a request."""
    if not isinstance(usage, Mapping):
        return None
    told = usage.get("serviceTier") or usage.get("trafficType")
    return _TIERS.get(told) if isinstance(told, str) else None


def _audio_tokens(details: list[Any]) -> int:
    counts = (
        _count(detail.get("tokenCount"))
        for detail in details
        if isinstance(detail, Mapping) and detail.get("modality") in _AUDIO
    )
    return sum(count for count in counts if count is not None)


def _count(value: object) -> int | None:
    if type(value) is int:
        return value if 0 <= value <= _ABSURD else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)  # 64-bit numbers are strings in Google's JSON
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _ABSURD else None
