"""Writes messages and tools back in OpenAI's chat format."""

from collections.abc import Mapping
from typing import Any

from gateway.providers.openai.quirks import Quirks
from gateway.types.chat import (
    Audio,
    CacheMarker,
    Extra,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
)
from gateway.types.json import JsonObject

_NEVER_SENT = frozenset({"provider_specific_fields", "provider_content", "index"})


def message_body(message: Message, quirks: Quirks) -> JsonObject:
    """Return one message; extensions that this vendor does not know are left out."""
    role = message.role
    if role is Role.DEVELOPER and not quirks.developer_role:
        role = Role.SYSTEM
    body: JsonObject = {"role": role.value, **_content(message, quirks)}
    if message.name is not None:
        body["name"] = message.name
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["tool_calls"] = [_call_body(call, quirks) for call in message.tool_calls]
    if message.role is Role.ASSISTANT:
        body |= _reasoning(message, quirks)
    if message.cache is not None and quirks.cache_control:
        body["cache_control"] = _cache_body(message.cache)
    if message.extra:
        body |= _sendable(message.extra, quirks)
    return body


def tool_body(tool: Tool, quirks: Quirks) -> JsonObject:
    """Return one tool: a function from its parts, any other as the client wrote it."""
    if tool.kind != "function":
        body = {name: value for name, value in tool.raw.items() if name != "cache_control"}
    else:
        function: JsonObject = {"name": tool.name}
        if tool.description is not None:
            function["description"] = tool.description
        if tool.schema is not None:
            function["parameters"] = tool.schema
        if tool.strict is not None:
            function["strict"] = tool.strict
        body = {"type": "function", **tool.raw}
        body["function"] = {**function, **tool.raw.get("function", {})}
    if tool.cache is not None and quirks.cache_control:
        body["cache_control"] = _cache_body(tool.cache)
    return body


def _content(message: Message, quirks: Quirks) -> JsonObject:
    content = message.content
    if content is None or isinstance(content, str):
        return {"content": content}
    if len(content) == 1 and isinstance(content[0], Refusal) and not content[0].extra:
        return {"content": None, "refusal": content[0].text}
    return {"content": [_part_body(part, quirks) for part in content]}


def _part_body(part: Part, quirks: Quirks) -> Mapping[str, Any]:
    match part:
        case Text(text, cache, extra):
            return {"type": "text", "text": text, **extra, **_cached(cache, quirks)}
        case Image(url, detail, cache, extra):
            image = _only_set(url=url, detail=detail)
            return _with_object("image_url", image, extra, _cached(cache, quirks))
        case Audio(data, audio_format, cache, extra):
            audio = {"data": data, "format": audio_format}
            return _with_object("input_audio", audio, extra, _cached(cache, quirks))
        case File(data, file_id, filename, cache, extra):
            file = _only_set(file_data=data, file_id=file_id, filename=filename)
            return _with_object("file", file, extra, _cached(cache, quirks))
        case Refusal(text, extra):
            return {"type": "refusal", "refusal": text, **extra}
        case unknown:
            return unknown.raw


def _only_set(**members: str | None) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}


def _with_object(name: str, inner: JsonObject, extra: Extra, cached: JsonObject) -> JsonObject:
    body = {"type": name, **extra, **cached}
    body[name] = {**inner, **extra.get(name, {})}
    return body


def _cached(cache: CacheMarker | None, quirks: Quirks) -> JsonObject:
    if cache is None or not quirks.cache_control:
        return {}
    return {"cache_control": _cache_body(cache)}


def _cache_body(cache: CacheMarker) -> JsonObject:
    return {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}


def _call_body(call: ToolCall, quirks: Quirks) -> JsonObject:
    extra = _sendable(call.extra, quirks) if call.extra else {}
    if call.custom:
        custom = {"name": call.name, "input": call.arguments, **extra.pop("custom", {})}
        return {"id": call.id, "type": "custom", "custom": custom, **extra}
    function = {"name": call.name, "arguments": call.arguments, **extra.pop("function", {})}
    return {"id": call.id, "type": "function", "function": function, **extra}


def _reasoning(message: Message, quirks: Quirks) -> JsonObject:
    """Return earlier reasoning in the vendor's words; signatures never go to another vendor."""
    body: JsonObject = {}
    if message.reasoning_text is not None:
        body = dict.fromkeys(quirks.replay, message.reasoning_text)
    if quirks.replay_details:
        details = [
            block.raw
            for block in message.reasoning
            if str(block.raw.get("type", "")).startswith("reasoning.")
        ]
        if details:
            body["reasoning_details"] = details
    return body


def _sendable(extra: Extra, quirks: Quirks) -> JsonObject:
    return {
        name: value
        for name, value in extra.items()
        if name not in _NEVER_SENT and (name != "extra_content" or quirks.extra_content)
    }
