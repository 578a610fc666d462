"""What the tests of injection stand on: a target for every provider, and its bodies taken apart."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from gateway.context.inject import inject
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.providers.registry import PROVIDERS
from gateway.sandbox.asgi import Call
from gateway.sandbox.clock import WallClock
from gateway.sandbox.formats.base import Faced, Format, Refused
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.world import World
from gateway.types.chat import ChatRequest
from gateway.types.context import BreakpointPolicy
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target, UpstreamRequest

MODELS: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("claude-sonnet-4-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-2.1"),
    "azure": ("gpt-4o",),
    "bedrock": (
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-3-sonnet-20240229-v1:0",
        "us.amazon.nova-pro-v1:0",
        "amazon.titan-text-express-v1",
        "us.meta.llama4-maverick-17b-instruct-v1:0",
    ),
    "cohere": ("command-a-03-2025",),
    "gemini": ("gemini-2.5-flash", "gemma-3-27b-it"),
    "mistral": ("mistral-large-latest",),
    "openai": ("gpt-4o",),
    "openrouter": ("anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash", "qwen/qwen3.5-27b"),
    "vertex": ("gemini-2.5-flash", "claude-sonnet-4-5"),
}
"""The models that differ in how they take system messages and markers; all others have one row."""

WORLD = World(WallClock())  # reading a request asks it nothing
BLOCK = (
    "<user_context 0123456789abcdef>\nName: Ada\nToday: Monday\n</user_context 0123456789abcdef>"
)
_SETTINGS = {
    "azure_resource": "resource",
    "azure_deployment": "gpt-4o",
    "project": "project",
    "region": "us-east-1",
}


def targets() -> list[Target]:
    """Return a target for each provider there is, and for each of its kinds of models."""
    return [
        make_target(kind, model)
        for kind in sorted(PROVIDERS)
        for model in MODELS.get(kind, ("some-model",))
    ]


def make_target(kind: str, model: str) -> Target:
    return Target(
        provider=kind,
        type=kind,
        model=model,
        base_url="https://provider.example",
        key_source=KeySource.OWN,
        key_name=kind,
        audience=kind,
        settings=_SETTINGS,
        info=ModelInfo(kind, model),
    )


def injected(
    chat: ChatRequest,
    target: Target,
    text: str = BLOCK,
    policy: BreakpointPolicy = BreakpointPolicy.CLIENT,
) -> ChatRequest:
    """Put a block into a request as it is done for this target."""
    return inject(chat, text, PROVIDERS[target.type].placement(target), policy)


def built(chat: ChatRequest, target: Target) -> UpstreamRequest:
    """Build the native request as the pipeline does."""
    provider = PROVIDERS[target.type]
    fitted, _ = apply_fates(chat, provider.fates, UnsupportedPolicy.LENIENT)
    return provider.build_chat(fitted, target)


def read_by_vendor(request: UpstreamRequest, target: Target) -> tuple[Format, Prompt]:
    """Read a request as its vendor does, by the sandbox's lights. Raises Refused."""
    path = unquote(urlsplit(request.url).path)
    headers = dict(request.headers)
    call = Call("POST", path, urlsplit(request.url).query, headers, request.body, path)
    spoken = FORMATS[target.type]
    spoken = spoken.face(call, WORLD) if isinstance(spoken, Faced) else spoken
    return spoken, spoken.read(call)


def complaint(request: UpstreamRequest, target: Target) -> str | None:
    """Return what the vendor says against a request, None if nothing."""
    try:
        read_by_vendor(request, target)
    except Refused as refused:
        return str(refused.error)
    return None


def inserted(without: bytes, having: bytes) -> tuple[int, bytes] | None:
    """Return where `having` has one run of bytes that `without` lacks, and the run.

    None where the two differ in any other way.
    """
    start = 0
    while start < len(without) and without[start] == having[start]:
        start += 1
    added = len(having) - len(without)
    if added < 0 or without[start:] != having[start + added :]:
        return None
    return start, having[start : start + added]


def units(body: bytes) -> list[str]:
    """Return what a model reads, in the order in which prefixes are cached: tools, system, messages.

    Each is the JSON of one block, behind the role that speaks it; markers are left out.
    """
    found = list(_units(orjson.loads(body)))
    assert found
    return found


def _units(body: dict[str, Any]) -> Iterator[str]:
    tools = body.get("tools") or (body.get("toolConfig") or {}).get("tools") or ()
    yield from (f"tool: {_dump(tool)}" for tool in tools)
    system = body.get("system") or (body.get("systemInstruction") or {}).get("parts") or ()
    yield from (f"system: {_dump(block)}" for block in system if "cachePoint" not in block)
    for message in body.get("messages") or body.get("contents") or ():
        content = message.get("content", message.get("parts"))
        rest = {k: v for k, v in message.items() if k not in ("content", "parts")}
        for block in content if isinstance(content, list) else [content]:
            if not (isinstance(block, dict) and "cachePoint" in block):
                yield f"{_dump(rest)}: {_dump(block)}"


def _dump(value: Any) -> str:
    if isinstance(value, dict):
        value = {k: v for k, v in value.items() if k != "cache_control"}
    return orjson.dumps(value).decode()


def count_markers(body: bytes) -> int:
    """Return how many cache breakpoints a body asks for, wherever they stand."""
    waiting, count = [orjson.loads(body)], 0
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            count += ("cache_control" in node) + ("cachePoint" in node)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return count
