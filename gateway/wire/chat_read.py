"""Reads an OpenAI chat request into a `ChatRequest`, checking every known member.

Each fault is an InvalidRequest whose `param` is the member's path (`messages[1].content[0].text`)
and whose message says how to mend it. The reader is permissive where providers differ (more than
four stop strings, roles in any order) and keeps what it does not know, so that a provider of the
same format can write it back unchanged.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.types.chat import ChatRequest, Extra, OutputFormat, Sampling
from gateway.types.json import JsonObject
from gateway.wire.chat_messages import read_messages
from gateway.wire.chat_reasoning import read_reasoning
from gateway.wire.chat_tools import read_tools
from gateway.wire.fields import (
    at,
    fail,
    fail_missing,
    fail_type,
    read_array,
    read_bool,
    read_int,
    read_name,
    read_number,
    read_object,
    read_rest,
    read_string,
)

MAX_STOPS = 64
MAX_MODEL_NAME = 512
MAX_CHOICES = 128

_TYPED = frozenset(
    {
        "frequency_penalty",
        "function_call",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_SAMPLING = frozenset(
    {"temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "stop"}
)
_CHECKS: Mapping[str, Callable[[JsonObject, str], object]] = {
    "audio": read_object,
    "logit_bias": lambda body, name: _check_bias(body[name]),
    "logprobs": read_bool,
    "metadata": read_object,
    "modalities": lambda body, name: _check_modalities(body, name),
    "n": lambda body, name: read_int(body, name, least=1, most=MAX_CHOICES),
    "prediction": read_object,
    "prompt_cache_key": read_name,
    "prompt_cache_options": read_object,
    "prompt_cache_retention": read_name,
    "safety_identifier": read_name,
    "service_tier": read_name,
    "store": read_bool,
    "top_logprobs": lambda body, name: _check_top_logprobs(body, name),
    "user": read_name,
    "verbosity": read_name,
    "web_search_options": read_object,
}


def read_chat(body: JsonObject) -> ChatRequest:
    """Return the request of a `/v1/chat/completions` body that is free of the `gateway` member.

    `model` is "" where the client named none. Where both spellings of the token limit are given,
    `max_completion_tokens` counts. Raises InvalidRequest.
    """
    wishes = read_tools(body)
    limit, limit_field = _token_limit(body)
    extra = _read_extra(body)
    options = read_object(body, "stream_options") or {}
    other_options = read_rest(options, frozenset({"include_usage"}), "stream_options")
    if other_options:
        extra = {**extra, "stream_options": other_options}
    if body.get("reasoning_effort") == "default":  # Groq's own word: only Groq-like servers get it
        extra = {**extra, "reasoning_effort": "default"}
    return ChatRequest(
        model=read_name(body, "model", most=MAX_MODEL_NAME) or "",
        messages=read_messages(body),
        tools=wishes.tools,
        tool_choice=wishes.choice,
        parallel_tool_calls=read_bool(body, "parallel_tool_calls"),
        output=_read_output(body),
        reasoning=read_reasoning(body),
        sampling=_read_sampling(body),
        max_tokens=limit,
        max_tokens_field=limit_field,
        stream=read_bool(body, "stream") or False,
        include_usage=read_bool(options, "include_usage", "stream_options") or False,
        legacy_functions=wishes.legacy,
        extra=extra,
    )


def _token_limit(body: JsonObject) -> tuple[int | None, str]:
    new = read_int(body, "max_completion_tokens", least=1)
    old = read_int(body, "max_tokens", least=1)
    if new is not None:
        return new, "max_completion_tokens"
    return old, "max_tokens"


def _read_sampling(body: JsonObject) -> Sampling:
    if body.keys().isdisjoint(_SAMPLING):
        return Sampling()
    return Sampling(
        temperature=read_number(body, "temperature", least=0, most=2),
        top_p=read_number(body, "top_p", least=0, most=1),
        top_k=read_int(body, "top_k"),
        seed=read_int(body, "seed"),
        frequency_penalty=read_number(body, "frequency_penalty", least=-2, most=2),
        presence_penalty=read_number(body, "presence_penalty", least=-2, most=2),
        stop=_read_stop(body),
    )


def _read_stop(body: JsonObject) -> tuple[str, ...]:
    stop = body.get("stop")
    if stop is None:
        return ()
    if isinstance(stop, str):
        return (stop,)
    if not isinstance(stop, list):
        fail_type("stop", "a string or an array of strings", stop)
    if len(stop) > MAX_STOPS:
        fail("stop", f"'stop' has more than {MAX_STOPS} items.", "array_too_long")
    for place, text in enumerate(stop):
        if not isinstance(text, str):
            fail_type(f"stop[{place}]", "a string", text)
    return tuple(stop)


def _read_output(body: JsonObject) -> OutputFormat | None:
    path = "response_format"
    node = read_object(body, path)
    if node is None:
        return None
    kind = read_string(node, "type", path)
    if kind not in ("text", "json_object", "json_schema"):
        fail(at(path, "type"), f"'{path}.type' must be 'text', 'json_object' or 'json_schema'.")
    if kind != "json_schema":
        return OutputFormat(kind, raw=node)
    here = at(path, "json_schema")
    schema: JsonObject | None = read_object(node, "json_schema", path)
    if schema is None:
        if not isinstance(node.get("schema"), dict):  # Together's older flat form has it here
            fail_missing(here, "Give an object with a 'name' and a 'schema'.")
        schema, here = node, path
    return OutputFormat(
        kind,
        read_name(schema, "name", here, most=256),
        read_string(schema, "description", here),
        read_object(schema, "schema", here),
        read_bool(schema, "strict", here),
        raw=node,
    )


def _read_extra(body: JsonObject) -> Extra:
    """Check the members that stay in `extra`, and return them with those we do not know."""
    extra = read_rest(body, _TYPED)
    for name in extra:
        check = _CHECKS.get(name)
        if check is not None:
            check(body, name)
    return extra


def _check_top_logprobs(body: JsonObject, name: str) -> None:
    if read_int(body, name, least=0, most=20) and not read_bool(body, "logprobs"):
        fail(name, f"'{name}' needs 'logprobs' to be true.")


def _check_modalities(body: JsonObject, name: str) -> None:
    for place, word in enumerate(read_array(body, name, most=16) or ()):
        if not isinstance(word, str):
            fail_type(f"{name}[{place}]", "a string such as 'text'", word)


def _check_bias(bias: Any) -> None:
    if not isinstance(bias, dict | list):  # llama.cpp takes a list of pairs
        fail_type("logit_bias", "an object of token ids and numbers", bias)
