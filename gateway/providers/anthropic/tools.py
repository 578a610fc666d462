"""Tools and the choice among them.

Function tools map one to one. OpenAI's custom tools (free text instead of JSON) are offered as
functions with one string, and turned back on the way out. Tools of Anthropic's own travel as they
are.
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.anthropic.names import WEB_SEARCH, history_names, native_names
from gateway.providers.anthropic.output import json_tool
from gateway.providers.anthropic.parts import cache_control
from gateway.providers.anthropic.plan import Plan
from gateway.providers.anthropic.schema import close_schema, input_schema
from gateway.types.chat import ChatRequest, Tool, ToolChoice, ToolChoiceMode

_OWN_TOOL = re.compile(r"[a-z][a-z0-9_]*_20\d{6}|mcp_toolset")
_EXTENSIONS = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")


def build_tools(chat: ChatRequest, plan: Plan) -> list[dict[str, Any]]:
    """Write the `tools` array: the client's in their order, then ours.

    Raises InvalidRequest for a tool of another vendor, or an `allowed_tools` that allows none.
    """
    allowed = chat.tool_choice.allowed if chat.tool_choice is not None else None
    tools = [
        _tool(tool, index, plan)
        for index, tool in enumerate(chat.tools)
        if allowed is None or tool.name in allowed
    ]
    if allowed is not None and not tools:
        raise InvalidRequest("'allowed_tools' names none of the tools.", param="tool_choice")
    if "web_search_options" in chat.extra and WEB_SEARCH not in _given_natives(chat):
        tools.append(_web_search(chat.extra["web_search_options"]))
    answer = json_tool(chat, plan)
    if answer is not None:
        tools.append(answer)
    return tools or _placeholders(chat, plan)


def build_choice(
    chat: ChatRequest, plan: Plan, tools: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """Write `tool_choice`, None where nothing has to be said.

    Raises InvalidRequest where the named tool is not among the tools.
    """
    if not tools:
        return None
    if plan.json_tool is not None:
        return _answer_choice(chat, plan.json_tool)
    if not chat.tools and "web_search_options" not in chat.extra:
        return {"type": "none"}  # the placeholders are not to be called
    written = _mode(chat.tool_choice, plan, tools)
    if chat.parallel_tool_calls is False and (written or {}).get("type") != "none":
        written = {**(written or {"type": "auto"}), "disable_parallel_tool_use": True}
    return written


def _tool(tool: Tool, index: int, plan: Plan) -> dict[str, Any]:
    if tool.kind == "function":
        return _function(tool, plan)
    if tool.kind == "custom":
        return _custom(tool, plan)
    if _OWN_TOOL.fullmatch(tool.kind):
        return dict(tool.raw)
    raise InvalidRequest(
        "Tools of this type are not supported by the model that would answer.",
        param=f"tools[{index}].type",
        code="unsupported_tool",
    )


def _function(tool: Tool, plan: Plan) -> dict[str, Any]:
    written: dict[str, Any] = {"name": plan.names.wire(tool.name)}
    if tool.description is not None:
        written["description"] = tool.description
    schema = input_schema(tool.schema)
    if tool.strict is True and plan.generation.json_schema:
        written["strict"] = True
        schema = close_schema(schema)
    written["input_schema"] = schema
    inner = tool.raw.get("function")
    beside = {**(inner if isinstance(inner, dict) else {}), **tool.raw}
    written.update((name, beside[name]) for name in _EXTENSIONS if name in beside)
    if tool.cache is not None:
        written["cache_control"] = cache_control(tool.cache)
    return written


def _custom(tool: Tool, plan: Plan) -> dict[str, Any]:
    custom = tool.raw.get("custom")
    inner = custom if isinstance(custom, dict) else {}
    said = (inner.get("description"), _grammar(inner.get("format")))
    description = " ".join(text for text in said if isinstance(text, str) and text)
    written: dict[str, Any] = {"name": plan.names.wire(tool.name)}
    if description:
        written["description"] = description
    written["input_schema"] = {
        "type": "object",
        "properties": {CUSTOM_INPUT: {"type": "string"}},
        "required": [CUSTOM_INPUT],
        "additionalProperties": False,
    }
    if tool.cache is not None:
        written["cache_control"] = cache_control(tool.cache)
    return written


def _grammar(form: object) -> str:
    """Say in words what OpenAI would enforce with a grammar."""
    grammar = form.get("grammar", form) if isinstance(form, dict) else None
    if not isinstance(grammar, dict) or not grammar.get("definition"):
        return ""
    syntax = grammar.get("syntax", "")
    return f"The input must match this {syntax} grammar:\n{grammar['definition']}"


def _web_search(options: Any) -> dict[str, Any]:
    """OpenAI's web search as Anthropic's tool; how much context it takes cannot be chosen here."""
    written: dict[str, Any] = {"type": "web_search_20250305", "name": WEB_SEARCH}
    location = options.get("user_location") if isinstance(options, dict) else None
    if isinstance(location, dict):
        place = location.get("approximate", location)
        fields = ("city", "region", "country", "timezone")
        known = {
            name: place[name] for name in fields if isinstance(place, dict) and place.get(name)
        }
        if known:
            written["user_location"] = {"type": "approximate", **known}
    return written


def _given_natives(chat: ChatRequest) -> frozenset[str]:
    names = {tool.raw.get("name") for tool in chat.tools if tool.kind.startswith(WEB_SEARCH)}
    return native_names(chat) & names


def _placeholders(chat: ChatRequest, plan: Plan) -> list[dict[str, Any]]:
    """Define the tools of a conversation that has calls but, by now, no tools.

    The API wants every conversation with tool blocks to define tools.
    """
    names = dict.fromkeys(plan.names.wire(name) for name in history_names(chat))
    schema = {"type": "object", "properties": {}}
    return [
        {"name": name, "description": "No longer available.", "input_schema": schema}
        for name in names
    ]


def _answer_choice(chat: ChatRequest, json_tool_name: str) -> dict[str, Any]:
    """Make the model answer through the tool that carries the JSON, or through a real one first."""
    banned = chat.tool_choice is not None and chat.tool_choice.mode is ToolChoiceMode.NONE
    if banned or not chat.tools:
        return {"type": "tool", "name": json_tool_name, "disable_parallel_tool_use": True}
    if chat.parallel_tool_calls is False:
        return {"type": "any", "disable_parallel_tool_use": True}
    return {"type": "any"}


def _mode(
    choice: ToolChoice | None, plan: Plan, tools: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    if choice is None:
        return None
    match choice.mode:
        case ToolChoiceMode.NONE:
            return {"type": "none"}
        case ToolChoiceMode.AUTO:
            return {"type": "auto"}
        case ToolChoiceMode.REQUIRED:
            return {"type": "any"} if plan.may_force else {"type": "auto"}
        case ToolChoiceMode.NAMED:
            name = plan.names.wire(choice.name or "")
            if all(tool.get("name") != name for tool in tools):
                raise InvalidRequest(
                    "'tool_choice' names a tool that is not among the tools.", param="tool_choice"
                )
            return {"type": "tool", "name": name} if plan.may_force else {"type": "auto"}


def forcing_words(chat: ChatRequest, plan: Plan) -> str | None:
    """Say in words what a model refuses to be forced to by `tool_choice`."""
    choice = chat.tool_choice
    if choice is None or plan.may_force or plan.json_tool is not None or not chat.tools:
        return None
    if choice.mode is ToolChoiceMode.REQUIRED:
        return "Answer this turn by calling at least one of the tools, not with text."
    if choice.mode is ToolChoiceMode.NAMED:
        name = orjson.dumps(plan.names.wire(choice.name or "")).decode()
        return f"Answer this turn by calling the tool {name}, not with text."
    return None
