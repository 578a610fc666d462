"""Members of Google's own that a client may set at the top of a chat request.

They are taken in Google's spelling and in snake case, at the top level and inside `google`, where
Google's own compatible API has them (as `extra_body: {"google": {…}}`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.types.chat import ChatRequest

# Where each goes: beside `contents`, or into `generationConfig` (API references, 2026-11).
_OF_BODY = (
    "cachedContent",
    "continuationToken",
    "labels",
    "modelArmorConfig",
    "safetySettings",
)
_OF_CONFIG = (
    "audioTimestamp",
    "enableAffectiveDialog",
    "enableEnhancedCivicAnswers",
    "imageConfig",
    "mediaResolution",
    "modelSelectionConfig",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "responseJsonSchema",
    "routingConfig",
    "speechConfig",
    "thinkingConfig",
)
_WHOLE = ("generationConfig", "toolConfig")  # merged with ours, member by member
_CAPITAL = re.compile(r"[A-Z]")


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


_SPELLINGS: Mapping[str, str] = {
    spelling: name
    for name in (*_OF_BODY, *_OF_CONFIG, *_WHOLE)
    for spelling in (name, _snake(name))
}
EXTENSIONS = (*_SPELLINGS, "google", "extra_body")


class Extensions:
    """What a request says in Google's own words; every part of it goes before ours."""

    def __init__(self, chat: ChatRequest) -> None:
        told = dict(_told(chat))
        self.body = {name: told[name] for name in _OF_BODY if name in told}
        whole = told.get("generationConfig")
        single = {name: told[name] for name in _OF_CONFIG if name in told}
        self.config = {**(_camel(whole) if isinstance(whole, Mapping) else {}), **single}
        tools = told.get("toolConfig")
        self.tool_config = _camel(tools) if isinstance(tools, Mapping) else {}


def _told(chat: ChatRequest) -> Iterator[tuple[str, Any]]:
    nested = chat.extra.get("extra_body")
    inner = nested.get("google") if isinstance(nested, Mapping) else None
    for source in (inner, chat.extra.get("google"), chat.extra):
        for spelling, value in source.items() if isinstance(source, Mapping) else ():
            if spelling in _SPELLINGS:
                yield _SPELLINGS[spelling], value


def _camel(members: Mapping[str, Any]) -> dict[str, Any]:
    """Respell the members of an object of ours, so that none is written twice."""
    return {re.sub(r"_([a-z])", lambda f: f[1].upper(), name): v for name, v in members.items()}
