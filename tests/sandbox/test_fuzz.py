"""Whatever is sent gets an answer in the vendor's shape, and never a fault of the sandbox's own."""

import copy
import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings, strategies as st

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Format, Refused, Reply
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.scenes import direct
from gateway.sandbox.script import Scene
from gateway.sandbox.tape import record
from gateway.sandbox.world import World
from tests.sandbox.talking import ANTHROPIC, OPENAI, chat, function, message, tool

CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USED = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
MARK = {"type": "ephemeral", "ttl": "1h"}

SEEDS: dict[str, dict[str, Any]] = {
    "openai": chat(
        "sandbox-tool",
        tools=[function("f"), {"type": "custom", "custom": {"name": "g"}}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        stream=True,
        stream_options={"include_usage": True},
        stop=["x"],
        metadata={"a": "b"},
        temperature=1,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}},
        },
    )
    | {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]},
            {"role": "assistant", "content": "so", "tool_calls": [CALLED]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
        ]
    },
    "anthropic": message(
        "sandbox-reasoning-tool",
        tools=[{**tool("f"), "cache_control": MARK}, {"type": "web_search_20250305", "name": "w"}],
        tool_choice={"type": "tool", "name": "f"},
        thinking={"type": "adaptive", "display": "summarized"},
        system=[{"type": "text", "text": "s", "cache_control": MARK}],
        stop_sequences=["x"],
        metadata={"user_id": "u"},
        output_config={"effort": "low"},
        stream=False,
    )
    | {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "so"}, USED]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "r"}]},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
                ],
            },
        ]
    },
}  # fmt: skip

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.sampled_from(["user", "assistant", "tool", "text", "object", "array", "auto", "$ref", "c1", "t1"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "content", "name", "text", "a"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside a JSON value."""
    found = [path] if path else []
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a valid request in which a few things were replaced, removed, doubled or added."""
    vendor = draw(st.sampled_from(sorted(SEEDS)))
    request = copy.deepcopy(SEEDS[vendor])
    for _ in range(draw(st.integers(1, 3))):
        where = places(request)
        if not where:
            break
        *path, last = draw(st.sampled_from(where))
        holder: Any = request
        for step in path:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "remove", "add", "double"])):
            case "replace":
                holder[last] = draw(JUNK)
            case "remove":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[
                    draw(st.sampled_from(["x", "strict", "anyOf", "$ref", "enum", "default"]))
                ] = draw(JUNK)
            case _:
                if isinstance(holder, list):
                    holder.append(copy.deepcopy(holder[last]))
    return vendor, request


class _Still:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


def _perform(form: Format, body: bytes) -> bytes:
    """Read, direct, count and render a request; return an error body where it is refused."""
    call = Call("POST", "/", "", {"anthropic-version": "2023-06-01"}, body)
    world = World(_Still())
    try:
        prompt = form.read(call)
        scene = direct(prompt, 0)
        if scene.failure or scene.odd:
            scene = Scene()
        counts = form.count(prompt, "key", world.cache, world.clock.now())
        reply = Reply(prompt, record(scene, prompt), counts, 1_700_000_000, "req")
        streamed = b"".join(frame.data for frame in form.stream(reply))
        assert streamed
        return form.render(reply)
    except Refused as refused:
        return form.render_error(refused, "req")


@given(mutants())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_request_is_answered_or_refused(mutant: tuple[str, dict[str, Any]]) -> None:
    vendor, request = mutant
    reply = json.loads(_perform(FORMATS[vendor], json.dumps(request).encode()))
    assert "error" in reply or "usage" in reply


@given(
    st.binary(max_size=64)
    | st.text(max_size=64).map(str.encode)
    | JUNK.map(json.dumps).map(str.encode)
)
@settings(max_examples=200, deadline=None)
def test_any_body_at_all_is_answered_or_refused(body: bytes) -> None:
    for form in FORMATS.values():
        assert {"error", "message", "detail"} & json.loads(_perform(form, body)).keys()


def test_the_seeds_themselves_are_taken(http: httpx.Client) -> None:
    for vendor, path in (("openai", OPENAI), ("anthropic", ANTHROPIC)):
        assert http.post(path, json=SEEDS[vendor]).status_code == 200
