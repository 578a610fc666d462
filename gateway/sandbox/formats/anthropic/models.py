"""The models Anthropic's list shows here, and the dated names its answers carry."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from gateway.sandbox.formats.anthropic.families import family_of
from gateway.sandbox.scenes import PREFIX, SCENES

DATED: Mapping[str, str] = {
    "claude-3-7-sonnet-latest": "claude-3-7-sonnet-20250219",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-1": "claude-opus-4-1-20250805",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
    "claude-sonnet-4-0": "claude-sonnet-4-20250514",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
"""What a model's alias stands for: replies name the dated model."""

_UNDATED = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-8", "claude-sonnet-5")
_PAGE = 20
_MAX_PAGE = 1000


def list_models(query: str) -> dict[str, Any]:
    """Return a page of the model list; `limit`, `after_id` and `before_id` move it."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    names = [f"{PREFIX}{name}" for name in SCENES if "<" not in name]
    names += [*_UNDATED, *DATED.values()]
    size = int(asked["limit"]) if asked.get("limit", "").isdecimal() else _PAGE
    size = min(max(size, 1), _MAX_PAGE)
    if asked.get("before_id") in names:
        end = names.index(asked["before_id"])
        shown, more = names[max(0, end - size) : end], end > size
    else:
        start = names.index(asked["after_id"]) + 1 if asked.get("after_id") in names else 0
        shown, more = names[start : start + size], start + size < len(names)
    return {
        "data": [describe(name) for name in shown],
        "has_more": more,
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def describe(name: str) -> dict[str, Any]:
    """Return the row of one model."""
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2025-09-29T00:00:00Z",
        "max_input_tokens": 200_000,
        "max_tokens": family_of(name).max_output or 64_000,
    }
