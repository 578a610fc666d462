"""Tools, tool choice and structured output of a chat request, checked as Cohere does."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.cohere.refusals import refuse
from gateway.sandbox.formats.cohere.rules import (
    check_members,
    demand,
    is_array,
    is_object,
    is_string,
    one_of,
)
from gateway.sandbox.prompt import ToolOffer
from gateway.sandbox.soundness import is_sound

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPED = ("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf")
_MAX_DEPTH = 32


def check_name(name: str) -> None:
    """Refuse a tool's name that is none."""
    if not _NAME.fullmatch(name):
        raise refuse(
            "invalid request: tool names can only contain certain characters (A-Za-z0-9_) and "
            f"can't begin with a digit (provided name: '{name}')."
        )


def read_tools(request: Mapping[str, Any]) -> tuple[ToolOffer, ...]:
    """Return the tools on offer. Raises Refused."""
    tools = request.get("tools")
    if tools is None:
        return ()
    is_array(tools, "tools")
    return tuple(_read_tool(tool) for tool in tools)


def _read_tool(tool: Any) -> ToolOffer:
    is_object(tool, "tools")
    check_members(tool, ("type", "function"))
    demand(tool, "type", "tools", one_of("function"))
    function = demand(tool, "function", "tools", is_object)
    check_members(function, ("name", "description", "parameters"))
    name = demand(function, "name", "tools.function", is_string)
    check_name(name)
    if function.get("description") is not None:
        is_string(function["description"], "tools.function.description")
    schema = demand(function, "parameters", "tools.function", is_object)
    if not is_sound(schema) or schema.get("type", "object") != "object":
        raise refuse("schema must be an object")
    return ToolOffer(name, schema)


def read_choice(request: Mapping[str, Any]) -> str:
    """Return "auto", "none" or "required"."""
    return str(request.get("tool_choice") or "auto").lower()


def read_schema(request: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    """Return the schema the answer must obey, and whether it must be JSON at all. Raises Refused."""
    wanted = request.get("response_format")
    if wanted is None:
        return None, False
    check_members(wanted, ("type", "json_schema"))
    kind = demand(wanted, "type", "response_format", one_of("text", "json_object"))
    schema = wanted.get("json_schema")
    if schema is None:
        return None, kind == "json_object"
    is_object(schema, "response_format.json_schema")
    if not is_sound(schema) or schema.get("type") != "object":
        raise refuse("schema must be an object")
    _check_properties(schema)
    return schema, True


def _check_properties(schema: Any, depth: int = 0) -> None:
    """Every required name must be a property, and every property must have a type."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in properties:
            raise refuse(f"required field {name} not found in properties")
    for name, inner in properties.items():
        if not isinstance(inner, dict) or not any(word in inner for word in _TYPED):
            raise refuse(f"property {name} must have a type")
        _check_properties(inner, depth + 1)
    _check_properties(schema.get("items"), depth + 1)
