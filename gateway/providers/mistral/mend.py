"""What Mistral's replies say in words of their own, rewritten as OpenAI says it.

The shared parser reads most of the dialect, `thinking` chunks among it. Here is the rest: padding
(`p`), an older name for cached tokens, empty content beside tool calls, signatures of thoughts,
and references to sources (recorded traffic and SDK types, 2026).
"""

from collections.abc import Mapping
from typing import Any

from gateway.providers.mistral.messages import FORMAT
from gateway.providers.mistral.sources import Sources
from gateway.types.json import JsonObject

_PADDING = "p"
_OLD_CACHED = "num_cached_tokens"
_REFERENCES = ("reference", "tool_reference")
# A chunk without any of these has nothing to mend.
_TELLING = (b'"p":', b"num_cached_tokens", b"tool_calls", b'"content":[', b'"content": [')


class MistralMender:
    """Rewrites the chunks of one reply, or its one body."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._ends: dict[int, int] = {}  # characters of text so far, by choice
        self._starts: dict[int, int] = {}  # where the text began that the next reference is for

    def concerns(self, chunk: bytes) -> bool:
        """Whether a chunk may need mending; every one counts where the answer may cite."""
        return self._sources.may_be_cited or any(word in chunk for word in _TELLING)

    def mend(self, reply: JsonObject, *, whole: bool) -> bool:
        """Rewrite a chunk or body in place; say whether anything had to be."""
        del whole  # both are mended alike
        changed = reply.pop(_PADDING, None) is not None
        changed = _mend_usage(reply.get("usage")) or changed
        choices = reply.get("choices")
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                message = choice.get("delta") or choice.get("message")
                if isinstance(message, dict):
                    index = choice.get("index")
                    number = index if isinstance(index, int) else place
                    changed = self._mend_message(message, number) or changed
        return changed

    def _mend_message(self, message: JsonObject, choice: int) -> bool:
        content = message.get("content")
        if isinstance(content, str):
            self._grow(choice, content)
            if content or not message.get("tool_calls"):
                return False
            message["content"] = None
            return True
        if not isinstance(content, list):
            return False
        kept: list[Any] = []
        annotations: list[JsonObject] = []
        details: list[JsonObject] = []
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "text" and isinstance(part.get("text"), str):
                self._grow(choice, part["text"])
            elif kind == "thinking" and isinstance(part.get("signature"), str):
                signature = part["signature"]
                details.append({"type": "thinking", "signature": signature, "format": FORMAT})
            found = self._cite(part, choice) if kind in _REFERENCES else []
            annotations += found
            if not found:
                kept.append(part)
        message["content"] = kept
        if annotations:
            message["annotations"] = annotations
        if details:
            message["reasoning_details"] = details
        return bool(annotations or details)

    def _grow(self, choice: int, text: str) -> None:
        self._ends[choice] = self._ends.get(choice, 0) + len(text)

    def _cite(self, part: Mapping[str, Any], choice: int) -> list[JsonObject]:
        """Return the sources of a reference whose address is known; it follows what it supports."""
        start, end = self._starts.get(choice, 0), self._ends.get(choice, 0)
        found = [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": url,
                    "title": title,
                    "start_index": start,
                    "end_index": end,
                },
            }
            for url, title in self._sources.named_by(part)
        ]
        if found:
            self._starts[choice] = end
        return found


def _mend_usage(usage: Any) -> bool:
    if not isinstance(usage, dict) or _OLD_CACHED not in usage:
        return False
    cached = usage.pop(_OLD_CACHED)
    if not usage.get("prompt_tokens_details"):
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return True
