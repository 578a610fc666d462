"""The conversation: OpenAI's messages as Cohere's.

The roles are the same but for `developer`. Thoughts of earlier answers go back as a `thinking`
part, or as the `tool_plan` of a turn that calls tools, which is what models without thinking write.
Citations that came with an answer go back with it (v2 chat reference and SDK types, 2026-11).
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.types.chat import (
    ChatRequest,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    ToolCall,
    UnknownPart,
)
from gateway.types.json import JsonObject

CITATIONS = "citations"
TOOL_PLAN = "tool_plan"
_DETAILS = ("auto", "low", "high")


def build_messages(chat: ChatRequest, *, thinks: bool) -> list[JsonObject]:
    """Write the conversation. `thinks`: the model is known to think, so a plan is a thought.

    Raises InvalidRequest, naming the part, for what Cohere cannot take.
    """
    written = []
    for index, message in enumerate(chat.messages):
        body: JsonObject | None
        match message.role:
            case Role.ASSISTANT:
                body = _assistant(message, f"messages[{index}]", thinks=thinks)
            case Role.TOOL:
                body = {
                    "role": "tool",
                    "tool_call_id": message.tool_call_id,
                    "content": _content(message, index, _tool_part),
                }
            case Role.USER:
                body = {"role": "user", "content": _content(message, index, _user_part)}
            case Role.SYSTEM | Role.DEVELOPER:
                body = {"role": "system", "content": _content(message, index, _text_part)}
        if body is not None:
            written.append(body)
    return written


def _content(
    message: Message, index: int, write: Callable[[Part, str], JsonObject]
) -> str | list[JsonObject]:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return [
        write(part, f"messages[{index}].content[{place}]")
        for place, part in enumerate(message.content)
    ]


def _text_part(part: Part, path: str) -> JsonObject:
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case _:
            raise _unsupported(part, path)


def _user_part(part: Part, path: str) -> JsonObject:
    if not isinstance(part, Image):
        return _text_part(part, path)
    image = {"url": part.url}
    if part.detail in _DETAILS:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


def _tool_part(part: Part, path: str) -> JsonObject:
    if isinstance(part, UnknownPart) and part.raw.get("type") == "document":
        return dict(part.raw)  # Cohere's own part: what it cites is told by its id
    return _text_part(part, path)


def _assistant(message: Message, path: str, *, thinks: bool) -> JsonObject | None:
    """Write an answer; None for one that said nothing, which the API refuses."""
    body: JsonObject = {"role": "assistant"}
    plan = _plan(message, thinks=thinks)
    content = _answer(message, path, thought=None if plan else message.reasoning_text)
    if content:
        body["content"] = content
    if message.tool_calls:
        body["tool_calls"] = [_call(call) for call in message.tool_calls]
        if plan:
            body[TOOL_PLAN] = plan
    elif not content:
        return None
    citations = message.extra.get(CITATIONS)
    if isinstance(citations, list) and citations:
        body[CITATIONS] = citations
    return body


def _plan(message: Message, *, thinks: bool) -> str | None:
    """Return the plan of a turn that calls tools; None where there is none, or it is a thought."""
    if not message.tool_calls:
        return None
    own = message.extra.get(TOOL_PLAN)
    if isinstance(own, str):
        return own
    return None if thinks else message.reasoning_text


def _answer(message: Message, path: str, *, thought: str | None) -> str | list[JsonObject]:
    """Return the content; empty where there is none."""
    thoughts: list[JsonObject] = [{"type": "thinking", "thinking": thought}] if thought else []
    content = message.content
    if isinstance(content, str) and not thoughts:
        return content
    spoken = [
        _text_part(part, f"{path}.content[{place}]") for place, part in enumerate(message.parts)
    ]
    refusal = message.extra.get("refusal")
    if isinstance(refusal, str) and refusal:
        spoken.append({"type": "text", "text": refusal})
    return [*thoughts, *(part for part in spoken if part["text"])]


def _call(call: ToolCall) -> JsonObject:
    arguments = call.arguments
    if call.custom:  # free text: other providers' calls in a history
        arguments = orjson.dumps({"input": arguments}).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _unsupported(part: Part, path: str) -> InvalidRequest:
    kind = (
        part.raw.get("type") if isinstance(part, UnknownPart) else _KINDS.get(type(part).__name__)
    )
    return InvalidRequest(
        f"Cohere models do not take a content part of type '{str(kind)[:64]}' here.",
        param=path,
        code="unsupported_content",
    )


_KINDS: Mapping[str, Any] = {"Image": "image_url", "Audio": "input_audio", "File": "file"}
