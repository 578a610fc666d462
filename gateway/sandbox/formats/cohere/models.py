"""The models Cohere's list shows here."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from gateway.sandbox.formats.cohere.parameters import is_thinking_model, sees
from gateway.sandbox.formats.cohere.refusals import CONTEXT_WINDOW
from gateway.sandbox.scenes import PREFIX, SCENES

_CHATTERS = (
    "command-a-plus-05-2026",
    "command-a-03-2025",
    "command-a-reasoning-08-2025",
    "command-a-vision-07-2025",
    "command-r7b-12-2024",
    "command-r-08-2024",
    "command-r-plus-08-2024",
)
EMBEDDERS: Mapping[str, int] = {
    "embed-v4.0": 1536,
    "embed-english-v3.0": 1024,
    "embed-multilingual-v3.0": 1024,
    "embed-english-light-v3.0": 384,
}
"""Embedding models, with the dimensions of their vectors."""

_PAGE = 20
_MAX_PAGE = 1000


def list_models(query: str) -> dict[str, Any]:
    """Return a page of the model list; `endpoint`, `page_size` and `page_token` narrow it."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    names = [f"{PREFIX}{name}" for name in SCENES if "<" not in name]
    rows = [describe(name) for name in (*names, *_CHATTERS, *EMBEDDERS)]
    endpoint = asked.get("endpoint")
    rows = [row for row in rows if endpoint in (None, *row["endpoints"])]
    size = int(asked["page_size"]) if asked.get("page_size", "").isdecimal() else _PAGE
    size = min(max(size, 1), _MAX_PAGE)
    token = asked.get("page_token", "")
    start = int(token) if token.isdecimal() else 0
    page: dict[str, Any] = {"models": rows[start : start + size]}
    if start + size < len(rows):
        page["next_page_token"] = str(start + size)
    return page


def describe(name: str) -> dict[str, Any]:
    """Return the row of one model."""
    embeds = name in EMBEDDERS
    features = ["json_mode", "json_schema", "safety_modes", "strict_tools", "tools"]
    features += ["vision"] if sees(name) else []
    features += ["reasoning"] if is_thinking_model(name) else []
    return {
        "name": name,
        "is_deprecated": False,
        "endpoints": ["embed", "classify"] if embeds else ["generate", "chat"],
        "finetuned": False,
        "context_length": 128_000 if embeds else CONTEXT_WINDOW,
        "tokenizer_url": "",
        "default_endpoints": [],
        "features": None if embeds else features,
    }
