"""Tools and tool choice of a Messages request."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.anthropic.refusals import refuse, refuse_missing, refuse_tag
from gateway.sandbox.formats.anthropic.rules import (
    check_closed,
    check_members,
    demand,
    is_bool,
    is_object,
    is_string,
    read_cache_mark,
)
from gateway.sandbox.prompt import ToolOffer
from gateway.sandbox.soundness import is_sound

_CUSTOM = (
    "type", "name", "description", "input_schema", "cache_control", "strict", "defer_loading",
    "input_examples", "eager_input_streaming", "allowed_callers",
)  # fmt: skip
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class Tool:
    """One checked tool. `offer` is None for tools the vendor runs itself."""

    def __init__(self, raw: Any, at: int) -> None:
        """Raises Refused."""
        path = f"tools.{at}"
        is_object(raw, path)
        self.raw: Mapping[str, Any] = raw
        self.offer: ToolOffer | None = None
        custom = raw.get("type", "custom") in (None, "custom")
        self.mark = read_cache_mark(raw, f"{path}.custom" if custom else path)
        if not custom:
            self.name = str(raw.get("name", ""))
            return
        path = f"{path}.custom"
        check_members(raw, _CUSTOM, path)
        self.name = demand(raw, "name", path, is_string)
        if not _NAME.fullmatch(self.name):
            pattern = "^[a-zA-Z0-9_-]{1,128}$"
            raise refuse(f"{path}.name: String should match pattern '{pattern}'")
        if raw.get("description") is not None:
            is_string(raw["description"], f"{path}.description")
        schema = demand(raw, "input_schema", path, is_object)
        _check_schema(schema, f"{path}.input_schema")
        if raw.get("strict"):
            check_closed(schema, f"{path}.input_schema")
        self.offer = ToolOffer(self.name, schema)


def _check_schema(schema: Mapping[str, Any], path: str) -> None:
    if not is_sound(schema):
        raise refuse(f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12")
    if "type" not in schema:
        raise refuse_missing(f"{path}.type")
    if schema["type"] != "object":
        raise refuse(f"{path}.type: Input should be 'object'")
    for word in ("oneOf", "allOf", "anyOf"):
        if word in schema:
            raise refuse(
                f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level"
            )


def read_tools(request: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools on offer. Raises Refused."""
    tools = tuple(Tool(raw, at) for at, raw in enumerate(request.get("tools", ())))
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise refuse("tools: Tool names must be unique.")
    return tools


def read_choice(request: Mapping[str, Any], tools: tuple[Tool, ...]) -> tuple[str, bool]:
    """Return the neutral choice (see `Prompt`), and whether parallel calls are allowed.

    Raises Refused.
    """
    choice = request.get("tool_choice")
    if choice is None:
        return "auto", True
    if not tools:
        raise refuse("tool_choice may only be specified while providing tools.")
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        raise refuse_tag("tool_choice", kind, ("auto", "any", "tool", "none"))
    members = {"none": ("type",), "tool": ("type", "name", "disable_parallel_tool_use")}
    check_members(
        choice, members.get(kind, ("type", "disable_parallel_tool_use")), f"tool_choice.{kind}"
    )
    if choice.get("disable_parallel_tool_use") is not None:
        is_bool(choice["disable_parallel_tool_use"], "tool_choice.disable_parallel_tool_use")
    parallel = not choice.get("disable_parallel_tool_use")
    manual = request.get("thinking", {}).get("type") == "enabled"
    if kind in ("any", "tool") and manual:
        raise refuse("Thinking may not be enabled when tool_choice forces tool use.")
    if kind != "tool":
        return _CHOICES[kind], parallel
    name = demand(choice, "name", "tool_choice.tool", is_string)
    if name not in [tool.name for tool in tools]:
        raise refuse(f"Tool '{name}' not found in provided tools")
    return name, parallel
