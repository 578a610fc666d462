"""What OpenAI's message has no place for: a reply's own parts, given out and taken back whole.

Code that ran at Google, the calls and results of its own tools, and text after a call cannot be put
back from text, calls and `reasoning_details`. A reply that holds any of these carries, in the
message member `provider_content`, `{"format": "gemini", "content": [parts]}`. A client that sends
the message back with it gets exactly these parts sent.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.google.media import Part
from gateway.providers.google.parts import texts
from gateway.providers.google.signatures import FORMAT, SIGNATURE
from gateway.types.chat import Message, ToolCall

NATIVE_CONTENT = "provider_content"


class NativeContent:
    """Collects a reply's parts and notices when the standard members cannot hold them."""

    def __init__(self) -> None:
        self._content: list[Part] = []
        self._pieces: list[str] = []  # of a plain text that may go on
        self._is_needed = False
        self._has_calls = False

    def add(self, part: Part) -> None:
        """Take the next part.

        Unsigned thoughts and empty texts say nothing to the model; pictures and sound have members
        of their own, and to repeat megabytes would be worse than to lose their place.
        """
        if part.keys() == {"text"}:
            if part["text"]:
                self._pieces.append(part["text"])
                self._is_needed = self._is_needed or self._has_calls
            return
        says_nothing = part.get("thought") or part.get("text") == ""
        if (says_nothing and SIGNATURE not in part) or "inlineData" in part:
            return
        if "functionCall" in part:
            self._has_calls = True
        elif "text" not in part or (part["text"] and self._has_calls):
            self._is_needed = True
        self._end_text()
        self._content.append(part)

    @property
    def member(self) -> dict[str, Any] | None:
        """Return the member to give out, None where the standard members say it all."""
        if not self._is_needed:
            return None
        self._end_text()
        return {"format": FORMAT, "content": self._content}

    def _end_text(self) -> None:
        if self._pieces:
            self._content.append({"text": "".join(self._pieces)})
            self._pieces = []


def read_native(message: Message, index: int) -> list[Part] | None:
    """Return a reply's own parts where the client sent them back and left the message as it was."""
    member = message.extra.get(NATIVE_CONTENT)
    if not isinstance(member, Mapping) or member.get("format") != FORMAT:
        return None
    content = member.get("content")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return None
    spoken = "".join(_text(part) for part in content if not part.get("thought"))
    made = [_made(part["functionCall"]) for part in content if "functionCall" in part]
    calls = [(call.id, _arguments(call)) for call in message.tool_calls]
    if spoken != "".join(texts(message, index)) or made != calls:
        return None
    return [dict(part) for part in content]


def _text(part: Part) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _made(call: object) -> tuple[Any, Any]:
    return (call.get("id"), call.get("args") or {}) if isinstance(call, dict) else (None, None)


def _arguments(call: ToolCall) -> Any:
    if call.custom:
        return {CUSTOM_INPUT: call.arguments}
    try:
        return orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        return None
