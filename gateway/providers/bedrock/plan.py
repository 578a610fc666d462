"""The decisions of one request, taken once: building and parsing both follow from them.

Everything here follows from the request and the target alone, so the parser of a reply comes to the
same plan as the builder of its request.
"""

from msgspec import Struct

from gateway.providers.anthropic.plan import JsonWay, is_forced, wants_budget
from gateway.providers.anthropic.schema import has_open_map
from gateway.providers.bedrock.families import Family, family_of
from gateway.providers.bedrock.names import Names, changed_names, wire_name
from gateway.types.chat import ChatRequest, ToolChoiceMode
from gateway.types.upstream import Target

_JSON_TOOL = "json_response"


class Plan(Struct, frozen=True):
    """How one request is put to one model.

    `choices` are the tool choices that will be taken. `custom` are the wire names of custom tools.
    `json` is how a JSON answer is asked for, None where none is; `json_tool` the wire name of the
    tool that carries it where `json` is TOOL.
    """

    family: Family
    names: Names
    choices: frozenset[str]
    custom: frozenset[str]
    json: JsonWay | None = None
    json_tool: str | None = None


def make_plan(chat: ChatRequest, target: Target) -> Plan:
    """Decide how to put a request to a target's model."""
    family = family_of(target.model, target.info)
    choices = family.choices
    if _insists_on_budget(chat) and family.claude is not None:
        choices = choices.intersection({"auto"})  # the client's own thinking goes before
    custom = frozenset(wire_name(tool.name) for tool in chat.tools if tool.kind == "custom")
    json = _json_way(chat, family, choices)
    json_tool = _free_name(chat) if json is JsonWay.TOOL else None
    return Plan(family, changed_names(chat), choices, custom, json, json_tool)


def calls_banned(chat: ChatRequest) -> bool:
    """Whether the client wants no tool to be called."""
    return chat.tool_choice is not None and chat.tool_choice.mode is ToolChoiceMode.NONE


def _insists_on_budget(chat: ChatRequest) -> bool:
    raw = chat.reasoning.raw_thinking
    return raw is not None and raw.get("type") == "enabled"


def _json_way(chat: ChatRequest, family: Family, choices: frozenset[str]) -> JsonWay | None:
    output = chat.output
    if output is None or output.kind == "text":
        return None
    thinks = family.claude is not None and wants_budget(chat, family.claude)
    tool_works = choices >= {"any", "tool"} and not is_forced(chat) and not thinks
    native = output.schema is not None and family.json_schema
    # Closing a map with free keys would leave the model nothing to write into it.
    if native and not (tool_works and has_open_map(output.schema)):
        return JsonWay.NATIVE
    return JsonWay.TOOL if tool_works else JsonWay.WORDS


def _free_name(chat: ChatRequest) -> str:
    taken = {wire_name(tool.name) for tool in chat.tools}
    name, number = _JSON_TOOL, 2
    while name in taken:
        name, number = f"{_JSON_TOOL}_{number}", number + 1
    return name
