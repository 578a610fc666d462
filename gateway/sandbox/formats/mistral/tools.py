"""Tools, tool choice and structured output of a chat request, checked as Mistral does."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.mistral.refusals import INVALID, refuse
from gateway.sandbox.prompt import ToolOffer
from gateway.sandbox.soundness import is_sound

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOOL = (INVALID, None)
_CHOICES = {"any": "required", "required": "required", "auto": "auto", "none": "none"}


def read_tools(request: Mapping[str, Any]) -> tuple[ToolOffer, ...]:
    """Return the tools on offer. Raises Refused."""
    offers = []
    for tool in request.get("tools") or ():
        function = tool["function"]
        name, schema = function["name"], function["parameters"]
        if not _NAME.fullmatch(name):
            raise refuse(
                f"Function name was {name} but must be a-z, A-Z, 0-9, or contain underscores and "
                "dashes, with a maximum length of 64.",
                _TOOL,
            )
        if not is_sound(schema):
            raise refuse(f"Invalid tool schema: {name} has no valid JSON Schema.", _TOOL)
        offers.append(ToolOffer(name, schema))
    return tuple(offers)


def read_choice(request: Mapping[str, Any], offers: tuple[ToolOffer, ...]) -> str:
    """Return "auto", "none", "required", or the name of the tool to call. Raises Refused."""
    choice = request.get("tool_choice")
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        if _CHOICES[choice] == "required" and not offers:
            raise refuse("When using tool_choice, tools must be set.", _TOOL)
        return _CHOICES[choice]
    name = str(choice["function"]["name"])
    if name not in [offer.name for offer in offers]:
        raise refuse(f"Tool choice {name} is not one of the tools.", _TOOL)
    return name


def read_schema(request: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    """Return the schema the answer must obey, and whether it must be JSON at all. Raises Refused."""
    wanted = request.get("response_format") or {}
    match wanted.get("type", "text"):
        case "json_object":
            return None, True
        case "json_schema":
            holder = wanted.get("json_schema")
            if holder is None:
                raise refuse("json_schema must be set when response_format is json_schema.")
            if not is_sound(holder["schema"]):
                raise refuse("Invalid schema in response_format.")
            return holder["schema"], True
        case _:
            return None, False
