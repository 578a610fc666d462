"""The sources that a reference in an answer points to.

Mistral cites by the ids under which a tool's result lists its sources: a JSON object of objects
that have a `url` ("Citations and references" page, 2026-11).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.types.chat import ChatRequest, Message, Role

_MAX_RESULT = 4 * 1024 * 1024  # characters of a result that are worth parsing


class Sources:
    """The sources listed in a conversation's tool results; read only when an answer cites.

    `may_be_cited`: there are results, or tools of Mistral's own that find sources.
    """

    def __init__(self, chat: ChatRequest) -> None:
        self.may_be_cited = any(message.role is Role.TOOL for message in chat.messages) or any(
            tool.kind != "function" for tool in chat.tools
        )
        self._messages = chat.messages
        self._known: dict[str, tuple[str, str]] | None = None

    def named_by(self, part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield address and title of each source that a chunk names and that is known."""
        own = _source(part)
        if own is not None:  # `tool_reference`: a page that a tool on Mistral's side has read
            yield own
        if self._known is None:
            self._known = dict(_listed(self._messages))
        ids = part.get("reference_ids")
        for reference in ids if isinstance(ids, list) else ():
            source = self._known.get(str(reference))
            if source is not None:
                yield source


def _listed(messages: tuple[Message, ...]) -> Iterator[tuple[str, tuple[str, str]]]:
    for message in messages:
        if message.role is not Role.TOOL or not isinstance(message.content, str):
            continue
        for reference, about in _object(message.content).items():
            source = _source(about)
            if source is not None:
                yield reference, source


def _source(about: Any) -> tuple[str, str] | None:
    if not isinstance(about, Mapping):
        return None
    url, title = about.get("url"), about.get("title")
    if not isinstance(url, str) or not url:
        return None
    return url, title if isinstance(title, str) and title else url


def _object(text: str) -> dict[str, Any]:
    if len(text) > _MAX_RESULT:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
