"""The models Mistral's list shows here."""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.mistral.parameters import is_reasoning_model
from gateway.sandbox.formats.mistral.refusals import CONTEXT_WINDOW
from gateway.sandbox.scenes import PREFIX, SCENES

_CREATED = 1_767_220_877

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "mistral-large-2512": ("mistral-large-latest",),
    "mistral-medium-2508": ("mistral-medium-latest", "mistral-medium"),
    "mistral-small-2603": ("mistral-small-latest",),
    "magistral-medium-2509": ("magistral-medium-latest",),
    "devstral-2512": ("devstral-latest",),
    "codestral-2508": ("codestral-latest",),
    "pixtral-large-2411": ("pixtral-large-latest",),
}
EMBEDDERS: Mapping[str, int] = {"mistral-embed": 1024, "codestral-embed": 1536}
"""Embedding models, with the dimensions of their vectors."""


def list_models() -> list[dict[str, Any]]:
    """Return the rows of the model list: every name, aliases too."""
    names = [f"{PREFIX}{name}" for name in SCENES if "<" not in name]
    for name, others in _ALIASES.items():
        names += [name, *others]
    return [describe(name) for name in (*names, *EMBEDDERS)]


def describe(name: str) -> dict[str, Any]:
    """Return the row of one model."""
    embeds = name in EMBEDDERS
    family = next(
        ((one, *others) for one, others in _ALIASES.items() if name in (one, *others)), (name,)
    )
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": "mistralai",
        "capabilities": {
            "completion_chat": not embeds,
            "completion_fim": name.startswith("codestral-2"),
            "function_calling": not embeds,
            "fine_tuning": False,
            "vision": not embeds,
            "ocr": False,
            "classification": False,
            "moderation": False,
            "audio": False,
            "reasoning": is_reasoning_model(name),
        },
        "name": family[0],
        "description": "A simulated model.",
        "max_context_length": CONTEXT_WINDOW,
        "aliases": [other for other in family if other != name],
        "deprecation": None,
        "deprecation_replacement_model": None,
        "default_model_temperature": 0.3,
        "type": "base",
    }
