"""The models OpenAI's list shows here, and the dated names its answers carry."""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.scenes import PREFIX, SCENES

_CREATED = 1_700_000_000

DATED: Mapping[str, str] = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
}
"""What a model's alias stands for: replies name the dated model."""

EMBEDDERS: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""Embedding models, with the dimensions of their vectors."""


def list_models() -> list[dict[str, Any]]:
    """Return the rows of the model list."""
    scenes = [f"{PREFIX}{name}" for name in SCENES if "<" not in name]
    return [describe(name) for name in (*scenes, *DATED, *DATED.values(), *EMBEDDERS)]


def describe(name: str) -> dict[str, Any]:
    """Return the row of one model."""
    owner = "sandbox" if name.startswith(PREFIX) else "system"
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": owner}
