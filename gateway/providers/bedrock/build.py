"""The native request: one body and its headers from the typed middle.

Facts are from the service model of `bedrock-runtime` (botocore 1.44.5) and the Bedrock user guide
(2026-11).
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.providers.anthropic.changes import FORGOTTEN
from gateway.providers.anthropic.native import without_thoughts
from gateway.providers.bedrock.cache import settle_cache_points
from gateway.providers.bedrock.endpoint import control_url, model_url, region_header
from gateway.providers.bedrock.media import Block
from gateway.providers.bedrock.messages import Conversation, build_conversation
from gateway.providers.bedrock.native import REASONING
from gateway.providers.bedrock.output import json_words, text_format
from gateway.providers.bedrock.parts import CACHE_POINT, cache_point
from gateway.providers.bedrock.plan import Plan, make_plan
from gateway.providers.bedrock.sampling import Sampling, plan_sampling
from gateway.providers.bedrock.tools import (
    build_choice,
    build_tools,
    single_call_fields,
    tool_words,
)
from gateway.types.chat import CacheMarker, ChatRequest
from gateway.types.upstream import Target, UpstreamRequest

CARRIED = (
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "inferenceConfig",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
)
"""Top-level members of Converse's own that a client may set; they are laid over ours."""

_JSON = "application/json"
_EVENTS = "application/vnd.amazon.eventstream"
_TIERS = ("default", "flex", "priority", "reserved")
_MAX_METADATA, _MAX_METADATA_TEXT = 16, 256
_NOT_METADATA = re.compile(r"[^a-zA-Z0-9\s:_@$#=/+,.-]")


def build_request(chat: ChatRequest, target: Target) -> UpstreamRequest:
    """Write the request to `converse` or `converse-stream`, without credentials.

    Raises InvalidRequest for what Bedrock cannot express.
    """
    plan = make_plan(chat, target)
    talk = build_conversation(chat, target, plan.family)
    sampling = plan_sampling(chat, target, plan, talk.history)
    if sampling.forgets:
        chat = without_thoughts(chat, lambda block: REASONING in block)
        talk = build_conversation(chat, target, plan.family)
    body = _body(chat, plan, talk, sampling)
    accept = _EVENTS if chat.stream else _JSON
    return UpstreamRequest(
        "POST",
        model_url(target, "converse-stream" if chat.stream else "converse"),
        (("content-type", _JSON), ("accept", accept), *region_header(target)),
        orjson.dumps(body),
        stream=chat.stream,
        warnings=(FORGOTTEN,) if sampling.forgets else (),
    )


def build_probe(target: Target) -> UpstreamRequest:
    """Write a call that proves a key and costs nothing: the list of one vendor's models."""
    url = control_url(target, "foundation-models?byProvider=amazon")
    return UpstreamRequest("GET", url, (("accept", _JSON), *region_header(target)), b"")


def _body(chat: ChatRequest, plan: Plan, talk: Conversation, sampling: Sampling) -> dict[str, Any]:
    """Write the body; members without a value are left out, and the client's own come last."""
    tools = build_tools(chat, plan, talk.messages)
    choice = build_choice(chat, plan, tools)
    system = list(talk.system)
    _mark_end(chat, talk.messages)
    settle_cache_points(tools, system, talk.messages, plan.family)
    words = (*tool_words(chat, plan, tools), json_words(chat, plan))
    system, messages = _with_words([text for text in words if text], system, talk.messages, plan)
    tool_config = {"tools": tools, "toolChoice": choice}
    format_ = text_format(chat, plan)
    members: dict[str, Any] = {
        "messages": messages,
        "system": system,
        "inferenceConfig": sampling.config,
        "toolConfig": {name: value for name, value in tool_config.items() if value},
        "additionalModelRequestFields": {
            **sampling.fields,
            **single_call_fields(chat, plan, tools, choice),
        },
        "outputConfig": {"textFormat": format_} if format_ is not None else {},
        "requestMetadata": _metadata(chat),
        "serviceTier": _service_tier(chat),
    }
    for name in CARRIED:
        if name in chat.extra:
            members[name] = _laid_over(members.get(name), chat.extra[name])
    if not chat.stream:
        members["guardrailConfig"] = _without_streaming(members.get("guardrailConfig"))
    return {name: value for name, value in members.items() if value not in (None, {}, [])}


def _laid_over(ours: Any, theirs: Any) -> Any:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return {**ours, **theirs}
    return theirs


def _without_streaming(guardrail: Any) -> Any:
    """Only a stream has a processing mode."""
    if not isinstance(guardrail, Mapping):
        return guardrail
    return {name: value for name, value in guardrail.items() if name != "streamProcessingMode"}


def _mark_end(chat: ChatRequest, messages: list[dict[str, Any]]) -> None:
    """Anthropic's top-level `cache_control` marks the end of the conversation."""
    marker = chat.extra.get("cache_control")
    if isinstance(marker, Mapping) and CACHE_POINT not in messages[-1]["content"][-1]:
        ttl = marker.get("ttl")
        messages[-1]["content"].append(
            cache_point(CacheMarker(ttl if isinstance(ttl, str) else None))
        )


def _with_words(
    words: list[str], system: list[Block], messages: list[dict[str, Any]], plan: Plan
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Add our own instructions behind the client's, so that a cached prefix stays what it was."""
    blocks = [{"text": text} for text in words]
    if not blocks or plan.family.system:
        return [*system, *blocks], messages
    last = messages[-1]
    if last["role"] == "user":
        return system, [*messages[:-1], {**last, "content": [*last["content"], *blocks]}]
    return system, [*messages, {"role": "user", "content": blocks}]


def _metadata(chat: ChatRequest) -> dict[str, str]:
    """Write `metadata` in the characters and lengths that request metadata may have."""
    given = chat.extra.get("metadata")
    found: dict[str, str] = {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        key = _NOT_METADATA.sub("_", str(name))[:_MAX_METADATA_TEXT]
        if key and isinstance(value, str) and len(found) < _MAX_METADATA:
            found[key] = _NOT_METADATA.sub("_", value)[:_MAX_METADATA_TEXT]
    return found


def _service_tier(chat: ChatRequest) -> dict[str, str] | None:
    tier = chat.extra.get("service_tier")
    return {"type": tier} if isinstance(tier, str) and tier in _TIERS else None
