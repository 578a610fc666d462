"""The decisions of one request, taken once: building and parsing both follow from them.

Everything here follows from the request and the target alone, so the parser of a reply comes to the
same plan as the builder of its request.
"""

from enum import StrEnum

from msgspec import Struct

from gateway.providers.anthropic.generations import Generation, generation_of
from gateway.providers.anthropic.names import Names, legal_names, unique
from gateway.providers.anthropic.schema import has_open_map
from gateway.types.chat import ChatRequest, ToolChoiceMode
from gateway.types.models import ReasoningStyle
from gateway.types.upstream import Target

_JSON_TOOL = "json_response"
_FORCING = (ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED)


class JsonWay(StrEnum):
    """How a model is brought to answer in JSON."""

    NATIVE = "native"  # output_config.format
    TOOL = "tool"  # a forced tool whose input is the answer
    WORDS = "words"  # an instruction


class Plan(Struct, frozen=True):
    """How one request is put to one model.

    `custom` are the wire names of custom tools. `json` is how a JSON answer is asked for, None
    where none is; `json_tool` the wire name of the tool that carries it where `json` is TOOL.
    `may_force` is False where a forced tool choice would be refused.
    """

    generation: Generation
    names: Names
    custom: frozenset[str]
    may_force: bool
    json: JsonWay | None = None
    json_tool: str | None = None


def make_plan(chat: ChatRequest, target: Target) -> Plan:
    """Decide how to put a request to a target's model."""
    generation = generation_of(target.model, target.info)
    names = legal_names(chat)
    custom = frozenset(names.wire(tool.name) for tool in chat.tools if tool.kind == "custom")
    may_force = generation.forced_tools and not _insists_on_budget(chat)
    json = _json_way(chat, generation, may_force)
    json_tool = None
    if json is JsonWay.TOOL:
        json_tool = unique(_JSON_TOOL, (names.wire(tool.name) for tool in chat.tools))
    return Plan(generation, names, custom, may_force, json, json_tool)


def wants_budget(chat: ChatRequest, generation: Generation) -> bool:
    """Whether the request would think within a token budget ("manual" thinking)."""
    wish = chat.reasoning
    if wish.raw_thinking is not None:
        return _insists_on_budget(chat)
    if wish.effort == "none":
        return False
    if wish.budget_tokens is not None:
        return generation.style in (ReasoningStyle.BUDGET, ReasoningStyle.BUDGET_OR_ADAPTIVE)
    return wish.effort is not None and generation.style is ReasoningStyle.BUDGET


def is_forced(chat: ChatRequest) -> bool:
    """Whether the client demands a tool call."""
    return chat.tool_choice is not None and chat.tool_choice.mode in _FORCING


def _insists_on_budget(chat: ChatRequest) -> bool:
    """The client's own `thinking` object is sent as it is, so the tool choice has to give way."""
    raw = chat.reasoning.raw_thinking
    return raw is not None and raw.get("type") == "enabled"


def _json_way(chat: ChatRequest, generation: Generation, may_force: bool) -> JsonWay | None:
    output = chat.output
    if output is None or output.kind == "text":
        return None
    tool_works = may_force and not is_forced(chat) and not wants_budget(chat, generation)
    native = output.schema is not None and generation.json_schema
    # Closing a map with free keys would leave the model nothing to write into it.
    if native and not (tool_works and has_open_map(output.schema)):
        return JsonWay.NATIVE
    return JsonWay.TOOL if tool_works else JsonWay.WORDS
