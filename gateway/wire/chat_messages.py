"""Reads the messages of a chat request.

The deprecated spelling (`function_call` of an assistant, role `function`) is read as a tool call
and its result; the ids it lacks are made from the message's place. Reasoning of earlier answers is
read in every spelling clients replay: `reasoning_content`, `reasoning`, `reasoning_details`
(OpenRouter's and ours) and `thinking_blocks` (LiteLLM's).
"""

from collections.abc import Mapping
from typing import Any

from gateway.types.chat import (
    NO_EXTRA,
    Extra,
    Message,
    Part,
    Refusal,
    Role,
    ToolCall,
)
from gateway.types.json import JsonObject
from gateway.wire.chat_parts import read_cache, read_content
from gateway.wire.chat_reasoning import read_blocks
from gateway.wire.fields import (
    at,
    fail,
    fail_missing,
    fail_type,
    read_array,
    read_name,
    read_object,
    read_rest,
    read_string,
)

MAX_MESSAGES = 100_000
MAX_TOOL_CALLS = 4_096
MAX_ID = 65_536  # our own ids may carry a provider's signature

_ROLES: Mapping[str, Role] = {role.value: role for role in Role} | {"function": Role.TOOL}
_COMMON = frozenset({"role", "content", "name", "cache_control"})
_TOOL = _COMMON | {"tool_call_id"}
_ASSISTANT = _COMMON | {
    "function_call",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "refusal",
    "thinking_blocks",
    "tool_calls",
}
_CALL = frozenset({"id", "type", "function", "custom"})
_FUNCTION = frozenset({"name", "arguments"})
_CUSTOM = frozenset({"name", "input"})


def read_messages(body: JsonObject) -> tuple[Message, ...]:
    """Return the conversation; at least one message. Raises InvalidRequest with the path."""
    nodes = read_array(body, "messages", most=MAX_MESSAGES)
    if not nodes:
        fail_missing("messages", "Send at least one message.")
    messages: list[Message] = []
    for place, node in enumerate(nodes):
        path = f"messages[{place}]"
        if not isinstance(node, dict):
            fail_type(path, 'an object such as {"role": "user", "content": …}', node)
        messages.append(_message(node, path, place, messages))
    return tuple(messages)


def _message(node: JsonObject, path: str, place: int, before: list[Message]) -> Message:
    name = node.get("role")
    if name is None:
        fail_missing(at(path, "role"), f"It is one of {', '.join(_ROLES)}.")
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        fail(at(path, "role"), f"'{path}.role' must be one of {', '.join(_ROLES)}.")
    if role is Role.ASSISTANT:
        return _assistant(node, path, place)
    if role is Role.TOOL:
        return _tool_result(node, path, before)
    content = read_content(node, path)
    if not content:
        fail_missing(at(path, "content"), f"A {role.value} message needs content.")
    return Message(
        role,
        content,
        read_name(node, "name", path, most=256),
        cache=read_cache(node, path),
        extra=read_rest(node, _COMMON, path),
    )


def _assistant(node: JsonObject, path: str, place: int) -> Message:
    content = read_content(node, path)
    extra = read_rest(node, _ASSISTANT, path)
    refusal = read_string(node, "refusal", path)
    if refusal:
        content, extra = _with_refusal(content, refusal, extra)
    calls = _calls(node, path, place)
    reasoning = read_blocks(node, path)
    text = read_string(node, "reasoning_content", path)
    if text is None:
        text = read_string(node, "reasoning", path)  # Groq's and OpenRouter's name for it
    if content is None and not calls and not reasoning and not text and "audio" not in extra:
        fail_missing(
            at(path, "content"),
            "An assistant message needs content, tool_calls or a refusal.",
        )
    return Message(
        Role.ASSISTANT,
        content,
        read_name(node, "name", path, most=256),
        calls,
        reasoning=reasoning,
        reasoning_text=text or None,
        cache=read_cache(node, path),
        extra=extra,
    )


def _with_refusal(
    content: str | tuple[Part, ...] | None, refusal: str, extra: Extra
) -> tuple[str | tuple[Part, ...], Extra]:
    """Put the refusal where every provider finds it: alone it is the content, else it stays apart."""
    if content:
        return content, {**extra, "refusal": refusal}
    return (Refusal(refusal),), extra


def _tool_result(node: JsonObject, path: str, before: list[Message]) -> Message:
    if node["role"] == "function":
        call_id: str | None = _legacy_call_id(before, path)
    else:
        call_id = read_name(node, "tool_call_id", path, most=MAX_ID)
    if not call_id:
        fail_missing(at(path, "tool_call_id"), "A tool message names the call it answers.")
    content = read_content(node, path)
    if content is None:
        fail_missing(at(path, "content"), "Send the tool's result, or an empty string.")
    return Message(
        Role.TOOL,
        content,
        read_name(node, "name", path, most=256),
        tool_call_id=call_id,
        cache=read_cache(node, path),
        extra=read_rest(node, _TOOL, path),
    )


def _legacy_call_id(before: list[Message], path: str) -> str:
    """Return the id of the call that a `function` message answers: the one right before it."""
    previous = before[-1] if before else None
    if previous is None or not previous.tool_calls:
        fail(path, f"'{path}' has role 'function' but does not follow a 'function_call'.")
    return previous.tool_calls[-1].id


def _calls(node: JsonObject, path: str, place: int) -> tuple[ToolCall, ...]:
    nodes = read_array(node, "tool_calls", path, most=MAX_TOOL_CALLS)
    if nodes:
        return tuple(_call(call, f"{path}.tool_calls[{n}]") for n, call in enumerate(nodes))
    legacy = read_object(node, "function_call", path)
    if not legacy or not legacy.get("name"):  # some clients replay an empty object
        return ()
    return (_function_call(legacy, f"call_fn_{place}", at(path, "function_call"), NO_EXTRA),)


def _call(node: Any, path: str) -> ToolCall:
    if not isinstance(node, dict):
        fail_type(path, 'an object such as {"id": …, "type": "function", "function": …}', node)
    call_id = read_name(node, "id", path, most=MAX_ID)
    if not call_id:
        fail_missing(at(path, "id"), "Send the id that the model gave the call.")
    extra = read_rest(node, _CALL, path)
    if node.get("type") == "custom":
        return _custom_call(node, call_id, path, extra)
    function = read_object(node, "function", path)
    if function is None:
        fail_missing(at(path, "function"), "Give an object with 'name' and 'arguments'.")
    kind = read_name(node, "type", path, most=128) or "function"
    if kind != "function":
        extra = {**extra, "type": kind}
    return _function_call(function, call_id, at(path, "function"), extra)


def _function_call(node: JsonObject, call_id: str, path: str, extra: Extra) -> ToolCall:
    name = read_name(node, "name", path, most=256)
    if not name:
        fail_missing(at(path, "name"), "Name the function that was called.")
    arguments = node.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        fail_type(at(path, "arguments"), "a string that holds JSON", arguments)
    inner = read_rest(node, _FUNCTION, path)
    if inner:
        extra = {**extra, "function": inner}
    return ToolCall(call_id, name, arguments or "{}", extra=extra)


def _custom_call(node: JsonObject, call_id: str, path: str, extra: Extra) -> ToolCall:
    here = at(path, "custom")
    custom = read_object(node, "custom", path)
    if custom is None:
        fail_missing(here, "Give an object with 'name' and 'input'.")
    name = read_name(custom, "name", here, most=256)
    if not name:
        fail_missing(at(here, "name"), "Name the tool that was called.")
    inner = read_rest(custom, _CUSTOM, here)
    if inner:
        extra = {**extra, "custom": inner}
    text = read_string(custom, "input", here) or ""
    return ToolCall(call_id, name, text, custom=True, extra=extra)
