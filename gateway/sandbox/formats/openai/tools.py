"""Tools, tool choice and structured output of a chat request, checked as OpenAI does."""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.openai.refusals import refuse
from gateway.sandbox.formats.openai.rules import (
    check_members,
    is_object,
    is_string,
    named,
    one_of,
    refuse_missing,
    refuse_type,
    refuse_value,
)
from gateway.sandbox.prompt import ToolOffer
from gateway.sandbox.soundness import is_sound

_TOOL = frozenset(("type", "function"))
_CUSTOM_TOOL = frozenset(("type", "custom"))
_FUNCTION = frozenset(("name", "description", "parameters", "strict"))
_CUSTOM = frozenset(("name", "description", "format"))
_FORMAT = frozenset(("type", "json_schema"))
_SCHEMA = frozenset(("name", "description", "schema", "strict"))

_UNSOUND = "schema is not a valid JSON Schema."

_check_name = named(r"^[a-zA-Z0-9_-]+$", 64)


def read_tools(request: Mapping[str, Any]) -> tuple[ToolOffer, ...]:
    """Return the tools on offer, of either generation. Raises Refused."""
    offers = [
        _read_tool(tool, f"tools[{at}]") for at, tool in enumerate(request.get("tools") or ())
    ]
    for at, function in enumerate(request.get("functions") or ()):
        offers.append(_read_function(function, f"functions[{at}]"))
    return tuple(offers)


def _read_tool(tool: Mapping[str, Any], path: str) -> ToolOffer:
    match tool.get("type"):
        case "function":
            check_members(tool, _TOOL, path)
            if "function" not in tool:
                raise refuse_missing(f"{path}.function")
            is_object(tool["function"], f"{path}.function")
            return _read_function(tool["function"], f"{path}.function")
        case "custom":
            check_members(tool, _CUSTOM_TOOL, path)
            custom = tool.get("custom")
            is_object(custom, f"{path}.custom")
            check_members(custom or {}, _CUSTOM, f"{path}.custom")
            return ToolOffer(_read_name(custom or {}, f"{path}.custom"), None)
        case None:
            raise refuse_missing(f"{path}.type")
        case other:
            raise refuse_value(f"{path}.type", other, ("function", "custom"))


def _read_function(function: Mapping[str, Any], path: str) -> ToolOffer:
    check_members(function, _FUNCTION, path)
    name = _read_name(function, path)
    schema = function.get("parameters")
    if schema is None:
        return ToolOffer(name, {"type": "object", "properties": {}})
    is_object(schema, f"{path}.parameters")
    fault = None
    if not is_sound(schema):
        fault = _UNSOUND
    elif schema.get("type") not in (None, "object"):
        fault = "schema must be a JSON Schema of 'type: \"object\"'."
    elif function.get("strict"):
        fault = find_schema_fault(schema)
    if fault:
        text = f"Invalid schema for function '{name}': {fault}"
        raise refuse(text, f"{path}.parameters", "invalid_function_parameters")
    return ToolOffer(name, schema)


def _read_name(holder: Mapping[str, Any], path: str) -> str:
    if holder.get("name") is None:
        raise refuse_missing(f"{path}.name")
    name = holder["name"]
    _check_name(name, f"{path}.name")
    return str(name)


def read_choice(request: Mapping[str, Any], offers: tuple[ToolOffer, ...]) -> str:
    """Return "auto", "none", "required", or the name of the tool to call. Raises Refused."""
    choice = request.get("tool_choice")
    param = "tool_choice"
    if request.get("functions"):
        choice, param = request.get("function_call"), "function_call"
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise refuse_value(param, choice, ("none", "auto", "required"))
        return choice
    if not isinstance(choice, dict):
        raise refuse_type(param, "one of a string or an object", choice)
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools", {})
        is_object(allowed, "tool_choice.allowed_tools")
        one_of("auto", "required")(allowed.get("mode"), "tool_choice.allowed_tools.mode")
        return str(allowed["mode"])
    holder = choice if param == "function_call" else choice.get(str(choice.get("type")))
    name = holder.get("name") if isinstance(holder, dict) else None
    if not isinstance(name, str):
        raise refuse_missing(f"{param}.function.name")
    if name not in [offer.name for offer in offers]:
        text = f"Invalid value for '{param}': tool choice '{name}' not found in 'tools' parameter."
        raise refuse(text, param)
    return name


def read_response_format(request: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    """Return the schema the answer must obey, and whether it must be JSON at all. Raises Refused."""
    wanted = request.get("response_format")
    if wanted is None:
        return None, False
    check_members(wanted, _FORMAT, "response_format")
    match wanted.get("type"):
        case "text":
            return None, False
        case "json_object":
            if "json" not in str(request["messages"]).lower():
                text = (
                    "'messages' must contain the word 'json' in some form, to use "
                    "'response_format' of type 'json_object'."
                )
                raise refuse(text, "messages")
            return None, True
        case "json_schema":
            return _read_schema(wanted.get("json_schema")), True
        case other:
            allowed = ("json_object", "json_schema", "text")
            raise refuse_value("response_format.type", other, allowed)


def _read_schema(holder: Any) -> Mapping[str, Any]:
    path = "response_format.json_schema"
    if holder is None:
        raise refuse_missing(path)
    is_object(holder, path)
    check_members(holder, _SCHEMA, path)
    name = _read_name(holder, path)
    schema = holder.get("schema")
    if schema is None:
        return {"type": "object", "properties": {}}
    is_object(schema, f"{path}.schema")
    if holder.get("description") is not None:
        is_string(holder["description"], f"{path}.description")
    fault = None if is_sound(schema) else _UNSOUND
    if fault is None and holder.get("strict"):
        fault = find_schema_fault(schema)
    if fault:
        raise refuse(f"Invalid schema for response_format '{name}': {fault}", "response_format")
    return dict(schema)


def find_schema_fault(schema: Any, context: tuple[str, ...] = ()) -> str | None:
    """Return what strict mode dislikes: an object that is not closed, a property not required."""
    if isinstance(schema, list):
        found = (find_schema_fault(one, (*context, str(at))) for at, one in enumerate(schema))
        return next(filter(None, found), None)
    if not isinstance(schema, dict):
        return None
    place = f"In context={context!r}, "
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return f"{place}'additionalProperties' is required to be supplied and to be false."
        missing = [
            name for name in schema.get("properties", {}) if name not in schema.get("required", ())
        ]
        if missing:
            return (
                f"{place}'required' is required to be supplied and to be an array including every "
                f"key in properties. Missing '{missing[0]}'."
            )
    return _find_deeper(schema, context)


def _find_deeper(schema: Mapping[str, Any], context: tuple[str, ...]) -> str | None:
    for word in ("properties", "$defs", "definitions"):
        inner = schema.get(word)
        for name, one in inner.items() if isinstance(inner, dict) else ():
            fault = find_schema_fault(one, (*context, word, name))
            if fault:
                return fault
    for word in ("items", "anyOf", "allOf"):
        fault = find_schema_fault(schema.get(word), (*context, word))
        if fault:
            return fault
    return None
