"""The native request: one body and its headers from the typed middle.

Facts are from Anthropic's Messages API reference and the anthropic 2.12 SDK's types (2026-11).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from gateway.providers.anthropic.cache import limit_breakpoints
from gateway.providers.anthropic.changes import tell_changes
from gateway.providers.anthropic.messages import Conversation, build_conversation
from gateway.providers.anthropic.native import is_thought, without_thoughts
from gateway.providers.anthropic.output import json_format, json_words
from gateway.providers.anthropic.plan import Plan, make_plan
from gateway.providers.anthropic.reasoning import Thinking, plan_thinking
from gateway.providers.anthropic.tools import build_choice, build_tools, forcing_words
from gateway.types.chat import ChatRequest
from gateway.types.upstream import Target, UpstreamRequest

DEFAULT_VERSION = "2023-06-01"
_WITHOUT_SAMPLING = frozenset({"2026-10-21"})  # versions that answer any sampling value with 400

CARRIED = (
    "cache_control",
    "compaction",
    "container",
    "context_management",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "speed",
)
"""Top-level members of Anthropic's own that a client may set; sent as they are."""

# Above this, Anthropic's own SDKs refuse to wait for an answer in one piece: it may take longer than
# ten minutes, and connections that idle that long are cut. Asked for as a stream, it comes whole.
_MAX_TOKENS_IN_ONE_PIECE = 21_333

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[\d\s()./-]{7,}")
_MAX_USER_ID = 256  # characters, `metadata.user_id` in the API reference


def build_request(chat: ChatRequest, target: Target) -> UpstreamRequest:
    """Write the request to `/v1/messages`, without credentials.

    Raises InvalidRequest for what Anthropic cannot express.
    """
    plan = make_plan(chat, target)
    conversation = build_conversation(chat, plan.names)
    thinking = plan_thinking(chat, target, plan, conversation.history)
    if thinking.forgets:
        conversation = build_conversation(without_thoughts(chat, is_thought), plan.names)
    version = target.settings.get("api_version") or DEFAULT_VERSION
    body = _body(chat, target, plan, conversation, thinking)
    if version not in _WITHOUT_SAMPLING:
        body.update(_sampling(chat, plan, thinking))
    headers = {"content-type": "application/json", "anthropic-version": version}
    betas = dict.fromkeys(_betas(chat, body))
    if betas:
        headers["anthropic-beta"] = ",".join(betas)
    return UpstreamRequest(
        "POST",
        endpoint(target, "messages"),
        tuple(headers.items()),
        orjson.dumps(body),
        stream=bool(body.get("stream")),
        warnings=tuple(tell_changes(chat, plan, thinking, body)),
    )


def build_probe(target: Target) -> UpstreamRequest:
    """Write the cheapest call that proves a key: one entry of the list of models."""
    version = target.settings.get("api_version") or DEFAULT_VERSION
    url = endpoint(target, "models?limit=1")
    return UpstreamRequest("GET", url, (("anthropic-version", version),), b"")


def endpoint(target: Target, path: str) -> str:
    """Return a URL under the target's base, whether or not that ends in `/v1`."""
    base = target.base_url.rstrip("/").removesuffix("/v1")
    return f"{base}/v1/{path}"


def _body(
    chat: ChatRequest, target: Target, plan: Plan, talk: Conversation, thinking: Thinking
) -> dict[str, Any]:
    """Write the body but for sampling values; members without a value are left out."""
    words = (json_words(chat, plan), forcing_words(chat, plan))
    system = [*talk.system, *({"type": "text", "text": text} for text in words if text)]
    tools = build_tools(chat, plan)
    carried = {name: chat.extra[name] for name in CARRIED if name in chat.extra}
    limit_breakpoints(tools, system, talk.messages, reserved=int("cache_control" in carried))
    members = {
        "model": target.model,
        "max_tokens": thinking.max_tokens,
        "system": system,
        "messages": talk.messages,
        "tools": tools,
        "tool_choice": build_choice(chat, plan, tools),
        "thinking": thinking.body,
        "output_config": _output_config(chat, plan, thinking),
        "stop_sequences": [stop for stop in chat.sampling.stop if stop.strip()],
        "metadata": _metadata(chat),
        "service_tier": _service_tier(chat),
        "stream": chat.stream or (chat.max_tokens or 0) > _MAX_TOKENS_IN_ONE_PIECE,
        **carried,
    }
    return {name: value for name, value in members.items() if not _says_nothing(value)}


def _says_nothing(value: object) -> bool:
    return value is None or value is False or value in ([], {})  # 0 tokens says something


def _sampling(chat: ChatRequest, plan: Plan, thinking: Thinking) -> dict[str, Any]:
    """Write the sampling values; a model that thinks takes hardly any ("Thinking" page)."""
    given = chat.sampling
    if thinking.is_on:
        nearly_all = given.top_p is not None and given.top_p >= 0.95
        return {"top_p": given.top_p} if nearly_all else {}
    values: dict[str, Any] = {"top_p": given.top_p, "top_k": given.top_k}
    if given.temperature is not None:
        values["temperature"] = min(given.temperature, 1)  # their range ends at 1, OpenAI's at 2
    both = given.temperature is not None and given.top_p is not None
    if both and plan.generation.one_sampling_value:
        del values["temperature" if given.temperature == 1 else "top_p"]  # 1 says nothing
    return {name: value for name, value in values.items() if value is not None}


def _output_config(chat: ChatRequest, plan: Plan, thinking: Thinking) -> dict[str, Any]:
    """Merge what we ask for with the client's own `output_config`, which wins."""
    ours = {"effort": thinking.effort, "format": json_format(chat, plan)}
    given = chat.extra.get("output_config")
    set_by_us = {name: value for name, value in ours.items() if value is not None}
    return {**set_by_us, **(given if isinstance(given, Mapping) else {})}


def _metadata(chat: ChatRequest) -> dict[str, str] | None:
    """Pass on who the end user is, unless that identifies the person: Anthropic refuses those."""
    for name in ("safety_identifier", "user"):
        value = chat.extra.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_USER_ID:
            continue
        if not _EMAIL.search(value) and not _PHONE.fullmatch(value):
            return {"user_id": value}
    return None


def _service_tier(chat: ChatRequest) -> str | None:
    tier = chat.extra.get("service_tier")
    tiers = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
    return tiers.get(tier) if isinstance(tier, str) else None


def _betas(chat: ChatRequest, body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the beta features the request needs: asked for, and implied by its members."""
    asked = chat.extra.get("anthropic_beta") or ()
    given = asked.split(",") if isinstance(asked, str) else asked
    for beta in given if isinstance(given, list) else ():
        if isinstance(beta, str) and re.fullmatch(r"[a-z0-9.-]{1,64}", beta.strip()):
            yield beta.strip()
    if "block_binding" in (body.get("thinking") or ()):
        yield "thinking-binding-controls-2026-08-01"
    if _uses_files(body["messages"]):
        yield "files-api-2025-04-14"
    if "context_management" in body:
        yield "context-management-2025-06-27"
        if "compact_20260112" in _edits(body["context_management"]):
            yield "compact-2026-01-12"
    if "mcp_servers" in body:
        toolsets = any(tool.get("type") == "mcp_toolset" for tool in body.get("tools", ()))
        yield "mcp-client-2025-11-20" if toolsets else "mcp-client-2025-04-04"
    if body.get("speed") == "fast":
        yield "fast-mode-2026-02-01"
    if "task_budget" in body.get("output_config", ()):
        yield "task-budgets-2026-03-13"


def _edits(management: Any) -> set[Any]:
    edits = management.get("edits") if isinstance(management, dict) else None
    found = edits if isinstance(edits, list) else []
    return {str(edit.get("type")) for edit in found if isinstance(edit, dict)}


def _uses_files(messages: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a block, also one inside a tool result, refers to an uploaded file."""
    for message in messages:
        for block in message["content"]:
            if block.get("type") == "container_upload":
                return True
            content = block.get("content")
            inner = content if isinstance(content, list) else ()
            for part in (block, *inner):
                source = part.get("source") if isinstance(part, dict) else None
                if isinstance(source, dict) and source.get("type") == "file":
                    return True
    return False
