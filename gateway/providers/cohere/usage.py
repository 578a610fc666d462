"""Token counts: what the model read and wrote, and what Cohere charges for.

Both come with every reply and differ widely: `tokens` count the hidden prompt around the client's
own words, `billed_units` do not (501 read, 6 billed). Cached tokens are part of those read;
reasoning tokens of those written; tokens of images stand beside the others (recorded, 2026).
"""

from collections.abc import Mapping
from typing import Any

from gateway.providers.embeddings import token_count
from gateway.types import events as ev
from gateway.types.usage import Usage

BILLED = "billed_units"


def read_usage(raw: object) -> ev.Usage | None:
    """Return the usage of a reply, None where it says nothing, or nothing that can be true."""
    if not isinstance(raw, Mapping):
        return None
    billed = _mapping(raw, BILLED)
    tokens = _mapping(raw, "tokens") or billed
    if token_count(tokens.get("input_tokens")) is None:
        return None
    if token_count(tokens.get("output_tokens", 0)) is None:
        return None
    read = _count(tokens, "input_tokens") + _count(tokens, "image_tokens")
    wrote = _count(tokens, "output_tokens")
    cached = min(_count(raw, "cached_tokens"), read)
    thought = min(_count(tokens, "reasoning_tokens"), wrote)
    usage = Usage(input=read - cached, cache_read=cached, output=wrote - thought, reasoning=thought)
    return ev.Usage(usage, billed=_billed(billed))


def _billed(units: Mapping[str, Any]) -> Usage | None:
    if token_count(units.get("input_tokens")) is None:
        return None
    return Usage(input=_count(units, "input_tokens"), output=_count(units, "output_tokens"))


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(raw: Mapping[str, Any], name: str) -> int:
    return token_count(raw.get(name)) or 0
