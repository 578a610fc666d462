"""Reads `usage` in OpenAI's shape and its dialects into disjoint buckets.

Facts (recorded traffic and vendor documents, 2026-11): cached tokens are inside `prompt_tokens`,
reasoning tokens inside `completion_tokens`; xAI may leave reasoning out of `completion_tokens`,
which its total gives away; DeepSeek names hits and misses; Hugging Face and Together put
`cached_tokens` at the top; Databricks uses Anthropic's names and null until the end.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.providers.openai.charges import Charge
from gateway.types import events as ev
from gateway.types.usage import Usage

_ABSURD = 1_000_000_000  # no reply has that many tokens


class _Counts(Struct, frozen=True):
    """The plain numbers of a `usage` object, each None where it is absent."""

    prompt: int
    completion: int
    total: int | None
    cached: int
    written: int
    audio_in: int
    reasoning: int
    audio_out: int


class _Impossible(Exception):
    """A number that cannot be a count of tokens."""


def read_usage(raw: object, charge: Charge | None = None) -> ev.Usage | None:
    """Return the usage of a reply, None where there is none or it cannot be true.

    A negative, fractional, textual or absurdly large number makes the whole object worthless: the
    caller estimates instead. `charge` reads what the vendor says it charged. A detail that is larger than its whole is ignored (Grok on Azure
    counts a hidden prefix as cached). `raw` is kept on the event where clients can use it as it is.
    """
    if not isinstance(raw, Mapping):
        return None
    try:
        counts = _read_counts(raw)
    except _Impossible:
        return None
    if counts is None:
        return None
    apart = counts.total == counts.prompt + counts.completion + counts.reasoning
    apart = apart and counts.reasoning > 0
    as_is = counts.total == counts.prompt + counts.completion and not apart
    charged = charge(raw) if charge is not None else None
    usage = _buckets(counts, reasoning_apart=apart)
    return ev.Usage(usage, raw if as_is else None, cost_nano=charged)


def _read_counts(raw: Mapping[str, Any]) -> _Counts | None:
    prompt = _count(raw, "prompt_tokens")
    completion = _count(raw, "completion_tokens")
    if prompt is None or completion is None:
        return None
    into = _details(raw, "prompt_tokens_details")
    out = _details(raw, "completion_tokens_details")
    return _Counts(
        prompt,
        completion,
        _count(raw, "total_tokens"),
        _first(
            _count(into, "cached_tokens"),
            _count(raw, "prompt_cache_hit_tokens"),
            _count(raw, "cached_tokens"),
            _count(raw, "cache_read_input_tokens"),
        ),
        _first(
            _count(into, "cache_write_tokens"),
            _count(raw, "cache_write_tokens"),
            _count(raw, "cache_creation_input_tokens"),
        ),
        _first(_count(into, "audio_tokens")),
        _first(_count(out, "reasoning_tokens"), _count(raw, "reasoning_tokens")),
        _first(_count(out, "audio_tokens")),
    )


def _buckets(counts: _Counts, *, reasoning_apart: bool) -> Usage:
    cached = counts.cached if counts.cached <= counts.prompt else 0
    rest = counts.prompt - cached
    written = counts.written if counts.written <= rest else 0
    rest -= written
    audio_in = min(counts.audio_in, rest)  # cached audio is counted as cached
    output, reasoning = counts.completion, counts.reasoning
    if not reasoning_apart:
        reasoning = reasoning if reasoning <= output else 0
        output -= reasoning
    audio_out = min(counts.audio_out, output)
    return Usage(
        input=rest - audio_in,
        cache_read=cached,
        cache_write=written,
        audio_input=audio_in,
        output=output - audio_out,
        reasoning=reasoning,
        audio_output=audio_out,
    )


def _details(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = raw.get(name)
    return details if isinstance(details, Mapping) else {}


def _first(*counts: int | None) -> int:
    return next((count for count in counts if count is not None), 0)


def _count(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= _ABSURD:
        raise _Impossible
    return value
