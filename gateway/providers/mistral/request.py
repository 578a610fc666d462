"""The native request: only members that Mistral's schema names, or it answers 422.

The list is that of the chat reference and the mistralai 3.7 SDK (2026-11).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.changes import sampling_changes
from gateway.providers.mistral.efforts import effort_word, may_think
from gateway.providers.mistral.messages import build_messages
from gateway.types.chat import ChatRequest, OutputFormat, Tool, ToolChoiceMode
from gateway.types.json import JsonObject
from gateway.types.upstream import Target

CARRIED = (
    "guardrails",
    "logprobs",
    "metadata",
    "min_tokens",
    "n",
    "prompt_cache_key",
    "prompt_logprobs",
    "prompt_mode",
    "random_seed",
    "repetition_penalty",
    "safe_prompt",
    "top_logprobs",
    "top_prompt_logprobs",
)
"""Top-level members that are sent as the client wrote them."""

_MAX_TEMPERATURE = 1.5  # beyond it the API answers 422 (chat reference)
_TOLD: Mapping[str, str] = {"temperature": "temperature", "seed": "random_seed"}
_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}
_TIERS: Mapping[str, str] = {
    "auto": "auto",
    "default": "standard_only",
    "standard_only": "standard_only",
}
# Tools that run on Mistral's side travel as the client wrote them.
_OWN_TOOLS = frozenset({"connector", "document_library", "image_generation"})


def request_body(chat: ChatRequest, target: Target) -> JsonObject:
    """Return the body of a chat request.

    Raises InvalidRequest for what Mistral cannot express.
    """
    members: JsonObject = {
        "model": target.model,
        "messages": build_messages(chat.messages, thinks=may_think(target)),
        **_tools(chat),
        "response_format": _output(chat.output),
        "reasoning_effort": effort_word(chat.reasoning, target),
        "max_tokens": chat.max_tokens,
        **{name: chat.extra.get(name) for name in CARRIED},
        **_sampling(chat),
        "prediction": _prediction(chat.extra.get("prediction")),
        "service_tier": _TIERS.get(str(chat.extra.get("service_tier"))),
        "stream": chat.stream or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def request_changes(chat: ChatRequest, body: JsonObject) -> Iterator[str]:
    """Yield a line for each wish that `body` does not carry as the client put it."""
    yield from sampling_changes(chat, body, _TOLD)
    wished = chat.reasoning.effort
    if wished not in (None, "none") and "reasoning_effort" not in body:
        yield "dropped: reasoning_effort"
    if "service_tier" in chat.extra and "service_tier" not in body:
        yield "dropped: service_tier"


def _sampling(chat: ChatRequest) -> dict[str, Any]:
    given = chat.sampling
    temperature, top_p = given.temperature, given.top_p
    if temperature == 0 and top_p is not None:
        top_p = None  # the most likely token is taken anyway, and any other value than 1 is refused
    values: dict[str, Any] = {
        "temperature": None if temperature is None else min(temperature, _MAX_TEMPERATURE),
        "top_p": top_p,
        "top_k": given.top_k,
        "frequency_penalty": given.frequency_penalty,
        "presence_penalty": given.presence_penalty,
        "stop": list(given.stop) or None,
    }
    if given.seed is not None:
        values["random_seed"] = abs(given.seed)  # only natural numbers are taken
    return values


def _tools(chat: ChatRequest) -> JsonObject:
    """Return `tools`, `tool_choice` and `parallel_tool_calls`; an empty list is refused."""
    if not chat.tools:
        return {}
    choice = chat.tool_choice
    allowed = choice.allowed if choice is not None else None
    tools = [
        _tool(tool, index)
        for index, tool in enumerate(chat.tools)
        if allowed is None or tool.name in allowed
    ]
    if not tools:
        raise InvalidRequest("'allowed_tools' names none of the tools.", param="tool_choice")
    members: JsonObject = {"tools": tools, "parallel_tool_calls": chat.parallel_tool_calls}
    if chat.legacy_functions and chat.parallel_tool_calls is None:
        members["parallel_tool_calls"] = False  # the client's format has room for one call
    match choice.mode if choice is not None else None:
        case ToolChoiceMode.NAMED if choice is not None:
            members["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        case ToolChoiceMode.REQUIRED:
            members["tool_choice"] = "any"  # `required` came later, and not to every server
        case ToolChoiceMode() as mode:
            members["tool_choice"] = mode.value
        case None:
            pass
    return members


def _tool(tool: Tool, index: int) -> JsonObject:
    if tool.kind in _OWN_TOOLS:
        return dict(tool.raw)
    if tool.kind != "function":
        raise InvalidRequest(
            "Mistral models take function tools only.",
            param=f"tools[{index}].type",
            code="unsupported_tool",
        )
    function: JsonObject = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.schema if tool.schema is not None else dict(_NO_ARGUMENTS),
        "strict": tool.strict,
    }
    given = {name: value for name, value in function.items() if value is not None}
    return {"type": "function", "function": given}


def _output(output: OutputFormat | None) -> JsonObject | None:
    if output is None:
        return None
    if output.kind != "json_schema" or output.schema is None:
        return {"type": output.kind}
    members = {
        "name": output.name or "answer",
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    schema = {name: value for name, value in members.items() if value is not None}
    return {"type": "json_schema", "json_schema": schema}


def _prediction(given: Any) -> JsonObject | None:
    """Return the expected answer; a list of text parts becomes one text."""
    content = given.get("content") if isinstance(given, dict) else None
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        content = "".join(text for text in texts if isinstance(text, str))
    return {"type": "content", "content": content} if isinstance(content, str) else None
