"""The reading of Bedrock, Cohere and Mistral held against recorded traffic; skipped without any."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import CHAT, Format, Refused
from gateway.sandbox.formats.bedrock.converse import Converse
from gateway.sandbox.formats.cohere.chat import Chat
from gateway.sandbox.formats.mistral.completions import Completions
from tests.conformance.recordings import Exchange, load
from tests.sandbox.dialects import DIALECTS, Dialect, read_frames, read_framing, spec
from tests.sandbox.talking import WEATHER, function, read_sse

VENDORS = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
WHOLE_AND_STREAMED = pytest.mark.parametrize("stream", [False, True])

# Signatures of recorded reasoning are not ours to check.
FORMATS: dict[str, Format] = {
    "bedrock": Converse(lambda _block, _family, _spot: None),
    "cohere": Chat(),
    "mistral": Completions(),
}
APIS = {"bedrock": "converse", "cohere": "chat", "mistral": "chat"}

# Members that are documented but so new, or their causes so seldom, that recordings may lack them.
SELDOM: dict[str, tuple[str, ...]] = {
    "bedrock": ("redactedContent", "serverToolUse", "cacheDetails"),
    "cohere": ("cached_tokens", "thinking", "reasoning_tokens", "tool-call-", "tool-plan-"),
    "mistral": ("closed", "service_tier"),
}


def recorded(vendor: str, api: str = "") -> list[Exchange]:
    """Return the vendor's exchanges over the endpoints the sandbox has, or skip."""
    found = [
        one
        for one in load(api or APIS[vendor])
        if one.provider == vendor
        and (vendor != "cohere" or "/v2/" in one.url)
        and "bedrock-mantle" not in one.url
    ]
    if not found:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    return found


def refusal(vendor: str, exchange: Exchange) -> Refused | None:
    """Return how the sandbox refuses a recorded request, None where it takes it."""
    path = urlsplit(exchange.url).path
    body = json.dumps(exchange.request).encode()
    call = Call("POST", path, "", {}, body, f"/{vendor}{path}")
    form = FORMATS[vendor]
    try:
        operation = form.route(call)
        if operation == CHAT:
            form.read(call)
        else:
            form.answer(operation, call)
    except Refused as refused:
        return refused
    return None


@VENDORS
@pytest.mark.parametrize("api", ["", "embeddings"])
def test_what_the_vendor_took_is_taken(dialect: Dialect, api: str) -> None:
    taken = [one for one in recorded(dialect.name, api) if one.status == 200]
    refused = {
        one.id: found.error for one in taken if (found := refusal(dialect.name, one)) is not None
    }
    # A few cassettes were edited by hand, and of Bedrock's rules some depend on the day.
    assert len(refused) <= len(taken) * 0.02, refused


def test_what_bedrock_refused_for_its_shape_is_refused_alike() -> None:
    alike = [
        found is not None and found.status == one.status
        for one in recorded("bedrock")
        if one.status == 400 and "identifier" not in one.body.decode()
        for found in (refusal("bedrock", one),)
    ]
    if not alike:
        pytest.skip("no recording of a refusal")
    assert all(alike)


_DATA = (".input", ".arguments", ".tool_output", ".document")


def members(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every member; calls' inputs and their like are data, not shape."""
    if isinstance(value, dict) and not path.endswith(_DATA):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from members(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, f"{path}[]")


def shapes(dialect: Dialect, body: bytes, stream: bool) -> set[str]:
    """Return every member of a reply, whole or streamed; of events, with their kind."""
    if not stream:
        return set(members(json.loads(body)))
    found: set[str] = set()
    for kind, data in _read(dialect, body):
        if isinstance(data, dict):
            found |= set(members(data, kind))
    return found


def _read(dialect: Dialect, body: bytes) -> list[tuple[str, Any]]:
    if dialect.name == "bedrock":
        return read_frames(body)
    return read_sse(body.decode().replace("\r\n", "\n"))


@dataclass(frozen=True)
class Scenario:
    """A scene that shows some members, and what the request needs for it."""

    model: str
    more: Callable[[str], dict[str, Any]]


def _no_more(_vendor: str) -> dict[str, Any]:
    return {}


def _tools(vendor: str) -> dict[str, Any]:
    if vendor == "bedrock":
        return {"toolConfig": {"tools": [spec("f", WEATHER)]}}
    return {"tools": [function("f")]}


SCENARIOS = (
    Scenario("sandbox-echo", _no_more),
    Scenario("sandbox-parallel-tools", _tools),
    Scenario("sandbox-reasoning-tool", _tools),
    Scenario("sandbox-reasoning-redacted", _no_more),
    Scenario("sandbox-refusal", _no_more),
)


def played(http: httpx.Client, dialect: Dialect, stream: bool) -> set[str]:
    """Return the members of the sandbox's replies over all kinds of content."""
    found: set[str] = set()
    for one in SCENARIOS:
        reply = dialect.ask(http, one.model, stream=stream, **one.more(dialect.name))
        assert reply.status_code == 200
        found |= shapes(dialect, reply.content, stream)
    return found


@VENDORS
@WHOLE_AND_STREAMED
def test_replies_have_the_members_of_real_ones_and_no_others(
    http: httpx.Client, dialect: Dialect, stream: bool
) -> None:
    real = [
        shapes(dialect, one.body, stream)
        for one in recorded(dialect.name)
        if one.status == 200 and one.stream is stream
    ]
    seen = Counter(member for one in real for member in one)
    ours = played(http, dialect, stream)
    invented = {
        one for one in ours - set(seen) if not any(word in one for word in SELDOM[dialect.name])
    }
    assert not invented
    usual = {one for one, times in seen.items() if times > len(real) * 0.95}
    assert not usual - ours


@VENDORS
@WHOLE_AND_STREAMED
def test_members_have_the_types_of_real_ones(
    http: httpx.Client, dialect: Dialect, stream: bool
) -> None:
    real: dict[str, set[str]] = {}
    for one in recorded(dialect.name):
        if one.status == 200 and one.stream is stream:
            for path, kind in _typed(dialect, one.body, stream):
                real.setdefault(path, set()).add(kind)
    for scenario in SCENARIOS:
        more = scenario.more(dialect.name)
        reply = dialect.ask(http, scenario.model, stream=stream, **more)
        for path, kind in _typed(dialect, reply.content, stream):
            assert kind in real.get(path, {kind}), path


def _typed(dialect: Dialect, body: bytes, stream: bool) -> Iterator[tuple[str, str]]:
    events = _read(dialect, body) if stream else [("", json.loads(body))]
    for kind, data in events:
        yield from _kinds(data, kind)


def _kinds(value: Any, path: str) -> Iterator[tuple[str, str]]:
    name = "number" if type(value) in (int, float) else type(value).__name__
    yield path, name
    if isinstance(value, dict) and not path.endswith(_DATA):
        for key, inner in value.items():
            yield from _kinds(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _kinds(inner, f"{path}[]")


@VENDORS
def test_events_come_in_the_order_of_real_ones(http: httpx.Client, dialect: Dialect) -> None:
    def order(body: bytes) -> list[str]:
        kinds = [kind for kind, _ in _read(dialect, body)]
        return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]

    real = {
        tuple(order(one.body)) for one in recorded(dialect.name) if one.status == 200 and one.stream
    }
    if not real:
        pytest.skip("no recording of a stream")
    firsts, lasts = {one[0] for one in real}, {one[-1] for one in real}
    pairs = {pair for one in real for pair in itertools.pairwise(one)}
    ours = order(dialect.ask(http, "sandbox-echo", stream=True).content)
    assert ours[0] in firsts
    assert ours[-1] in lasts
    assert set(itertools.pairwise(ours)) <= pairs


def test_frames_are_framed_as_real_ones(http: httpx.Client) -> None:
    real = {
        tuple(name for name in headers)
        for one in recorded("bedrock")
        if one.stream and one.status == 200
        for _, _, headers in read_framing(one.body)
    }
    reply = DIALECTS[0].ask(http, "sandbox-tool", stream=True, **_tools("bedrock"))
    ours = {tuple(headers) for _, _, headers in read_framing(reply.content)}
    assert ours <= real


@VENDORS
def test_headers_are_spelled_as_the_vendor_spells_them(
    http: httpx.Client, dialect: Dialect
) -> None:
    ours = set(dialect.ask(http, "sandbox-echo").headers)
    real = [one for one in recorded(dialect.name) if one.status == 200 and not one.stream]
    seen = Counter(
        name
        for one in real
        for name in one.headers
        if name.startswith(("x-ratelimit-", "x-amzn-", "x-debug-", "mistral-"))
    )
    # Some accounts have windows of other lengths.
    usual = {name for name, times in seen.items() if times > len(real) * 0.25}
    assert usual <= ours


@VENDORS
def test_errors_have_the_members_of_real_ones(http: httpx.Client, dialect: Dialect) -> None:
    real = [
        set(members(json.loads(one.body)))
        for one in recorded(dialect.name)
        if one.status in (400, 401, 403, 404)
    ]
    if not real:
        pytest.skip("no recording of an error")
    ours = []
    for scene in ("400", "401", "context-length"):
        reply = dialect.ask(http, f"sandbox-{scene}")
        ours.append(set(members(reply.json())))
    for one in real:
        assert one in ours


EMBEDDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "bedrock": ("/bedrock/model/amazon.titan-embed-text-v2:0/invoke", {"inputText": "x"}),
    "cohere": (
        "/cohere/v2/embed",
        {"model": "embed-v4.0", "input_type": "search_query", "texts": ["x"]},
    ),
    "mistral": ("/mistral/v1/embeddings", {"model": "mistral-embed", "input": "x"}),
}


@VENDORS
def test_embeddings_have_the_members_of_real_ones(http: httpx.Client, dialect: Dialect) -> None:
    real = [
        set(members(json.loads(one.body)))
        for one in recorded(dialect.name, "embeddings")
        if one.status == 200
    ]
    path, body = EMBEDDINGS[dialect.name]
    ours = set(members(http.post(path, json=body).json()))
    assert ours <= set().union(*real)
    assert set.intersection(*real) <= ours
