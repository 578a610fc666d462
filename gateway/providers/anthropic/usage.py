"""Token counts: Anthropic's running totals in our disjoint buckets."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from gateway.types import events as ev
from gateway.types.usage import Usage

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_NESTED = ("cache_creation", "output_tokens_details", "server_tool_use")
# What a reply says of how it was served, where that has its own price (platform.claude.com/docs/en/
# about-claude/pricing, 2026-11): fast mode, inference in the US only, bought capacity.
_SERVICES = (("speed", "fast"), ("inference_geo", "us"), ("service_tier", "priority"))
_OTHER_MODEL = "another_model"  # an adviser, charged beside what is counted here
_ABSURD = 1_000_000_000  # no reply has that many tokens


class UsageTotals:
    """The counts of one reply, as far as they are known.

    The counts in `message_delta` repeat and correct those of `message_start`: each field overwrites
    its older value, null overwrites nothing, and nothing is added up.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._iterations: list[Any] = []
        self._service: dict[str, str] = {}
        self._is_impossible = False

    def update(self, usage: object) -> None:
        """Take a `usage` object."""
        if not isinstance(usage, Mapping):
            return
        self._overwrite(usage, _COUNTS, "")
        for name in _NESTED:
            inner = usage.get(name)
            if isinstance(inner, Mapping):
                self._overwrite(inner, tuple(inner), f"{name}.")
        self._service |= {
            name: word for name, word in _SERVICES if str(usage.get(name)).lower() == word
        }
        iterations = usage.get("iterations")
        if isinstance(iterations, list):
            self._iterations = iterations
            if any(isinstance(entry, Mapping) and entry.get("model") for entry in iterations):
                self._service["iterations"] = _OTHER_MODEL

    @property
    def usage(self) -> Usage:
        """Return the counts as disjoint buckets, the requests of compaction included.

        A `compaction` iteration is a request of its own that the totals leave out (SDK types,
        `BetaUsage.iterations`, 2026-11); iterations of other kinds are part of them, or belong to
        another model.
        """
        buckets = _buckets(self._counts)
        for iteration in self._iterations:
            if isinstance(iteration, Mapping) and iteration.get("type") == "compaction":
                extra = UsageTotals()
                extra.update({**iteration, "iterations": None})
                buckets = _sum(buckets, extra.usage)
        return buckets

    def events(self) -> list[ev.Event]:
        """Return everything that a price depends on; nothing where the counts cannot be true."""
        if self._is_impossible or not self._counts.keys() >= {"input_tokens", "output_tokens"}:
            return []
        service = "+".join(self._service.values()) or None
        searches = self._counts.get("server_tool_use.web_search_requests", 0)
        return [ev.Usage(self.usage, service=service, searches=searches)]

    @property
    def server_tools(self) -> dict[str, int]:
        """Return how often tools on the provider's side ran; they cost extra."""
        prefix = "server_tool_use."
        return {
            name.removeprefix(prefix): count
            for name, count in self._counts.items()
            if name.startswith(prefix) and count
        }

    def _overwrite(self, source: Mapping[str, Any], names: tuple[str, ...], prefix: str) -> None:
        for name in names:
            count = source.get(name)
            if _is_count(count):
                self._counts[prefix + name] = int(count)
            elif count is not None and not prefix:
                self._is_impossible = True


def _is_count(value: Any) -> TypeGuard[int | float]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= _ABSURD


def _buckets(counts: Mapping[str, int]) -> Usage:
    short = counts.get("cache_creation.ephemeral_5m_input_tokens", 0)
    long = counts.get("cache_creation.ephemeral_1h_input_tokens", 0)
    written = counts.get("cache_creation_input_tokens", short + long)
    # The split comes once, at the start; the total may grow afterwards.
    long = written if long and not short else min(long, written)
    output = counts.get("output_tokens", 0)
    thought = min(counts.get("output_tokens_details.thinking_tokens", 0), output)
    return Usage(
        input=counts.get("input_tokens", 0),
        cache_read=counts.get("cache_read_input_tokens", 0),
        cache_write=written - long,
        cache_write_1h=long,
        output=output - thought,
        reasoning=thought,
    )


def _sum(left: Usage, right: Usage) -> Usage:
    return Usage(
        **{name: getattr(left, name) + getattr(right, name) for name in Usage.__struct_fields__}
    )
