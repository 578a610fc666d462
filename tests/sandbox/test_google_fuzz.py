"""Whatever is sent to Google's formats gets an answer in the vendor's shape, and never a fault."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Format, Refused, Reply
from gateway.sandbox.formats.google.gemini import Gemini
from gateway.sandbox.formats.google.vertex import Vertex
from gateway.sandbox.scenes import direct
from gateway.sandbox.script import Scene
from gateway.sandbox.tape import record
from gateway.sandbox.world import World
from tests.sandbox.google_talk import call, force, functions, model, response, text, user

PLACES: dict[str, tuple[Format, str]] = {
    "gemini": (Gemini(), "/v1beta/models/{}"),
    "vertex": (Vertex(), "/v1/projects/p/locations/l/publishers/google/models/{}"),
    "beta": (Vertex(), "/v1beta1/projects/p/locations/l/publishers/google/models/{}"),
}
NAMES = st.sampled_from(["sandbox-reasoning-tool", "gemini-2.5-pro", "gemini-3-pro-preview", "gemini-2.0-flash"])  # fmt: skip

SEED: dict[str, Any] = {
    "systemInstruction": {"parts": [text("s")]},
    "contents": [
        user(text("hi"), {"inlineData": {"mimeType": "text/plain", "data": "aGk="}}),
        model(text("so"), call("f", args={"a": 1}, sig="skip_thought_signature_validator")),
        user(response("f"), {"fileData": {"fileUri": "https://x/y", "mimeType": "image/png"}}),
    ],
    "tools": functions("f", "g"),
    "toolConfig": force("f"),
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "generationConfig": {
        "temperature": 1,
        "topK": 40,
        "maxOutputTokens": 100,
        "stopSequences": ["x"],
        "responseMimeType": "text/plain",
        "responseSchema": None,
        "candidateCount": 1,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 512},
    },
}

ADDED = ["x", "text", "type", "enum", "required", "anyOf"]

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.sampled_from(["user", "model", "ARRAY", "object", "ANY", "f", "1", "1e400", "-Infinity", "nan"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "parts", "name", "text", "items", "enum", "anyOf"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def holders(value: Any) -> list[Any]:
    """Return every object and list inside a JSON value."""
    found = [value] if isinstance(value, dict | list) and value else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        found += holders(one)
    return found


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """Draw a valid request in which a few things were replaced, removed, doubled or added."""
    request = copy.deepcopy(SEED)
    for _ in range(draw(st.integers(1, 2))):
        where = holders(request)
        if not where:
            break
        holder = draw(st.sampled_from(where))
        last = draw(
            st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder)))
        )
        act = draw(st.sampled_from(["replace", "remove", "add", "double"]))
        if act == "replace":
            holder[last] = draw(JUNK)
        elif act == "remove":
            del holder[last]
        elif isinstance(holder, dict):
            holder[draw(st.sampled_from(ADDED))] = draw(JUNK)
        else:
            holder.append(copy.deepcopy(holder[last]))
    return request


class Still:
    """A clock that stands."""

    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 0.0


def perform(place: str, name: str, body: bytes, method: str) -> Any:
    """Read, direct, count and render a request; return the parsed body, of an error too."""
    form, path = PLACES[place]
    request = Call("POST", f"{path.format(name)}:{method}", "", {}, body)
    world = World(Still())
    try:
        if method == "predict":
            return json.loads(form.answer("embeddings", request).body)
        prompt = form.read(request)
        scene = direct(prompt, 0)
        scene = Scene() if scene.failure or scene.odd else scene
        counts = form.count(prompt, "key", world.cache, world.clock.now())
        reply = Reply(prompt, record(scene, prompt), counts, 1_700_000_000, "id")
        frames = list(form.stream(reply))
        sold = sum(frame.output + frame.reasoning for frame in frames)
        whole = json.loads(form.render(reply))
    except Refused as refused:
        return json.loads(form.render_error(refused, "id"))
    usage = whole["usageMetadata"]
    assert sold == usage["totalTokenCount"] - usage["promptTokenCount"]
    return whole


@given(mutants(), NAMES, st.sampled_from(sorted(PLACES)))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_request_is_answered_or_refused(request: Any, name: str, place: str) -> None:
    reply = perform(place, name, json.dumps(request).encode(), "generateContent")
    assert "error" in reply or "candidates" in reply


@given(
    st.binary(max_size=64)
    | st.text(max_size=64).map(str.encode)
    | JUNK.map(json.dumps).map(str.encode),
    st.sampled_from(sorted(PLACES)),
)
@settings(max_examples=200, deadline=None)
def test_any_body_at_all_is_answered_or_refused(body: bytes, place: str) -> None:
    assert "error" in perform(place, "sandbox-echo", body, "generateContent")
    if place != "gemini":
        assert "error" in perform(place, "text-embedding-005", body, "predict")


def test_the_seed_itself_is_taken() -> None:
    for place in PLACES:
        for name in ("sandbox-reasoning-tool", "gemini-2.5-pro"):
            assert perform(place, name, json.dumps(SEED).encode(), "generateContent")["candidates"]
