"""Tools, their configuration, and which of them must be called, checked as Google does."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.sandbox.formats.google.families import Family
from gateway.sandbox.formats.google.refusals import refuse, refuse_field
from gateway.sandbox.formats.google.schemas import read_json_schema, read_subset
from gateway.sandbox.prompt import ToolOffer

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_BAD_NAME = (
    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be "
    "a-z, A-Z, 0-9, or contain underscores (_), dots (.), colons (:), or dashes (-), with a "
    "maximum length of 64."
)
_SERVER_SIDE = (
    "google_search", "google_search_retrieval", "code_execution", "url_context", "google_maps",
    "file_search", "computer_use", "retrieval", "enterprise_web_search",
)  # fmt: skip


class Choice(Struct, frozen=True):
    """Which tools may be called: `word` as in `Prompt.choice`, `offers` those that are allowed."""

    word: str
    offers: tuple[ToolOffer, ...]


def read_tools(request: Mapping[str, Any]) -> tuple[ToolOffer, ...]:
    """Return the functions on offer. Raises Refused."""
    offers: list[ToolOffer] = []
    for at, tool in enumerate(request.get("tools", ())):
        path = f"GenerateContentRequest.tools[{at}]"
        if not tool:
            text = "required one_of 'tool_type' must have one initialized field"
            raise refuse_field(f"{path}.tool_type", text)
        for number, declaration in enumerate(tool.get("function_declarations", ())):
            offer = _read_function(declaration, f"{path}.function_declarations[{number}]")
            if offer.name in [known.name for known in offers]:
                raise refuse(f"Duplicate function declaration found: {offer.name}")
            offers.append(offer)
    return tuple(offers)


def _read_function(declaration: Mapping[str, Any] | None, path: str) -> ToolOffer:
    declaration = declaration or {}
    name = declaration.get("name", "")
    if not _NAME.fullmatch(name):
        raise refuse_field(f"{path}.name", _BAD_NAME)
    schema = declaration.get("parameters")
    plain = declaration.get("parameters_json_schema")
    if schema is not None and plain is not None:
        text = "cannot be set together with parameters_json_schema"
        raise refuse_field(f"{path}.parameters", text)
    if schema is not None:
        return ToolOffer(name, read_subset(schema, f"{path}.parameters"))
    if plain is not None:
        return ToolOffer(name, read_json_schema(plain, f"{path}.parameters_json_schema"))
    return ToolOffer(name, {"type": "object", "properties": {}})


def read_choice(request: Mapping[str, Any], offers: tuple[ToolOffer, ...]) -> Choice:
    """Return what the function calling configuration makes of the offers. Raises Refused."""
    config = request.get("tool_config", {}).get("function_calling_config")
    if config is None:
        return Choice("auto", offers)
    mode = config.get("mode", "MODE_UNSPECIFIED")
    allowed = config.get("allowed_function_names", [])
    if not offers and mode not in ("NONE", "MODE_UNSPECIFIED"):
        raise refuse("Function calling config is set without function_declarations.")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise refuse(
            "Please set allowed_function_names only when function calling mode is ANY or VALIDATED."
        )
    known = {offer.name for offer in offers}
    for name in allowed:
        if name not in known:
            raise refuse(f"Allowed function name `{name}` is not in the function declarations.")
    picked = tuple(offer for offer in offers if not allowed or offer.name in allowed)
    if mode == "NONE":
        return Choice("none", offers)
    if mode != "ANY":
        return Choice("auto", picked)
    return Choice(allowed[0] if len(allowed) == 1 else "required", picked)


def check_company(
    request: Mapping[str, Any], offers: tuple[ToolOffer, ...], family: Family, *, has_flag: bool
) -> None:
    """Refuse what does not go together with function declarations.

    `has_flag`: this surface has a switch for mixing in the vendor's own tools. Raises Refused.
    """
    if not offers:
        return
    config = request.get("generation_config", {})
    mime_type = config.get("response_mime_type", "")
    if mime_type == "application/json" and not family.combines:
        raise refuse(f"Function calling with a response mime type: '{mime_type}' is unsupported")
    mixed = any(name in tool for tool in request.get("tools", ()) for name in _SERVER_SIDE)
    if not mixed:
        return
    if not family.combines:
        raise refuse("Tool use with function calling is unsupported")
    flag = request.get("tool_config", {}).get("include_server_side_tool_invocations")
    if has_flag and not flag:
        raise refuse(
            "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools "
            "with Function calling."
        )
