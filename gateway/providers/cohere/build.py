"""The native request: Cohere's v2 chat body from the typed middle.

Names and ranges are from the v2 chat reference and the cohere 7.3 SDK's types (2026-11). A value
beyond a range is moved to its end: it changes sampling only, and the API would answer 400.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.cohere.messages import build_messages
from gateway.providers.cohere.tools import tool_members
from gateway.types.chat import ChatRequest, OutputFormat, Reasoning
from gateway.types.json import JsonObject
from gateway.types.models import ReasoningStyle
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
_BUDGETS: Mapping[str, int] = MappingProxyType(
    {"minimal": 512, "low": 1024, "medium": 8192, "high": 16384}
)


def build_request(chat: ChatRequest, target: Target) -> UpstreamRequest:
    """Write the request to `/v2/chat`, without credentials.

    Raises InvalidRequest for what Cohere cannot express.
    """
    thinks = target.info.reasoning not in (None, ReasoningStyle.NONE)
    body: JsonObject = {
        "model": target.model,
        "messages": build_messages(chat, thinks=thinks),
        "stream": chat.stream,
        **{name: chat.extra[name] for name in CARRIED if name in chat.extra},
        **tool_members(chat),
    }
    members = {
        "response_format": _response_format(chat.output),
        "thinking": _thinking(chat.reasoning, target),
        "max_tokens": chat.max_tokens,
        "logprobs": chat.extra.get("logprobs") or None,
        **_sampling(chat),
    }
    body |= {name: value for name, value in members.items() if value is not None}
    return UpstreamRequest(
        "POST", endpoint(target, "v2/chat"), JSON, orjson.dumps(body), chat.stream
    )


def endpoint(target: Target, path: str) -> str:
    """Return a URL under the target's base, whether or not that ends in a version."""
    base = target.base_url.rstrip("/").removesuffix("/v1").removesuffix("/v2")
    return f"{base}/{path}"


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
    return {**limited, "seed": given.seed, "stop_sequences": list(given.stop) or None}


def _response_format(output: OutputFormat | None) -> JsonObject | None:
    if output is None or output.kind == "text":
        return None
    if output.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": output.schema}


def _thinking(wish: Reasoning, target: Target) -> JsonObject | None:
    """Write the wish to think; models that think do so unasked, so silence says nothing."""
    if target.info.reasoning is ReasoningStyle.NONE:
        return None
    if wish.effort == "none":
        return {"type": "disabled"}
    if wish == Reasoning():
        return None
    budget = wish.budget_tokens
    if budget is None and wish.raw_thinking is not None:
        own = wish.raw_thinking.get("token_budget")  # Cohere's own name for it
        budget = own if type(own) is int else None
    if budget is None:
        budget = _BUDGETS.get(wish.effort or "")
    return {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}
