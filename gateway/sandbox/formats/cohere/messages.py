"""The messages of a chat request: their shapes, their order, and what the model sees of them."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.sandbox.formats.cohere.parameters import sees
from gateway.sandbox.formats.cohere.refusals import refuse
from gateway.sandbox.formats.cohere.rules import (
    anything,
    check_members,
    demand,
    is_array,
    is_object,
    is_string,
    one_of,
)
from gateway.sandbox.formats.cohere.tools import check_name
from gateway.sandbox.media import sniff_type
from gateway.sandbox.prompt import Media, ToolResult, Turn

_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "system": ("role", "content"),
    "user": ("role", "content"),
    "assistant": ("role", "content", "tool_calls", "tool_plan", "citations"),
    "tool": ("role", "content", "tool_call_id"),
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    "system": ("text",),
    "user": ("text", "image_url"),
    "assistant": ("text", "thinking"),
    "tool": ("text", "document"),
}
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")


class Reading:
    """Reads the messages in order; afterwards `turns`, `system` and `parts` hold what was said.

    `parts` are (role, text) or (role, media) pairs in prompt order, for counting.
    """

    def __init__(self, model: str) -> None:
        self.turns: list[Turn] = []
        self.system: list[str] = []
        self.parts: list[tuple[str, str | Media]] = []
        self._model = model
        self._names: dict[str, str] = {}  # of all calls so far: id to name
        self._owed: set[str] = set()

    def read_all(self, messages: list[Any]) -> None:
        """Read a conversation. Raises Refused."""
        for message in messages:
            self._read_one(message)
        self._demand_answers()

    def _read_one(self, message: Any) -> None:
        is_object(message, "messages")
        role = demand(message, "role", "messages", one_of(*_MEMBERS))
        check_members(message, _MEMBERS[role])
        if role == "system" and self.turns:
            raise refuse("system turn must be the first in the list")
        if role != "tool":
            self._demand_answers()
        texts, media = self._read_content(message, role)
        if role in ("user", "system") and not media and not "".join(texts).strip():
            raise refuse("message must not be empty in a turn")
        self.parts += [(role, text) for text in texts]
        self.parts += [(role, one) for one in media]
        match role:
            case "system":
                self.system += texts
            case "user":
                self.turns.append(Turn("user", texts, media))
            case "assistant":
                self._read_assistant(message, texts)
            case _:
                self._read_result(message, "".join(texts))

    def _demand_answers(self) -> None:
        if self._owed:
            raise refuse("invalid request: every tool call must be followed by its tool message")

    def _read_assistant(self, message: Mapping[str, Any], texts: tuple[str, ...]) -> None:
        plan, calls = message.get("tool_plan"), message.get("tool_calls")
        if plan is not None:
            is_string(plan, "messages.tool_plan")
            self.parts.append(("assistant", plan))
        if calls is not None:
            is_array(calls, "messages.tool_calls")
        for call in calls or ():
            identity, name, arguments = _read_call(call)
            if identity in self._names:
                raise refuse("cannot have duplicate tool ids")
            self._names[identity] = name
            self._owed.add(identity)
            self.parts.append(("assistant", name + arguments))
        if not calls and not "".join(texts).strip():
            raise refuse("message must not be empty in a turn")
        self.turns.append(Turn("assistant", texts))

    def _read_result(self, message: Mapping[str, Any], text: str) -> None:
        identity = message.get("tool_call_id")
        if not identity:
            raise refuse("tool call id must be provided with tool message")
        is_string(identity, "messages.tool_call_id")
        if identity not in self._names:
            raise refuse("tool call id not found in previous tool calls")
        self._owed.discard(identity)
        result = ToolResult(self._names[identity], text, identity)
        before = self.turns[-1]
        if before.results:
            self.turns[-1] = Turn("user", results=(*before.results, result))
        else:
            self.turns.append(Turn("user", results=(result,)))

    def _read_content(
        self, message: Mapping[str, Any], role: str
    ) -> tuple[tuple[str, ...], tuple[Media, ...]]:
        content = message.get("content")
        if content is None and role == "assistant":
            return (), ()
        if isinstance(content, str):
            return ((content,) if content else ()), ()
        is_array(content, "messages.content")
        read = [self._read_part(part, role) for part in content or ()]
        texts = tuple(part for part in read if isinstance(part, str))
        return texts, tuple(part for part in read if isinstance(part, Media))

    def _read_part(self, part: Any, role: str) -> str | Media:
        is_object(part, "messages.content")
        kind = demand(part, "type", "messages.content", one_of(*_PARTS[role]))
        check_members(part, ("type", kind))
        held = demand(part, kind, "messages.content", anything)
        if kind in ("text", "thinking"):
            is_string(held, f"messages.content.{kind}")
            return str(held)
        is_object(held, f"messages.content.{kind}")
        if kind == "document":
            return read_document(held)
        if not sees(self._model):
            raise refuse("invalid request: images are not supported by the provided model.")
        check_members(held, ("url", "detail"))
        if held.get("detail") is not None:
            one_of("auto", "low", "high")(held["detail"], "messages.content.image_url.detail")
        return _read_image(demand(held, "url", "messages.content.image_url", is_string))


def _read_call(call: Any) -> tuple[str, str, str]:
    """Return a call's id, name and arguments."""
    path = "messages.tool_calls"
    is_object(call, path)
    check_members(call, ("id", "type", "function"))
    identity = demand(call, "id", path, is_string)
    if call.get("type") != "function":
        raise refuse("tool call must be of type function")
    function = demand(call, "function", path, is_object)
    check_members(function, ("name", "arguments"))
    name = demand(function, "name", f"{path}.function", is_string)
    check_name(name)
    arguments = demand(function, "arguments", f"{path}.function", is_string)
    if not _is_json_object(arguments):
        raise refuse("invalid request: tool call arguments must be a JSON object")
    return identity, name, arguments


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text or "{}"), dict)
    except orjson.JSONDecodeError:
        return False


def read_document(value: Any) -> str:
    """Return the text of a document: a string, or an object with an id and data. Raises Refused."""
    if isinstance(value, str):
        return value
    is_object(value, "documents")
    check_members(value, ("id", "data"))
    if value.get("id") is not None:
        is_string(value["id"], "documents.id")
    data = value.get("data")
    if isinstance(data, str):
        return data
    is_object(data, "documents.data")
    if not data:
        raise refuse("invalid request: document at index 0 cannot be empty")
    return orjson.dumps(data).decode()


def _read_image(url: str) -> Media:
    if url.startswith(("http://", "https://")):
        return Media("image", "", place=url)
    head, comma, text = url.partition(";base64,")
    if not comma or not head.startswith("data:"):
        raise refuse("invalid request: image url must be a web address or a base64 data URL")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise refuse("invalid request: image could not be decoded") from broken
    found = sniff_type(data)
    if found not in _IMAGES:
        raise refuse("invalid request: unsupported image format")
    return Media("image", found or "", data)
