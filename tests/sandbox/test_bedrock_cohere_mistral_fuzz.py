"""Whatever is sent gets an answer in the vendor's shape, and never a fault of the sandbox's own."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import CHAT, Format, Refused, Reply
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.scenes import direct
from gateway.sandbox.script import Scene
from gateway.sandbox.tape import record
from gateway.sandbox.world import World
from tests.sandbox.dialects import block, said, spec
from tests.sandbox.talking import WEATHER, chat, function

ASKED = {"role": "user", "content": "hi"}
ORDINARY = {"name": "f", "arguments": '{"city": "x"}'}
POINT = {"cachePoint": {"type": "default"}}
CONVERSE = "/model/sandbox-reasoning-tool/converse"

SEEDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "bedrock",
        f"{CONVERSE}-stream",
        {
            "messages": [
                said("user", block("hi"), POINT),
                said("assistant", {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}),
                said("user", {"toolResult": {
                    "toolUseId": "t1", "status": "success",
                    "content": [{"json": {"a": 1}}, {"text": "x"},
                                {"document": {"name": "d", "source": {"text": "y"}}}],
                }}),
            ],
            "system": [block("s"), POINT],
            "toolConfig": {"tools": [spec("f", WEATHER), POINT], "toolChoice": {"tool": {"name": "f"}}},
            "inferenceConfig": {"maxTokens": 2000, "temperature": 1, "stopSequences": ["x"]},
            "additionalModelRequestFields": {"thinking": {"type": "adaptive", "budget_tokens": 1024}},
            "guardrailConfig": {"guardrailIdentifier": "g", "trace": "enabled"},
            "requestMetadata": {"a": "b"},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {
                "jsonSchema": {"schema": '{"type": "object"}'}}}},
        },
    ),
    (
        "bedrock",
        CONVERSE,
        {"messages": [
            said("user", block("hi"), {"image": {"format": "png", "source": {"s3Location": {
                "uri": "s3://bucket/a.png"}}}},
                {"document": {"format": "pdf", "name": "d", "source": {"bytes": "JVBERi0="}}}),
            said("assistant", {"reasoningContent": {"redactedContent": "aGk="}}, block("so")),
            said("user", {"guardContent": {"text": {"text": "x", "qualifiers": ["query"]}}}),
        ]},
    ),
    ("bedrock", "/model/cohere.embed-v4:0/invoke",
     {"texts": ["a"], "input_type": "search_query", "output_dimension": 256}),
    ("bedrock", "/model/amazon.titan-embed-text-v2:0/invoke",
     {"inputText": "a", "dimensions": 256, "normalize": False}),
    ("bedrock", "/model/amazon.nova-2-multimodal-embeddings-v1:0/invoke",
     {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {
         "embeddingPurpose": "GENERIC_INDEX", "text": {"value": "a", "truncationMode": "END"}}}),
    (
        "cohere",
        "/v2/chat",
        chat("sandbox-tool", stream=True, tools=[function("f")], tool_choice="REQUIRED",
             stop_sequences=["x"], thinking={"type": "enabled", "token_budget": 9}, logprobs=True,
             citation_options={"mode": "FAST"}, documents=["d", {"id": "e", "data": {"a": "b"}}])
        | {"messages": [
            {"role": "system", "content": [{"type": "text", "text": "s"}]},
            {"role": "user", "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}}]},
            {"role": "assistant", "tool_plan": "p", "tool_calls": [
                {"id": "c1", "type": "function", "function": ORDINARY}]},
            {"role": "tool", "tool_call_id": "c1", "content": [
                {"type": "document", "document": {"data": {"a": "b"}}}]},
        ]},
    ),
    (
        "cohere",
        "/v2/chat",
        chat("sandbox-json", response_format={"type": "json_object", "json_schema": {
            "type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}}),
    ),
    ("cohere", "/v2/embed", {"model": "embed-v4.0", "input_type": "search_query", "texts": ["a"],
                             "embedding_types": ["int8"], "output_dimension": 256}),
    (
        "mistral",
        "/v1/chat/completions",
        chat("sandbox-reasoning-tool", stream=True, tools=[function("f")], stop=["x"], n=2,
             tool_choice={"type": "function", "function": {"name": "f"}}, temperature=1,
             prediction={"type": "content", "content": "x"}, metadata={"a": "b"})
        | {"messages": [
            {"role": "system", "content": [{"type": "text", "text": "s"}]},
            {"role": "user", "content": [
                {"type": "text", "text": "hi"}, {"type": "image_url", "image_url": "https://x"},
                {"type": "document_url", "document_url": "https://x"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}],
             "tool_calls": [{"id": "abcdefghi", "type": "function", "function": ORDINARY}]},
            {"role": "tool", "tool_call_id": "abcdefghi", "name": "f", "content": "r"},
        ]},
    ),
    (
        "mistral",
        "/v1/chat/completions",
        chat("sandbox-json", response_format={"type": "json_schema", "json_schema": {
            "name": "n", "schema": {"type": "object", "properties": {}}}})
        | {"messages": [ASKED, {"role": "assistant", "content": "so", "prefix": True}]},
    ),
    ("mistral", "/v1/embeddings",
     {"model": "codestral-embed", "input": ["a"], "output_dimension": 8, "encoding_format": "base64"}),
)  # fmt: skip

WORDS = st.sampled_from(
    ["user", "assistant", "tool", "system", "text", "object", "array", "t1", "c1", "abcdefghi", ""]
)
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "content", "text", "json", "a"]), inner,
                      max_size=3),
    max_leaves=5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside a JSON value."""
    found = [path] if path else []
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, inner in inside:
        found += places(inner, (*path, key))
    return found


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """Draw a valid request in which a few things were replaced, removed, doubled or added."""
    vendor, path, seed = draw(st.sampled_from(SEEDS))
    request = copy.deepcopy(seed)
    for _ in range(draw(st.integers(1, 3))):
        where = places(request)
        if not where:
            break
        *steps, last = draw(st.sampled_from(where))
        holder: Any = request
        for step in steps:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "remove", "add", "double"])):
            case "replace":
                holder[last] = draw(JUNK)
            case "remove":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["x", "anyOf", "$ref", "enum", "ttl", "name"]))] = draw(
                    JUNK
                )
            case _:
                if isinstance(holder, list):
                    holder.append(copy.deepcopy(holder[last]))
    return vendor, path, request


class _Still:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


def _perform(vendor: str, path: str, body: bytes) -> bytes:
    """Route, read, direct, count and render a request; return an error body where it is refused."""
    form: Format = FORMATS[vendor]
    call = Call("POST", path, "", {}, body, f"/{vendor}{path}")
    try:
        operation = form.route(call)
        if operation == CHAT:
            return _play(form, call)
        return form.answer(operation, call).body
    except Refused as refused:
        return form.render_error(refused, "req")


def _play(form: Format, call: Call) -> bytes:
    world = World(_Still())
    prompt = form.read(call)
    scene = direct(prompt, 0)
    if scene.failure or scene.odd:
        scene = Scene()
    counts = form.count(prompt, "key", world.cache, world.clock.now())
    reply = Reply(prompt, record(scene, prompt), counts, 1_700_000_000, "req")
    frames = list(form.stream(reply))
    sold = (reply.tape.output + reply.tape.reasoning) * prompt.choices
    assert sum(frame.output + frame.reasoning for frame in frames) == sold
    return form.render(reply)


def _says_something(reply: dict[str, Any]) -> bool:
    return bool({"message", "detail", "usage", "embedding", "embeddings"} & reply.keys())


@given(mutants())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_request_is_answered_or_refused(
    mutant: tuple[str, str, dict[str, Any]],
) -> None:
    vendor, path, request = mutant
    assert _says_something(json.loads(_perform(vendor, path, json.dumps(request).encode())))


@given(
    st.sampled_from(sorted({(vendor, path) for vendor, path, _ in SEEDS})),
    st.binary(max_size=64)
    | st.text(max_size=64).map(str.encode)
    | JUNK.map(json.dumps).map(str.encode),
)
@settings(max_examples=200, deadline=None)
def test_any_body_at_all_is_answered_or_refused(place: tuple[str, str], body: bytes) -> None:
    assert _says_something(json.loads(_perform(*place, body)))


def test_the_seeds_themselves_are_taken() -> None:
    for vendor, path, request in SEEDS:
        reply = json.loads(_perform(vendor, path, json.dumps(request).encode()))
        assert {"usage", "embedding", "embeddings", "data"} & reply.keys(), reply
