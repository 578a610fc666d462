"""Tools and the choice among them.

Function tools map one to one. OpenAI's custom tools (free text instead of JSON) are offered as
functions with one string, and turned back on the way out. Converse's own tools travel as they are:
`{"type": "systemTool", "systemTool": {"name": …}}`. There is no choice of "none", and a conversation
with tool blocks must define tools (vxcontrol/pentagi#196): then the tools stay and words forbid them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.anthropic.schema import close_schema, input_schema
from gateway.providers.bedrock.media import Block
from gateway.providers.bedrock.names import wire_name
from gateway.providers.bedrock.native import is_server_tool
from gateway.providers.bedrock.output import json_tool
from gateway.providers.bedrock.parts import cache_point
from gateway.providers.bedrock.plan import Plan, calls_banned
from gateway.types.chat import ChatRequest, Tool, ToolChoiceMode

_NATIVE_TOOLS = ("systemTool", "cachePoint")
_TOOL_BLOCKS = ("toolUse", "toolResult")
_CHOICES = {ToolChoiceMode.AUTO: "auto", ToolChoiceMode.REQUIRED: "any"}
_CALLS_OVER = "Do not call any tool in this turn: answer with text."


def build_tools(chat: ChatRequest, plan: Plan, messages: list[dict[str, Any]]) -> list[Block]:
    """Write the `tools` array: the client's in their order, then ours; empty where none is needed.

    Raises InvalidRequest for a tool of another vendor, or an `allowed_tools` that allows none.
    """
    has_history = any(
        name in block
        for message in messages
        for block in message["content"]
        for name in _TOOL_BLOCKS
    )
    tools: list[Block] = []
    if not calls_banned(chat) or has_history:
        tools = list(_given(chat, plan))
    answer = json_tool(chat, plan)
    if answer is not None:
        tools.append(answer)
    if not tools and has_history:
        tools = _placeholders(messages)
    return tools


def build_choice(chat: ChatRequest, plan: Plan, tools: list[Block]) -> dict[str, Any] | None:
    """Write `toolChoice`, None where nothing has to be said or the model takes no such choice.

    Raises InvalidRequest where the named tool is not among the tools.
    """
    if not tools:
        return None
    if plan.json_tool is not None:
        alone = calls_banned(chat) or not chat.tools
        return (
            {"tool": {"name": plan.json_tool}} if alone else {"any": {}}
        )  # a real one may come first
    choice = chat.tool_choice
    if choice is None or not chat.tools:
        return None
    if choice.mode is ToolChoiceMode.NAMED:
        return _named(choice.name or "", plan, tools)
    word = _CHOICES.get(choice.mode)
    return {word: {}} if word in plan.choices else None


def single_call_fields(
    chat: ChatRequest, plan: Plan, tools: list[Block], choice: dict[str, Any] | None
) -> dict[str, Any]:
    """Switch parallel calls off where the model's own field does it.

    Converse merges Anthropic's `tool_choice` into the one it makes, and refuses two types
    (BerriAI/litellm#34347 and #36536, 2026-08).
    """
    if not plan.family.single_calls or not _wants_single_calls(chat, tools):
        return {}
    kind = {} if choice is not None else {"type": "auto"}
    return {"tool_choice": {**kind, "disable_parallel_tool_use": True}}


def tool_words(chat: ChatRequest, plan: Plan, tools: list[Block]) -> Iterator[str]:
    """Yield, as instructions, the wishes that Converse or the model has no field for."""
    if not tools:
        return
    choice = chat.tool_choice
    if plan.json_tool is None and (calls_banned(chat) or not chat.tools):
        yield _CALLS_OVER
        return
    if _wants_single_calls(chat, tools) and not plan.family.single_calls:
        yield "Call at most one tool in this turn."
    if choice is None or plan.json_tool is not None:
        return
    if choice.mode is ToolChoiceMode.REQUIRED and "any" not in plan.choices:
        yield "Answer this turn by calling at least one of the tools, not with text."
    if choice.mode is ToolChoiceMode.NAMED and not plan.choices.intersection({"any", "tool"}):
        name = orjson.dumps(wire_name(choice.name or "")).decode()
        yield f"Answer this turn by calling the tool {name}, not with text."


def _wants_single_calls(chat: ChatRequest, tools: list[Block]) -> bool:
    asked = chat.parallel_tool_calls is False and bool(chat.tools) and bool(tools)
    return asked and not calls_banned(chat)


def _given(chat: ChatRequest, plan: Plan) -> Iterator[Block]:
    allowed = chat.tool_choice.allowed if chat.tool_choice is not None else None
    found = False
    for index, tool in enumerate(chat.tools):
        if allowed is not None and tool.name not in allowed:
            continue
        found = True
        yield _tool(tool, index, plan)
        if tool.cache is not None:
            yield cache_point(tool.cache)
    if allowed is not None and not found:
        raise InvalidRequest("'allowed_tools' names none of the tools.", param="tool_choice")


def _tool(tool: Tool, index: int, plan: Plan) -> Block:
    if tool.kind == "function":
        return _function(tool, plan)
    if tool.kind == "custom":
        return _custom(tool)
    inner = tool.raw.get(tool.kind)
    if tool.kind in _NATIVE_TOOLS and isinstance(inner, Mapping):
        return {tool.kind: inner}
    raise InvalidRequest(
        "Tools of this type are not supported by the model that would answer.",
        param=f"tools[{index}].type",
        code="unsupported_tool",
    )


def _function(tool: Tool, plan: Plan) -> Block:
    schema = input_schema(tool.schema)
    strict = tool.strict is True and plan.family.json_schema
    if strict:
        schema = close_schema(schema)
    spec = _spec(tool.name, tool.description, schema)
    return {"toolSpec": {**spec, "strict": True} if strict else spec}


def _custom(tool: Tool) -> Block:
    custom = tool.raw.get("custom")
    inner = custom if isinstance(custom, dict) else {}
    said = (inner.get("description"), _grammar(inner.get("format")))
    description = " ".join(text for text in said if isinstance(text, str) and text)
    schema = {
        "type": "object",
        "properties": {CUSTOM_INPUT: {"type": "string"}},
        "required": [CUSTOM_INPUT],
        "additionalProperties": False,
    }
    return {"toolSpec": _spec(tool.name, description, schema)}


def _grammar(form: object) -> str:
    """Say in words what OpenAI would enforce with a grammar."""
    grammar = form.get("grammar", form) if isinstance(form, dict) else None
    if not isinstance(grammar, dict) or not grammar.get("definition"):
        return ""
    return (
        f"The input must match this {grammar.get('syntax', '')} grammar:\n{grammar['definition']}"
    )


def _spec(name: str, description: str | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": wire_name(name)}
    if description and description.strip():  # an empty one is refused
        spec["description"] = description
    spec["inputSchema"] = {"json": schema}
    return spec


def _placeholders(messages: list[dict[str, Any]]) -> list[Block]:
    """Define the tools of a conversation that has calls but, by now, no tools."""
    blocks = [block for message in messages for block in message["content"] if "toolUse" in block]
    ours = dict.fromkeys(block["toolUse"]["name"] for block in blocks if not is_server_tool(block))
    theirs = dict.fromkeys(block["toolUse"]["name"] for block in blocks if is_server_tool(block))
    schema = {"type": "object", "properties": {}}
    return [
        *({"toolSpec": _spec(name, "No longer available.", schema)} for name in ours),
        *({"systemTool": {"name": name}} for name in theirs),
    ]


def _named(name: str, plan: Plan, tools: list[Block]) -> dict[str, Any] | None:
    wire = wire_name(name)
    specs = [tool["toolSpec"]["name"] for tool in tools if "toolSpec" in tool]
    if wire not in specs:
        raise InvalidRequest(
            "'tool_choice' names a tool that is not among the tools.", param="tool_choice"
        )
    if "tool" in plan.choices:
        return {"tool": {"name": wire}}
    if "any" in plan.choices:
        if specs != [wire]:
            tools[:] = [tool for tool in tools if tool.get("toolSpec", {}).get("name") == wire]
        return {"any": {}}
    return None
