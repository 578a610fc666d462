"""Turns the content of an OpenAI-shaped message or delta into events, whatever its dialect.

The events of one choice are made by one `ChoiceReader`, which remembers what a stream has said:
roles, tool calls by index and id, and members that vendors repeat in every chunk.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.types import events as ev
from gateway.types.json import JsonObject

_KNOWN = frozenset(
    {
        "annotations",
        "audio",
        "channel",  # Groq: says that reasoning follows, beside `reasoning` itself
        "content",
        "function_call",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "refusal",
        "role",
        "tool_calls",
    }
)
_CALL = frozenset({"id", "index", "type", "function", "custom"})


class _Call:
    """A tool call of a stream: its number among the choice's calls, and whether it was announced."""

    def __init__(self, number: int, call_id: str) -> None:
        self.number = number
        self.id = call_id
        self.started = False
        self.held = ""  # arguments that came before the name


class ChoiceReader:
    """Reads the deltas (or the one message) of a choice."""

    def __init__(self, choice: int, reply_id: str) -> None:
        self.choice = choice
        self.finished = False
        self.role_seen = False
        self.calls: list[_Call] = []
        self.reply_id = reply_id
        self._by_index: dict[int, _Call] = {}
        self._told: JsonObject = {}
        self._open: list[_Call] = []
        self._parts: list[JsonObject] = []

    @property
    def call_count(self) -> int:
        """How many tool calls the choice has made so far."""
        return len(self.calls)

    def note_call(self, index: int, call_id: str) -> None:
        """Take note of a call that was passed on unread."""
        call = _Call(len(self.calls), call_id)
        call.started = True
        self.calls.append(call)
        self._by_index[index] = call

    def knows_call(self, index: int) -> bool:
        """Whether a call with this index has begun."""
        return index in self._by_index

    def read(self, message: Mapping[str, Any], *, whole: bool) -> Iterator[ev.Event]:
        """Yield the events of a delta, or of a `whole` message."""
        yield from self._reasoning(message)
        yield from self._content(message.get("content"))
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            yield ev.Refusal(self.choice, refusal)
        yield from self._calls(message, whole=whole)
        for annotation in _dicts(message.get("annotations")):
            yield ev.Annotation(self.choice, annotation)
        audio = message.get("audio")
        if isinstance(audio, dict) and any(
            audio.get(name) for name in ("id", "data", "transcript")
        ):
            yield ev.Audio(self.choice, audio)
        yield from self._unknown(message)

    def end(self) -> Iterator[ev.Event]:
        """Yield what is due when the choice is complete: ends of calls, parts of unknown kinds."""
        for call in self._open:
            yield ev.ToolEnd(self.choice, call.number)
        self._open.clear()
        if self._parts:
            yield ev.Extra(self.choice, {"content_parts": self._parts})
            self._parts = []

    def _reasoning(self, message: Mapping[str, Any]) -> Iterator[ev.Event]:
        details = list(_dicts(message.get("reasoning_details")))
        text = message.get("reasoning_content") or message.get("reasoning")
        if not isinstance(text, str):
            pieces = (detail.get("text") or detail.get("summary") for detail in details)
            text = "".join(piece for piece in pieces if isinstance(piece, str))
        if text:
            yield ev.Reasoning(self.choice, text)
        for detail in details:
            yield ev.ReasoningOpaque(self.choice, detail)

    def _content(self, content: Any) -> Iterator[ev.Event]:
        if isinstance(content, str):
            if content:
                yield ev.Text(self.choice, content)
        elif isinstance(content, list):
            for part in content:
                yield from self._part(part)
        elif (
            content is not None
        ):  # Cloudflare's JSON mode answers with the object itself (recorded)
            yield ev.Text(self.choice, orjson.dumps(content).decode())

    def _part(self, part: Any) -> Iterator[ev.Event]:
        """Read a part of listed content: Mistral's thinking, Databricks' reasoning, plain text."""
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(part, str):
            yield ev.Text(self.choice, part)
        elif kind == "text" and isinstance(part.get("text"), str):
            yield ev.Text(self.choice, part["text"])
        elif kind in ("thinking", "reasoning"):
            text = _joined(part.get("thinking") or part.get("summary") or part.get("text"))
            if text:
                yield ev.Reasoning(self.choice, text)
        elif isinstance(part, dict):
            self._parts.append(part)

    def _calls(self, message: Mapping[str, Any], *, whole: bool) -> Iterator[ev.Event]:
        for node in _dicts(message.get("tool_calls")):
            yield from self._call(node, whole=whole)
        legacy = message.get("function_call")
        if isinstance(legacy, dict) and (legacy.get("name") or legacy.get("arguments")):
            yield from self._call({"index": 0, "function": legacy}, whole=False)

    def _call(self, node: JsonObject, *, whole: bool) -> Iterator[ev.Event]:
        custom = node.get("type") == "custom"
        inner = node.get("custom" if custom else "function")
        inner = inner if isinstance(inner, dict) else {}
        name = inner.get("name")
        call = self._match(node, name, whole=whole)
        text = call.held + _arguments(inner.get("input" if custom else "arguments"))
        call.held = ""
        if not call.started:
            if not isinstance(name, str) or not name:
                call.held = text
                return
            call.started = True
            self._open.append(call)
            extra = {key: v for key, v in node.items() if key not in _CALL and v is not None}
            yield ev.ToolStart(self.choice, call.number, call.id, name, custom=custom, extra=extra)
        if text:
            yield ev.ToolArgs(self.choice, call.number, text)

    def _match(self, node: JsonObject, name: object, *, whole: bool) -> _Call:
        """Find the call that a fragment belongs to, or begin a new one.

        Some servers leave out the index, or number every call 0: then a new id begins a new call.
        """
        index = node.get("index")
        call_id = node.get("id")
        call_id = call_id if isinstance(call_id, str) and call_id else None
        known: _Call | None = None
        if whole:
            pass
        elif isinstance(index, int):
            known = self._by_index.get(index)
        elif call_id is not None:
            known = next((call for call in self.calls if call.id == call_id), None)
        elif not name and self.calls:
            known = self.calls[-1]
        if known is not None and (call_id in (None, known.id) or not known.started):
            return known
        call = _Call(len(self.calls), call_id or self._made_id(len(self.calls)))
        self.calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        return call

    def _made_id(self, number: int) -> str:
        """Make an id for a call that has none: the same for the same reply, unlike any other's."""
        seed = f"{self.reply_id}/{self.choice}/{number}".encode()
        return f"call_{hashlib.sha256(seed).hexdigest()[:24]}"

    def _unknown(self, message: Mapping[str, Any]) -> Iterator[ev.Event]:
        news = {
            name: value
            for name, value in message.items()
            if name not in _KNOWN and value is not None and self._told.get(name) != value
        }
        if news:
            self._told |= news
            yield ev.Extra(self.choice, news)


def _dicts(value: Any) -> Iterator[JsonObject]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def _joined(value: Any) -> str:
    """Return the text of a string, or of a list of parts that have one."""
    if isinstance(value, str):
        return value
    texts = (item.get("text") for item in _dicts(value))
    return "".join(text for text in texts if isinstance(text, str))


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
