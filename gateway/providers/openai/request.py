"""Writes a chat request in OpenAI's format: what the client sent, less what this vendor refuses."""

from collections.abc import Mapping
from typing import Any

from gateway.providers.openai.quirks import Quirks
from gateway.providers.openai.request_messages import message_body, tool_body
from gateway.types.chat import ChatRequest, OutputFormat, Reasoning, ToolChoice, ToolChoiceMode
from gateway.types.json import JsonObject
from gateway.types.models import ModelInfo, ReasoningStyle
from gateway.types.upstream import Target
from gateway.wire.chat_reasoning import effort_of

_THINKING_STYLES = (
    ReasoningStyle.EFFORT,
    ReasoningStyle.ADAPTIVE,
    ReasoningStyle.BUDGET_OR_ADAPTIVE,
)
_LOW_BUDGET, _MEDIUM_BUDGET = 2_048, 8_192  # tokens; where one effort word ends, the next begins


def chat_body(chat: ChatRequest, target: Target, quirks: Quirks) -> JsonObject:
    """Return the body of a chat request. On a stream, usage is always asked for."""
    body: JsonObject = {
        "model": target.model,
        "messages": [message_body(message, quirks) for message in chat.messages],
    }
    if chat.tools:
        body["tools"] = [tool_body(tool, quirks) for tool in chat.tools]
    if chat.tool_choice is not None:
        body["tool_choice"] = _choice_body(chat.tool_choice)
    if chat.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = chat.parallel_tool_calls
    elif chat.legacy_functions and chat.tools:
        body["parallel_tool_calls"] = False  # the client's format has room for one call
    if chat.output is not None:
        body["response_format"] = _output_body(chat.output)
    body |= _reasoning_members(chat.reasoning, target.info, quirks)
    body |= _sampling_members(chat, quirks)
    if chat.max_tokens is not None:
        body[_limit_field(chat, target.info, quirks)] = chat.max_tokens
    for name, value in chat.extra.items():
        if name != "stream_options":
            body[name] = value
    if chat.stream:
        body["stream"] = True
        body["stream_options"] = {**chat.extra.get("stream_options", {}), "include_usage": True}
    return body


def _sampling_members(chat: ChatRequest, quirks: Quirks) -> JsonObject:
    sampling = chat.sampling
    members: JsonObject = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
    }
    for name in ("frequency_penalty", "presence_penalty"):
        value = getattr(sampling, name)
        members[name] = value if value or quirks.zero_penalties else None
    return {name: value for name, value in members.items() if value is not None}


def _limit_field(chat: ChatRequest, info: ModelInfo, quirks: Quirks) -> str:
    """Return the spelling of the token limit that the vendor, or else the model, insists on."""
    if quirks.max_tokens_field is not None:
        return quirks.max_tokens_field
    thinks = quirks.new_limit_for_thinking and info.reasoning in _THINKING_STYLES
    if thinks or "max_tokens" in info.refuses:
        return "max_completion_tokens"
    if "max_completion_tokens" in info.refuses:
        return "max_tokens"
    return chat.max_tokens_field


def _reasoning_members(wish: Reasoning, info: ModelInfo, quirks: Quirks) -> JsonObject:
    """Return the wish to think in the spellings the vendor takes."""
    members: JsonObject = {}
    if quirks.reasoning_object:
        reasoning = wish.raw_reasoning
        if reasoning is None and not quirks.thinking_object:
            reasoning = _as_reasoning_object(wish)
        if reasoning is not None:
            members["reasoning"] = reasoning
    if quirks.thinking_object and wish.raw_thinking is not None:
        members["thinking"] = wish.raw_thinking
    implied = effort_of(wish.raw_reasoning, wish.raw_thinking)
    if wish.effort is not None and wish.effort != implied:
        members["reasoning_effort"] = wish.effort
    elif not members and info.reasoning in _THINKING_STYLES:
        effort = implied or _effort_for(wish.budget_tokens)
        if effort is not None and effort != "none":  # most models that think cannot be told not to
            members["reasoning_effort"] = effort
    return members


def _as_reasoning_object(wish: Reasoning) -> Mapping[str, Any] | None:
    """Say an Anthropic-style `thinking` in OpenRouter's words."""
    if wish.raw_thinking is None:
        return None
    if wish.budget_tokens is not None:
        return {"max_tokens": wish.budget_tokens}
    return {"enabled": wish.raw_thinking.get("type") != "disabled"}


def _effort_for(budget: int | None) -> str | None:
    if budget is None:
        return None
    if budget <= _LOW_BUDGET:
        return "low"
    return "medium" if budget <= _MEDIUM_BUDGET else "high"


def _choice_body(choice: ToolChoice) -> object:
    if choice.raw is not None:
        return choice.raw
    if choice.mode is ToolChoiceMode.NAMED:
        return {"type": "function", "function": {"name": choice.name}}
    if choice.allowed is None:
        return choice.mode.value
    tools = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
    allowed = {"mode": choice.mode.value, "tools": tools}
    return {"type": "allowed_tools", "allowed_tools": allowed}


def _output_body(output: OutputFormat) -> object:
    if output.raw:
        return output.raw
    if output.kind != "json_schema":
        return {"type": output.kind}
    members = {
        "name": output.name or "answer",
        "description": output.description,
        "schema": output.schema,
        "strict": output.strict,
    }
    schema = {name: value for name, value in members.items() if value is not None}
    return {"type": "json_schema", "json_schema": schema}
