"""The messages of a chat request: their order, the pairing of calls and results, and what is said.

The rules are those of the vendor's own open validator (mistral-common) for the models that are
served; their shapes have been checked before (`parameters.check_parameters`).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import orjson

from gateway.sandbox.formats.mistral.refusals import CALL, INVALID, ORDER, refuse
from gateway.sandbox.media import sniff_type
from gateway.sandbox.prompt import Media, ToolResult, Turn

_FOLLOWERS: Mapping[str, tuple[str, ...]] = {
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("assistant", "user", "tool"),
    "tool": ("assistant", "tool"),
}
_CHUNKS: Mapping[str, tuple[str, ...]] = {
    "system": ("text", "thinking"),
    "user": ("text", "image_url", "document_url", "reference", "file", "input_audio"),
    "assistant": ("text", "thinking", "reference"),
    "tool": ("text", "reference", "image_url", "document_url"),
}
# Newer models let a user speak right after a tool: seen answered with 200 in August 2026.
_LENIENT = ("mistral-small-latest", "mistral-small-26")
_ID = re.compile(r"[a-zA-Z0-9]{9}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_STRUCTURE = (INVALID, None)


class Reading:
    """Reads the messages in order; afterwards `turns`, `system` and `parts` hold what was said.

    `parts` are (role, text) or (role, media) pairs in prompt order, for counting.
    """

    def __init__(self, model: str) -> None:
        self.turns: list[Turn] = []
        self.system: list[str] = []
        self.parts: list[tuple[str, str | Media]] = []
        self._lenient = model.startswith(_LENIENT)
        self._calls: dict[str, str] = {}  # of the last assistant message: id to name
        self._answered: set[str] = set()

    def read_all(self, messages: list[dict[str, Any]]) -> None:
        """Read a conversation. Raises Refused."""
        self._check_order(messages)
        for at, message in enumerate(messages):
            self._read_one(message, last=at + 1 == len(messages))
        self._demand_answers()

    def _check_order(self, messages: list[dict[str, Any]]) -> None:
        if not messages:
            raise refuse("Conversation must have at least one message", ORDER)
        roles = [message["role"] for message in messages]
        if roles[0] == "tool" or roles == ["assistant"]:
            raise refuse("Conversation must start with a user message or system message", ORDER)
        if len(roles) > 1 and roles[-1] not in ("user", "tool") and not messages[-1].get("prefix"):
            raise refuse(
                "Expected last role User or Tool (or Assistant with prefix True) for serving but "
                f"got {roles[-1]}",
                ORDER,
            )
        for before, role in pairwise(roles):
            allowed = _FOLLOWERS[before] + (("user",) if self._lenient else ())
            if role not in allowed:
                raise refuse(f"Unexpected role '{role}' after role '{before}'", ORDER)

    def _demand_answers(self) -> None:
        if len(self._answered) < len(self._calls):
            raise refuse("Not the same number of function calls and responses", ORDER)

    def _read_one(self, message: dict[str, Any], *, last: bool) -> None:
        role = message["role"]
        read = [_read_chunk(one, role) for one in _chunks(message.get("content"))]
        texts = tuple(part for part in read if isinstance(part, str))
        media = tuple(part for part in read if isinstance(part, Media))
        self.parts += [(role, text) for text in texts]
        self.parts += [(role, one) for one in media]
        match role:
            case "system":
                self.system += texts
            case "user":
                self.turns.append(Turn("user", texts, media))
            case "assistant":
                self._read_assistant(message, texts, last=last)
            case _:
                self._read_result(message, "".join(texts), media)

    def _read_assistant(
        self, message: dict[str, Any], texts: tuple[str, ...], *, last: bool
    ) -> None:
        calls = message.get("tool_calls") or ()
        self._demand_answers()
        if not calls and not message.get("content"):
            raise refuse("Assistant message must have either content or tool_calls.", _STRUCTURE)
        if message.get("prefix") and not last:
            raise refuse("Assistant message with prefix True must be last message", _STRUCTURE)
        self._calls, self._answered = {}, set()
        for call in calls:
            identity, name = call.get("id", "null"), call["function"]["name"]
            _check_call(identity, name)
            if identity in self._calls:
                raise refuse(f"Duplicate tool call id {identity} in assistant message", ORDER)
            self._calls[identity] = name
            self.parts.append(("assistant", name + _compact(call["function"]["arguments"])))
        self.turns.append(Turn("assistant", texts))

    def _read_result(self, message: dict[str, Any], text: str, media: tuple[Media, ...]) -> None:
        identity = message.get("tool_call_id")
        if identity is None:
            raise refuse("Tool call id has to be defined.", CALL)
        _check_call(identity, message.get("name") or "unnamed")
        if identity in self._answered:
            raise refuse(f"Duplicate tool call id {identity} in tool results", ORDER)
        if identity not in self._calls:
            raise refuse(f"Unexpected tool call id {identity} in tool results", ORDER)
        self._answered.add(identity)
        result = ToolResult(self._calls[identity], text, identity)
        before = self.turns[-1]
        if before.results:
            self.turns[-1] = Turn(
                "user", media=(*before.media, *media), results=(*before.results, result)
            )
        else:
            self.turns.append(Turn("user", media=media, results=(result,)))


def _chunks(content: Any) -> list[dict[str, Any]]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(content)


def _check_call(identity: str, name: str) -> None:
    if not _ID.fullmatch(identity):
        raise refuse(
            f"Tool call id was {identity} but must be a-z, A-Z, 0-9, with a length of 9.", CALL
        )
    if not _NAME.fullmatch(name):
        raise refuse(
            f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and "
            "dashes, with a maximum length of 64.",
            CALL,
        )


def _read_chunk(chunk: dict[str, Any], role: str) -> str | Media:
    kind = chunk["type"]
    if kind not in _CHUNKS[role]:
        raise refuse(f"Unexpected content chunk types in {role} message: ['{kind}']", _STRUCTURE)
    match kind:
        case "text":
            return str(chunk["text"])
        case "thinking":
            return "".join(part.get("text", "") for part in chunk["thinking"])
        case "reference":
            return _compact(chunk.get("reference_ids"))
        case _:
            return _read_media(chunk, kind)


def _read_media(chunk: dict[str, Any], kind: str) -> Media:
    if kind == "file":
        return Media("document", "", place=chunk["file_id"])
    held = chunk[kind]
    if kind == "input_audio":
        return _read_audio(held if isinstance(held, str) else str(held.get("data", "")))
    place = held if isinstance(held, str) else held["url"]
    return _read_place(place, "image" if kind == "image_url" else "document")


def _read_place(url: str, kind: str) -> Media:
    """Return the picture or document at a place, or in a `data:` URL."""
    if url.startswith(("http://", "https://")):
        return Media(kind, "", place=url)
    head, comma, text = url.partition(";base64,")
    if not comma or not head.startswith("data:"):
        raise refuse(f"{kind.capitalize()} url is neither a web address nor a base64 data URL.")
    data = _decode(text, kind)
    found = sniff_type(data)
    if kind == "image" and found not in _IMAGES:
        raise refuse("Image could not be loaded as a valid image.")
    return Media(kind, found or head[5:].partition(";")[0], data)


def _read_audio(text: str) -> Media:
    if text.startswith(("http://", "https://")):
        return Media("audio", "", place=text)
    return Media("audio", "audio/wav", _decode(text, "audio"))


def _decode(text: str, kind: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise refuse(f"Failed to decode {kind}: invalid base64.") from broken


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
