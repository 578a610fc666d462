"""Reading members of a provider's JSON without trusting their shape."""

from typing import Any

import orjson

from gateway.types.json import JsonObject


def as_object(value: object) -> JsonObject:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return a JSON array; an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a string; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def as_index(value: object) -> int:
    """Return the index of a block; -1 for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def parsed_object(text: str) -> JsonObject:
    """Parse JSON text and return its object; an empty one for anything else, cut text included."""
    try:
        return as_object(orjson.loads(text))
    except orjson.JSONDecodeError:
        return {}
