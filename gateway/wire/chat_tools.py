"""Reads tools and tool choice, in today's spelling and in the deprecated one (`functions`).

Of a function tool, members we do not know are kept in `raw` where they stood: beside `function`,
and inside it under the name `function`. Custom and native tools are kept whole.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.types.chat import Extra, Tool, ToolChoice, ToolChoiceMode
from gateway.types.json import JsonObject
from gateway.wire.chat_parts import read_cache
from gateway.wire.fields import (
    at,
    check_name,
    fail,
    fail_missing,
    fail_type,
    read_array,
    read_bool,
    read_name,
    read_object,
    read_rest,
    read_string,
)

MAX_TOOLS = 4_096
MAX_TOOL_NAME = 256

_TOOL = frozenset({"type", "function", "cache_control"})
_FUNCTION = frozenset({"name", "description", "parameters", "strict", "cache_control"})
_MODES: Mapping[str, ToolChoiceMode] = {
    "auto": ToolChoiceMode.AUTO,
    "none": ToolChoiceMode.NONE,
    "required": ToolChoiceMode.REQUIRED,
    "any": ToolChoiceMode.REQUIRED,  # Mistral's word, sent by its clients
}
_CHOICES = "'auto', 'none', 'required', or an object such as " + (
    '{"type": "function", "function": {"name": …}}'
)


class ToolWishes(Struct, frozen=True):
    """What a body says of tools; `legacy` if it said so with `functions`."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    legacy: bool = False


def read_tools(body: JsonObject) -> ToolWishes:
    """Read `tools` and `tool_choice`, or `functions` and `function_call`."""
    nodes = read_array(body, "tools", most=MAX_TOOLS)
    functions = read_array(body, "functions", most=MAX_TOOLS)
    if functions is not None and nodes is None:
        tools = tuple(_function(node, f"functions[{n}]", {}) for n, node in enumerate(functions))
        return ToolWishes(tools, _legacy_choice(body, tools), legacy=True)
    tools = tuple(_tool(node, f"tools[{n}]") for n, node in enumerate(nodes or ()))
    return ToolWishes(tools, _choice(body, tools))


def _tool(node: Any, path: str) -> Tool:
    if not isinstance(node, dict):
        fail_type(path, 'an object such as {"type": "function", "function": {"name": …}}', node)
    kind = read_name(node, "type", path, most=128) or ("function" if "function" in node else None)
    if kind is None:
        fail_missing(at(path, "type"), "Say what the tool is, usually 'function'.")
    if kind != "function":
        return _other_tool(kind, node, path)
    return _function(node.get("function"), at(path, "function"), node)


def _function(function: Any, path: str, node: JsonObject) -> Tool:
    """Read a function's description; `node` is the tool around it, empty for `functions`."""
    if not isinstance(function, dict):
        fail_type(path, "an object with the function's 'name'", function)
    cache = read_cache(node, path.removesuffix(".function")) or read_cache(function, path)
    raw: Extra = read_rest(node, _TOOL, path)
    inner = read_rest(function, _FUNCTION, path)
    return Tool(
        "function",
        _tool_name(function, path),
        read_string(function, "description", path),
        read_object(function, "parameters", path),
        read_bool(function, "strict", path),
        cache,
        {**raw, "function": inner} if inner else raw,
    )


def _other_tool(kind: str, node: JsonObject, path: str) -> Tool:
    """Read a custom tool, or one that only its own provider understands."""
    name = kind
    if kind == "custom":
        inner = read_object(node, "custom", path)
        if inner is None:
            fail_missing(at(path, "custom"), "Give an object with the tool's 'name'.")
        name = _tool_name(inner, at(path, "custom"))
    elif node.get("name") is not None:
        name = _tool_name(node, path)
    description = node.get("description")
    return Tool(
        kind,
        name,
        description if isinstance(description, str) else None,
        cache=read_cache(node, path),
        raw=node,
    )


def _tool_name(node: JsonObject, path: str) -> str:
    name = read_name(node, "name", path, most=MAX_TOOL_NAME)
    if not name:
        fail_missing(at(path, "name"), "Every tool needs a name.")
    if any(char.isspace() for char in name):
        fail(at(path, "name"), f"'{at(path, 'name')}' must not contain spaces.")
    return name


def _choice(body: JsonObject, tools: tuple[Tool, ...]) -> ToolChoice | None:
    raw = body.get("tool_choice")
    if raw is None:
        return None
    if isinstance(raw, str):
        if raw not in _MODES:
            fail("tool_choice", f"'tool_choice' must be {_CHOICES}.")
        mode = _MODES[raw]
        choice = ToolChoice(mode, raw=mode.value)
    elif isinstance(raw, dict):
        choice = _choice_object(raw)
    else:
        fail_type("tool_choice", _CHOICES, raw)
    if not tools and choice.mode in (ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED):
        fail("tool_choice", "'tool_choice' asks for a call, but there are no 'tools' to call.")
    _check_known(choice.name, tools, "tool_choice")
    return choice


def _choice_object(raw: JsonObject) -> ToolChoice:
    kind = read_name(raw, "type", "tool_choice", most=64)
    if kind == "allowed_tools":
        return _allowed_tools(raw)
    if kind not in ("function", "custom"):
        fail("tool_choice.type", f"'tool_choice' must be {_CHOICES}.")
    inner = read_object(raw, kind, "tool_choice")
    if inner is None:
        fail_missing(f"tool_choice.{kind}", "Give an object with the tool's 'name'.")
    return ToolChoice(ToolChoiceMode.NAMED, _tool_name(inner, f"tool_choice.{kind}"), raw=raw)


def _allowed_tools(raw: JsonObject) -> ToolChoice:
    path = "tool_choice.allowed_tools"
    inner = read_object(raw, "allowed_tools", "tool_choice")
    if inner is None:
        fail_missing(path, "Give an object with a 'mode' and 'tools'.")
    mode = inner.get("mode", "auto")
    if mode not in ("auto", "required"):
        fail(at(path, "mode"), f"'{path}.mode' must be 'auto' or 'required'.")
    names = []
    for place, node in enumerate(read_array(inner, "tools", path, most=MAX_TOOLS) or ()):
        here = f"{path}.tools[{place}]"
        if not isinstance(node, dict):
            fail_type(here, "an object that names a tool", node)
        kind = node.get("type")
        named = node.get(kind) if isinstance(kind, str) else None
        names.append(_tool_name(named if isinstance(named, dict) else node, here))
    return ToolChoice(_MODES[mode], allowed=tuple(names), raw=raw)


def _legacy_choice(body: JsonObject, tools: tuple[Tool, ...]) -> ToolChoice | None:
    raw = body.get("function_call")
    if raw is None:
        return None
    if raw in ("auto", "none"):
        return ToolChoice(_MODES[raw], raw=raw)
    if not isinstance(raw, dict):
        fail_type("function_call", "'auto', 'none' or an object with a 'name'", raw)
    name = _tool_name(raw, "function_call")
    _check_known(name, tools, "function_call")
    spelled_today = {"type": "function", "function": {"name": name}}
    return ToolChoice(ToolChoiceMode.NAMED, name, raw=spelled_today)


def _check_known(name: str | None, tools: tuple[Tool, ...], path: str) -> None:
    if name is not None and all(tool.name != name for tool in tools):
        check_name(name, path)
        fail(path, f"'{path}' names a tool that is not in the request.")
