"""The native request: Cohere's v2 chat body from the typed middle.

Names and ranges are from the v2 chat reference and the cohere 7.3 SDK's types (2026-11). A value
beyond a range is moved to its end: it changes sampling only, and the API would answer 400.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.changes import sampling_changes
from gateway.providers.cohere.messages import build_messages
from gateway.providers.cohere.names import legal_names
from gateway.providers.cohere.thinking import thinks, write_thinking
from gateway.providers.cohere.tools import tool_members
from gateway.types.chat import ChatRequest, OutputFormat
from gateway.types.json import JsonObject
from gateway.types.upstream import Target, UpstreamRequest

CARRIED = ("citation_options", "documents", "priority", "safety_mode", "strict_tools")
"""Top-level members of Cohere's own that a client may set; sent as they are."""

JSON = (("content-type", "application/json"),)
MAX_STOPS = 5
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "temperature": (0, 1),
        "p": (0.01, 0.99),
        "k": (0, 500),
        "frequency_penalty": (0, 1),
        "presence_penalty": (0, 1),
    }
)
_SEEDS = 2**64
_PENALTIES = ("frequency_penalty", "presence_penalty")
_TOLD: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "p",
        "top_k": "k",
        "seed": "seed",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
    }
)
_JSON_WORDS = (
    "Answer with one JSON object and nothing else: no prose before or after, no code fence."
)


def build_request(chat: ChatRequest, target: Target) -> UpstreamRequest:
    """Write the request to `/v2/chat`, without credentials.

    Raises InvalidRequest for what Cohere cannot express.
    """
    names = legal_names(chat)
    words = _json_words(chat)
    body: JsonObject = {
        "model": target.model,
        "messages": build_messages(
            chat, names, thinks=bool(thinks(target)), words=() if words is None else (words,)
        ),
        "stream": chat.stream,
        **_carried(chat),
        **tool_members(chat, names),
    }
    members = {
        "response_format": _response_format(chat.output) if words is None else None,
        "thinking": write_thinking(chat.reasoning, target),
        "max_tokens": _max_tokens(chat, target),
        "logprobs": chat.extra.get("logprobs") or None,
        **_sampling(chat),
    }
    body |= {name: value for name, value in members.items() if value is not None}
    url, warnings = endpoint(target, "v2/chat"), tuple(_changes(chat, body, words))
    return UpstreamRequest("POST", url, JSON, orjson.dumps(body), chat.stream, warnings)


def endpoint(target: Target, path: str) -> str:
    """Return a URL under the target's base, whether or not that ends in a version."""
    base = target.base_url.rstrip("/").removesuffix("/v1").removesuffix("/v2")
    return f"{base}/{path}"


def _carried(chat: ChatRequest) -> JsonObject:
    """Return Cohere's own members, without those that it refuses as they are."""
    given = {name: chat.extra[name] for name in CARRIED if name in chat.extra}
    if given.get("documents") == []:
        del given["documents"]
    if not chat.tools:
        given.pop("strict_tools", None)
    return given


def _sampling(chat: ChatRequest) -> dict[str, Any]:
    given = chat.sampling
    if len(given.stop) > MAX_STOPS:
        raise InvalidRequest(
            f"Cohere models take at most {MAX_STOPS} stop sequences.",
            param="stop",
            code="unsupported_parameter",
        )
    values = {
        "temperature": given.temperature,
        "p": given.top_p,
        "k": given.top_k,
        "frequency_penalty": given.frequency_penalty,
        "presence_penalty": given.presence_penalty,
    }
    limited = {
        name: min(max(value, _RANGES[name][0]), _RANGES[name][1])
        for name, value in values.items()
        if value is not None
    }
    if all(limited.get(name) is not None for name in _PENALTIES):  # together they are refused
        limited = {n: v for n, v in limited.items() if v != 0 or n not in _PENALTIES}
    seed = None if given.seed is None else given.seed % _SEEDS
    return {**limited, "seed": seed, "stop_sequences": list(given.stop) or None}


def _response_format(output: OutputFormat | None) -> JsonObject | None:
    if output is None or output.kind == "text":
        return None
    if output.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": output.schema}


def _json_words(chat: ChatRequest) -> str | None:
    """Write the wish for JSON as an instruction; None where the API takes it as it is.

    It refuses `response_format` beside tools and beside documents.
    """
    output = chat.output
    if output is None or output.kind == "text" or not (chat.tools or chat.extra.get("documents")):
        return None
    if output.schema is None:
        return _JSON_WORDS
    schema = orjson.dumps(output.schema).decode()
    return f"{_JSON_WORDS} The object must be valid against this JSON Schema:\n{schema}"


def _max_tokens(chat: ChatRequest, target: Target) -> int | None:
    """Return the limit, which must not be beyond the model's own."""
    most = target.info.max_output
    if chat.max_tokens is None or most is None:
        return chat.max_tokens
    return min(chat.max_tokens, most)


def _changes(chat: ChatRequest, body: JsonObject, words: str | None) -> Iterator[str]:
    """Yield a line for each wish that `body` does not carry as the client put it."""
    unsaid = [name for name in _PENALTIES if getattr(chat.sampling, name) == 0]
    told = {name: native for name, native in _TOLD.items() if name not in unsaid}
    yield from sampling_changes(chat, body, told)
    if chat.max_tokens != body.get("max_tokens"):
        yield f"changed: max_tokens (to {body['max_tokens']})"
    if words is not None:
        yield "changed: response_format (asked for in words)"
    if chat.reasoning.effort not in (None, "none") and "thinking" not in body:
        yield "dropped: reasoning_effort"
