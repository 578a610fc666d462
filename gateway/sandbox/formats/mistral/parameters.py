"""The members of a chat request, as Mistral's contract has them: no others are let in.

Source: the API reference of POST /v1/chat/completions and the types of the official Python client
(3.7.0, 2026).
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.mistral.faults import (
    Faults,
    Members,
    Rule,
    anything,
    is_flag,
    is_map,
    is_text,
    list_of,
    model,
    nullable,
    number,
    one_of,
    tagged,
    text_or,
)
from gateway.sandbox.formats.mistral.refusals import refuse, refuse_faults

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_REASONERS = re.compile(r"sandbox-|magistral-|mistral-(small-(latest|26)|medium-3[-.]5)")

_TEXT: Members = {"type": one_of("text"), "text": is_text}
_text = model(_TEXT, ("text",))
_reference = model({"type": one_of("reference"), "reference_ids": list_of(anything)})


def _untagged_text(value: Any, loc: tuple[str | int, ...], faults: Faults) -> None:
    """Inside a thinking chunk `type` may be left out where it is text."""
    kind = value.get("type", "text") if isinstance(value, dict) else "text"
    (_reference if kind == "reference" else _text)(value, loc, faults)


_thinking = model(
    {
        "type": one_of("thinking"),
        "thinking": list_of(_untagged_text),
        "signature": nullable(is_text),
        "closed": is_flag,
    },
    ("thinking",),
)
_IMAGE: Members = {"url": is_text, "detail": nullable(one_of("low", "auto", "high"))}
_CHUNKS: Mapping[str, Rule] = {
    "text": _text,
    "image_url": model(
        {"type": one_of("image_url"), "image_url": text_or(model(_IMAGE, ("url",)))},
        ("image_url",),
    ),
    "document_url": model(
        {
            "type": one_of("document_url"),
            "document_url": is_text,
            "document_name": nullable(is_text),
        },
        ("document_url",),
    ),
    "reference": _reference,
    "file": model({"type": one_of("file"), "file_id": is_text}, ("file_id",)),
    "thinking": _thinking,
    "input_audio": model(
        {"type": one_of("input_audio"), "input_audio": text_or(is_map)}, ("input_audio",)
    ),
}
_content = text_or(list_of(tagged("type", _CHUNKS)))
_CALL: Members = {
    "id": is_text,
    "type": is_text,
    "function": model({"name": is_text, "arguments": text_or(is_map)}, ("name", "arguments")),
    "index": number(0, whole=True),
}
_MESSAGES: Mapping[str, Rule] = {
    "system": model({"role": anything, "content": _content}, ("content",)),
    "user": model({"role": anything, "content": nullable(_content)}, ("content",)),
    "assistant": model(
        {
            "role": anything,
            "content": nullable(_content),
            "tool_calls": nullable(list_of(model(_CALL, ("function",)))),
            "prefix": is_flag,
        }
    ),
    "tool": model(
        {
            "role": anything,
            "content": nullable(_content),
            "tool_call_id": nullable(is_text),
            "name": nullable(is_text),
        },
        ("content",),
    ),
}
_function = model(
    {"name": is_text, "description": is_text, "parameters": is_map, "strict": is_flag},
    ("name", "parameters"),
)
_named = model({"type": is_text, "function": model({"name": is_text}, ("name",))}, ("function",))
_SCHEMA: Members = {
    "name": is_text,
    "description": nullable(is_text),
    "schema": is_map,
    "strict": is_flag,
}


def _check_choice(value: Any, loc: tuple[str | int, ...], faults: Faults) -> None:
    rule = _named if isinstance(value, dict) else one_of("auto", "none", "any", "required")
    rule(value, loc, faults)


_nothing_less = number(0, whole=True)
_penalty = number(-2, 2)
PARAMETERS: Members = {
    "model": is_text,
    "messages": list_of(tagged("role", _MESSAGES)),
    "frequency_penalty": nullable(_penalty),
    "guardrails": nullable(list_of(is_map)),
    "logprobs": nullable(is_flag),
    "max_tokens": nullable(_nothing_less),
    "metadata": nullable(is_map),
    "min_tokens": nullable(_nothing_less),
    "n": nullable(number(1, whole=True)),
    "parallel_tool_calls": is_flag,
    "prediction": model({"type": one_of("content"), "content": is_text}),
    "presence_penalty": nullable(_penalty),
    "prompt_cache_key": nullable(is_text),
    "prompt_logprobs": nullable(is_flag),
    "prompt_mode": nullable(one_of("reasoning")),
    "random_seed": nullable(_nothing_less),
    "reasoning_effort": nullable(one_of(*EFFORTS)),
    "repetition_penalty": nullable(number(0)),
    "response_format": model(
        {
            "type": one_of("text", "json_object", "json_schema"),
            "json_schema": nullable(model(_SCHEMA, ("name", "schema"))),
        }
    ),
    "safe_prompt": is_flag,
    "service_tier": nullable(one_of("auto", "standard_only")),
    "stop": nullable(text_or(list_of(is_text))),
    "stream": is_flag,
    "temperature": nullable(number(0, 1.5)),
    "tool_choice": _check_choice,
    "tools": nullable(
        list_of(model({"type": one_of("function"), "function": _function}, ("function",)))
    ),
    "top_k": nullable(number(-1, whole=True)),
    "top_logprobs": nullable(_nothing_less),
    "top_p": nullable(number(0, 1)),
    "top_prompt_logprobs": nullable(_nothing_less),
}


def check_parameters(request: Mapping[str, Any]) -> None:
    """Check every member of a request, all the way down. Raises Refused."""
    faults = Faults()
    model(PARAMETERS, ("model", "messages"))(request, ("body",), faults)
    if faults.found:
        raise refuse_faults(faults.found)
    effort = request.get("reasoning_effort")
    if effort is not None and not _REASONERS.match(request["model"]):
        raise refuse(f"reasoning_effort={effort!r} is not supported for this model")


def is_reasoning_model(name: str) -> bool:
    """Whether a model reasons unless it is told not to."""
    return name.startswith(("sandbox-", "magistral-"))
