"""The models Gemini's list shows here."""

from typing import Any
from urllib.parse import parse_qs

from gateway.sandbox.formats.google.embeddings import is_embedder
from gateway.sandbox.formats.google.families import DATED, family_of
from gateway.sandbox.formats.google.refusals import refuse
from gateway.sandbox.scenes import PREFIX, SCENES

_NAMES = (
    "gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro",
    "gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-3.6-flash", *DATED,
    "gemini-embedding-001", "gemini-embedding-2",
)  # fmt: skip
_PAGE = 50
_MAX_PAGE = 1000


def list_models(query: str) -> dict[str, Any]:
    """Return a page of the model list; `pageSize` and `pageToken` move it. Raises Refused."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    names = [f"{PREFIX}{name}" for name in SCENES if "<" not in name] + list(_NAMES)
    wanted = asked.get("pageSize", "")
    size = min(int(wanted), _MAX_PAGE) if wanted.isdecimal() and int(wanted) else _PAGE
    token = asked.get("pageToken", "0")
    if not token.isdecimal() or int(token) > len(names):
        raise refuse("Invalid page token.")
    start = int(token)
    page: dict[str, Any] = {"models": [describe(name) for name in names[start : start + size]]}
    if start + size < len(names):
        page["nextPageToken"] = str(start + size)
    return page


def describe(name: str) -> dict[str, Any]:
    """Return the row of one model."""
    row: dict[str, Any] = {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "description": "A model of the sandbox.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
    }
    if is_embedder(name):
        return {
            **row,
            "inputTokenLimit": 2048,
            "outputTokenLimit": 1,
            "supportedGenerationMethods": ["embedContent", "countTokens"],
        }
    return {
        **row,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": family_of(name).budgets is not None,
    }
