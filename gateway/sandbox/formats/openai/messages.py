"""The messages of a chat request: their shapes, their order, and what the model sees of them."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.openai.refusals import refuse
from gateway.sandbox.formats.openai.rules import (
    check_members,
    is_object,
    is_string,
    one_of,
    refuse_missing,
    refuse_type,
    refuse_value,
)
from gateway.sandbox.media import sniff_type
from gateway.sandbox.prompt import Media, ToolResult, Turn

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_MEMBERS: Mapping[str, frozenset[str]] = {
    "system": frozenset(("role", "content", "name")),
    "developer": frozenset(("role", "content", "name")),
    "user": frozenset(("role", "content", "name")),
    "function": frozenset(("role", "content", "name")),
    "tool": frozenset(("role", "content", "name", "tool_call_id")),
    "assistant": frozenset((
        "role", "content", "name", "refusal", "audio", "tool_calls", "function_call", "annotations",
    )),
}  # fmt: skip
_CONTENT: Mapping[str, tuple[str, ...]] = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text", "image_url"),
}
_PART: Mapping[str, frozenset[str]] = {
    "text": frozenset(("type", "text", "prompt_cache_breakpoint")),
    "refusal": frozenset(("type", "refusal")),
    "image_url": frozenset(("type", "image_url", "prompt_cache_breakpoint")),
    "input_audio": frozenset(("type", "input_audio", "prompt_cache_breakpoint")),
    "file": frozenset(("type", "file", "prompt_cache_breakpoint")),
}
_CALL = frozenset(("id", "type", "function", "custom"))
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_NO_SYSTEM = ("o1-mini", "o1-preview")


class Reading:
    """Reads the messages in order; afterwards `turns`, `system` and `parts` hold what was said.

    `parts` are (role, text) or (role, media) pairs in prompt order, for counting.
    """

    def __init__(self, model: str) -> None:
        self.turns: list[Turn] = []
        self.system: list[str] = []
        self.parts: list[tuple[str, str | Media]] = []
        self._model = model
        self._pending: dict[str, str] = {}  # calls not yet answered: id to name
        self._calls: dict[str, str] = {}  # calls of the last assistant message
        self._asked_at = 0

    def read_all(self, messages: list[dict[str, Any]]) -> None:
        """Read a conversation. Raises Refused."""
        for at, message in enumerate(messages):
            self._read_one(message, at)
        self._demand_answers(self._asked_at)

    def _read_one(self, message: dict[str, Any], at: int) -> None:
        path = f"messages[{at}]"
        role = message.get("role")
        if role is None:
            raise refuse_missing(f"{path}.role")
        if role not in ROLES:
            raise refuse_value(f"{path}.role", role, ROLES)
        check_members(message, _MEMBERS[role], path)
        if role == "system" and self._model.startswith(_NO_SYSTEM):
            text = f"Unsupported value: '{path}.role' does not support 'system' with this model."
            raise refuse(text, f"{path}.role", "unsupported_value")
        if role not in ("tool", "function"):
            self._demand_answers(at)
        texts, media = self._read_content(message, role, path)
        self.parts += [(role, text) for text in texts]
        self.parts += [(role, one) for one in media]
        if role in ("system", "developer"):
            self.system += texts
        elif role in ("tool", "function"):
            self._read_result(message, texts, at)
        elif role == "assistant":
            self._read_calls(message, path, at)
            self.turns.append(Turn("assistant", texts))
        else:
            self.turns.append(Turn("user", texts, media))

    def _demand_answers(self, at: int) -> None:
        if self._pending:
            text = (
                "An assistant message with 'tool_calls' must be followed by tool messages "
                "responding to each 'tool_call_id'. The following tool_call_ids did not have "
                f"response messages: {', '.join(self._pending)}"
            )
            raise refuse(text, f"messages.[{at}].role")

    def _read_result(self, message: dict[str, Any], texts: tuple[str, ...], at: int) -> None:
        name = str(message.get("name", ""))
        if message["role"] == "tool":
            answered = message.get("tool_call_id")
            if answered is None:
                raise refuse_missing(f"messages[{at}].tool_call_id")
            is_string(answered, f"messages[{at}].tool_call_id")
            if not self._calls:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
                raise refuse(text, f"messages.[{at}].role")
            if answered not in self._calls:
                text = (
                    f"Invalid parameter: 'tool_call_id' of '{answered}' not found in 'tool_calls' "
                    "of previous message."
                )
                raise refuse(text, f"messages.[{at}].tool_call_id")
            self._pending.pop(answered, None)
            name = self._calls[answered]
        result = ToolResult(name, "".join(texts))
        before = self.turns[-1] if self.turns else None
        if before is not None and before.results:
            self.turns[-1] = Turn("user", results=(*before.results, result))
        else:
            self.turns.append(Turn("user", results=(result,)))

    def _read_calls(self, message: dict[str, Any], path: str, at: int) -> None:
        calls = message.get("tool_calls")
        self._calls, self._asked_at = {}, at
        if calls is not None and not isinstance(calls, list):
            raise refuse_type(f"{path}.tool_calls", "an array of objects", calls)
        if calls == []:
            text = (
                f"Invalid '{path}.tool_calls': empty array. Expected an array with minimum "
                "length 1, but got an empty array instead."
            )
            raise refuse(text, f"{path}.tool_calls", "empty_array")
        for number, call in enumerate(calls or ()):
            name, arguments = _read_call(call, f"{path}.tool_calls[{number}]")
            self._calls[call["id"]] = name
            self.parts.append(("assistant", f"{name}{arguments}"))
        self._pending = dict(self._calls)
        legacy = message.get("function_call")
        if legacy:
            is_object(legacy, f"{path}.function_call")
            self.parts.append(("assistant", f"{legacy.get('name')}{legacy.get('arguments')}"))

    def _read_content(
        self, message: dict[str, Any], role: str, path: str
    ) -> tuple[tuple[str, ...], tuple[Media, ...]]:
        content = message.get("content")
        if isinstance(content, str):
            return (content,), ()
        if content is None:
            called = role == "assistant" and (
                message.get("tool_calls") or message.get("function_call") or message.get("refusal")
            )
            if not called and not message.get("audio"):
                text = "Invalid value for 'content': expected a string, got null."
                raise refuse(text, f"{path.replace('[', '.[')}.content")
            refusal = message.get("refusal")
            return ((refusal,) if isinstance(refusal, str) else ()), ()
        if not isinstance(content, list):
            raise refuse_type(f"{path}.content", "one of a string or array of objects", content)
        read = [
            self._read_part(part, role, path, f"{path}.content[{at}]")
            for at, part in enumerate(content)
        ]
        texts = tuple(part for part in read if isinstance(part, str))
        return texts, tuple(part for part in read if isinstance(part, Media))

    def _read_part(self, part: Any, role: str, message_path: str, path: str) -> str | Media:
        is_object(part, path)
        kind = part.get("type")
        allowed = _CONTENT.get(role, ("text",))
        if kind is None:
            raise refuse_missing(f"{path}.type")
        deaf = kind == "input_audio" and not ("audio" in self._model or "sandbox" in self._model)
        if (role == "tool" and kind not in allowed) or deaf:
            text = (
                f"Invalid '{message_path}'. Content blocks are expected to be either text or "
                "image_url type."
            )
            raise refuse(text, message_path, "invalid_value")
        if kind not in allowed:
            raise refuse_value(f"{path}.type", kind, allowed)
        check_members(part, _PART[kind], path)
        if part.get(kind) is None:
            raise refuse_missing(f"{path}.{kind}")
        if kind in ("text", "refusal"):
            is_string(part[kind], f"{path}.{kind}")
            return str(part[kind])
        is_object(part[kind], f"{path}.{kind}")
        return _read_media(kind, part[kind], f"{path}.{kind}")


def _read_call(call: Any, path: str) -> tuple[str, str]:
    """Return a call's name and arguments."""
    is_object(call, path)
    check_members(call, _CALL, path)
    for name in ("id", "type"):
        if call.get(name) is None:
            raise refuse_missing(f"{path}.{name}")
        is_string(call[name], f"{path}.{name}")
    kind = call["type"]
    one_of("function", "custom")(kind, f"{path}.type")
    inner = call.get(kind)
    if inner is None:
        raise refuse_missing(f"{path}.{kind}")
    is_object(inner, f"{path}.{kind}")
    text = "arguments" if kind == "function" else "input"
    check_members(inner, frozenset(("name", text)), f"{path}.{kind}")
    for name in ("name", text):
        if inner.get(name) is None:
            raise refuse_missing(f"{path}.{kind}.{name}")
        is_string(inner[name], f"{path}.{kind}.{name}")
    return inner["name"], inner[text]


def _read_media(kind: str, holder: dict[str, Any], path: str) -> Media:
    if kind == "image_url":
        check_members(holder, frozenset(("url", "detail")), path)
        return _read_image(holder, path)
    if kind == "input_audio":
        check_members(holder, frozenset(("data", "format")), path)
        one_of("wav", "mp3")(holder.get("format"), f"{path}.format")
        return Media("audio", f"audio/{holder['format']}", decode_base64(holder.get("data"), path))
    check_members(holder, frozenset(("file_data", "file_id", "filename")), path)
    if holder.get("file_id") is not None:
        return Media("document", "", place=str(holder["file_id"]))
    media_type, data = split_data_url(holder.get("file_data"), f"{path}.file_data")
    return Media("document", media_type, data)


def _read_image(holder: dict[str, Any], path: str) -> Media:
    url = holder.get("url")
    is_string(url, f"{path}.url")
    if holder.get("detail") is not None:
        one_of("auto", "low", "high", "original")(holder["detail"], f"{path}.detail")
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return Media("image", "", place=url)
    _, data = split_data_url(url, f"{path}.url")
    found = sniff_type(data)
    if found not in _IMAGES:
        text = (
            "You uploaded an unsupported image. Please make sure your image has of one the "
            "following formats: ['png', 'jpeg', 'gif', 'webp']."
        )
        raise refuse(text, None, "invalid_image_format")
    return Media("image", found or "", data)


def split_data_url(url: Any, path: str) -> tuple[str, bytes]:
    """Return the media type and bytes of a `data:` URL. Raises Refused."""
    if not isinstance(url, str) or not url.startswith("data:") or ";base64," not in url:
        text = f"Invalid '{path}'. Expected a base64-encoded data URL with a MIME type."
        raise refuse(text, path, "invalid_value")
    head, _, data = url.partition(";base64,")
    return head[5:].partition(";")[0], decode_base64(data, path)


def decode_base64(data: Any, path: str) -> bytes:
    """Return the bytes of base64 text. Raises Refused."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError, TypeError) as broken:
        raise refuse(
            f"Invalid '{path}'. Expected valid base64 data.", path, "invalid_value"
        ) from broken
