"""The native request: one body and its headers from the typed middle."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.providers.google.addresses import gemini_url, vertex_url
from gateway.providers.google.config import build_config, json_words, tell_changes
from gateway.providers.google.conversation import Conversation, build_conversation
from gateway.providers.google.extensions import Extensions
from gateway.providers.google.plan import Plan, make_plan
from gateway.providers.google.thinking import Thinking, plan_thinking
from gateway.providers.google.tools import build_tool_config, build_tools
from gateway.types.chat import ChatRequest
from gateway.types.upstream import Target, UpstreamRequest

JSON = (("content-type", "application/json"),)
_TIERS: Mapping[str, str] = {"flex": "flex", "priority": "priority", "standard": "standard"}
_TIER_HEADER = "x-vertex-ai-llm-shared-request-type"  # Vertex: "Priority" and "Flex" pages, 2026-11


def build_request(chat: ChatRequest, target: Target, *, vertex: bool) -> UpstreamRequest:
    """Write the request to `generateContent`, without credentials.

    Raises InvalidRequest for what Google cannot express.
    """
    plan = make_plan(chat, target, vertex=vertex)
    talk = build_conversation(chat, plan)
    thinking = plan_thinking(chat, plan.generation)
    method = "streamGenerateContent?alt=sse" if chat.stream else "generateContent"
    tier = _TIERS.get(str(chat.extra.get("service_tier")))
    body = _body(chat, plan, talk, thinking)
    headers: tuple[tuple[str, str], ...] = JSON
    if tier is not None and vertex:
        headers = (*JSON, (_TIER_HEADER, tier))
    elif tier is not None:
        body["serviceTier"] = tier
    return UpstreamRequest(
        "POST",
        vertex_url(target, method) if vertex else gemini_url(target, method),
        headers,
        orjson.dumps(body),
        stream=chat.stream,
        warnings=tuple(_changes(chat, plan, talk, thinking)),
    )


def _body(chat: ChatRequest, plan: Plan, talk: Conversation, thinking: Thinking) -> dict[str, Any]:
    """Write the body; members without a value are left out."""
    own = Extensions(chat)
    words = json_words(chat, plan)
    system = [*talk.system, *([{"text": words}] if words else [])]
    contents = talk.contents
    # A cache made beforehand holds its own instruction: beside it another one is a 400.
    if system and (not plan.generation.system or "cachedContent" in own.body):
        contents = [{**contents[0], "parts": [*system, *contents[0]["parts"]]}, *contents[1:]]
        system = []
    tools = build_tools(chat, plan)
    members = {
        "systemInstruction": {"parts": system} if system else None,
        "contents": contents,
        "tools": tools,
        "toolConfig": {**(build_tool_config(chat, plan, tools) or {}), **own.tool_config},
        "generationConfig": {**build_config(chat, plan, thinking.config), **own.config},
        **own.body,
    }
    return {name: value for name, value in members.items() if value not in (None, [], {})}


def _changes(
    chat: ChatRequest, plan: Plan, talk: Conversation, thinking: Thinking
) -> Iterator[str]:
    """Yield what the client must hear of: wishes that could not be sent as they were."""
    yield from tell_changes(chat, plan)
    if thinking.change is not None:
        yield thinking.change
    if talk.missing:
        yield f"changed: messages ({talk.missing} tool calls had no result)"
