"""The top-level parameters of a chat request, and what goes with which model.

Sources: the API reference of POST /v2/chat and the types of the official Python client (7.3.1,
2026); docs.cohere.com, "Errors" (2025).
"""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.cohere.refusals import refuse, refuse_unknown
from gateway.sandbox.formats.cohere.rules import (
    Rule,
    anything,
    array,
    check_members,
    is_array,
    is_bool,
    is_object,
    is_string,
    number,
    one_of,
)

_MAX_INT = 2**63 - 1
_MAX_STOPS = 5

PARAMETERS: Mapping[str, Rule] = {
    "model": is_string,
    "messages": is_array,
    "citation_options": is_object,
    "documents": is_array,
    "frequency_penalty": number(0, 1),
    "k": number(0, 500, whole=True),
    "logprobs": is_bool,
    "max_tokens": number(0, _MAX_INT, whole=True),
    "p": number(0.01, 0.99),
    "presence_penalty": number(0, 1),
    "priority": number(0, 999, whole=True),
    "response_format": is_object,
    "safety_mode": one_of("CONTEXTUAL", "STRICT", "OFF"),
    "seed": number(0, 2**64 - 1, whole=True),
    "stop_sequences": array(_MAX_STOPS, is_string),
    "stream": is_bool,
    "strict_tools": is_bool,
    "temperature": number(0, 1.0),
    "thinking": is_object,
    "tool_choice": one_of("REQUIRED", "NONE"),
    "tools": anything,
}
_CITATIONS = one_of("ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF")
_budget = number(1, _MAX_INT, whole=True)

# The longest answer of a model, by the beginning of its name (docs.cohere.com, "Models", 2026).
_LONGEST: Mapping[str, int] = {
    "command-r": 4_000,
    "command-a-03": 8_000,
    "command-a-vision": 8_000,
    "command-a-translate": 8_000,
    "command-a-reasoning": 32_000,
}
_SEEING = ("sandbox-", "command-a-vision", "command-a-plus", "c4ai-aya-vision")
_THINKING = ("sandbox-", "command-a-reasoning", "command-a-plus")


def check_parameters(request: Mapping[str, Any]) -> None:
    """Check every top-level member, then what they demand of one another. Raises Refused."""
    for name, value in request.items():
        rule = PARAMETERS.get(name)
        if rule is None:
            raise refuse_unknown(name)
        if value is not None:
            rule(value, name)
    if not request.get("model"):
        raise refuse("a model parameter is required for this endpoint.")
    if not request.get("messages"):
        raise refuse("invalid request: messages must have at least one message.")
    _check_company(request)
    _check_model(request)


def _check_company(request: Mapping[str, Any]) -> None:
    options = request.get("citation_options") or {}
    check_members(options, ("mode",))
    if options.get("mode") is not None:
        _CITATIONS(options["mode"], "citation_options.mode")
    if request.get("tool_choice") is not None and not request.get("tools"):
        raise refuse("invalid request: tool_choice can only be used with tools.")
    if request.get("strict_tools") and not request.get("tools"):
        raise refuse("invalid request: strict_tools can only be used with tools.")
    if request.get("response_format") is not None:
        if request.get("documents"):
            raise refuse("invalid request: response_format is not supported with RAG.")
        if request.get("tools") and request["response_format"].get("type") != "text":
            raise refuse("invalid request: response_format is not supported with tools.")
    if request.get("documents") == []:
        raise refuse("invalid request: list of documents must not be empty")


def _check_model(request: Mapping[str, Any]) -> None:
    model, wanted = request["model"], request.get("max_tokens")
    longest = next((most for start, most in _LONGEST.items() if model.startswith(start)), None)
    if longest is not None and wanted is not None and wanted > longest:
        raise refuse(
            f"too many tokens: max tokens must be less than or equal to {longest}, the maximum "
            f"output for this model - received {wanted}."
        )
    thinking = request.get("thinking")
    if thinking is None:
        return
    check_members(thinking, ("type", "token_budget"))
    one_of("enabled", "disabled")(thinking.get("type"), "thinking.type")
    if thinking.get("token_budget") is not None:
        _budget(thinking["token_budget"], "thinking.token_budget")
    if thinking["type"] == "enabled" and not is_thinking_model(model):
        raise refuse("invalid request: thinking is not supported by the provided model.")


def is_thinking_model(model: str) -> bool:
    """Whether a model reasons unless it is told not to."""
    return model.startswith(_THINKING)


def sees(model: str) -> bool:
    """Whether a model takes pictures."""
    return model.startswith(_SEEING)
