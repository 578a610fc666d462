"""The decisions of one request, taken once: building and parsing both follow from them.

Everything here follows from the request and the target alone, so the parser of a reply comes to the
same plan as the builder of its request.
"""

from enum import StrEnum

from msgspec import Struct

from gateway.providers.anthropic.names import Names
from gateway.providers.google.generations import Generation, generation_of
from gateway.providers.google.names import legal_names
from gateway.types.chat import ChatRequest
from gateway.types.upstream import Target


class JsonWay(StrEnum):
    """How a model is brought to answer in JSON."""

    NATIVE = "native"  # responseMimeType, with a schema where there is one
    WORDS = "words"  # an instruction


class Plan(Struct, frozen=True):
    """How one request is put to one model.

    `vertex` tells the two APIs apart. `names` are the function names as sent, `custom` those of
    custom tools. `json` is how a JSON answer is asked for, None where none is.
    """

    vertex: bool
    generation: Generation
    names: Names
    custom: frozenset[str] = frozenset()
    json: JsonWay | None = None


def make_plan(chat: ChatRequest, target: Target, *, vertex: bool) -> Plan:
    """Decide how to put a request to a target's model."""
    generation = generation_of(target.model, target.info)
    names = legal_names(chat)
    custom = frozenset(names.wire(tool.name) for tool in chat.tools if tool.kind == "custom")
    return Plan(vertex, generation, names, custom, _json_way(chat, generation))


def _json_way(chat: ChatRequest, generation: Generation) -> JsonWay | None:
    if chat.output is None or chat.output.kind == "text":
        return None
    has_tools = bool(chat.tools) or "web_search_options" in chat.extra
    # Before the third generation a JSON answer and tools in one request are a 400.
    if generation.json_mode and (generation.mixes or not has_tools):
        return JsonWay.NATIVE
    return JsonWay.WORDS
