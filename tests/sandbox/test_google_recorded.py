"""The reading of Google's formats held against recorded traffic; skipped where there is none."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Format, Refused
from gateway.sandbox.formats.google.gemini import Gemini
from gateway.sandbox.formats.google.vertex import Vertex
from tests.conformance.recordings import Exchange, load
from tests.sandbox.google_talk import GEMINI, VERTEX, ask, functions, read_events

# Signatures of recorded thoughts are not ours to check.
FORMATS: dict[str, Format] = {
    "gemini": Gemini(lambda _subject, _signature: True),
    "vertex": Vertex(lambda _subject, _signature: True),
}
VENDORS = pytest.mark.parametrize("vendor", ["gemini", "vertex"])

# Members of the vendor's own tools, and of replies too seldom to be in every set of recordings.
SELDOM = (
    "groundingMetadata", "urlContext", "citation", "executableCode", "codeExecution", "toolCall",
    "toolResponse", "toolUse", "promptFeedback", "safetyRatings", "logprobsResult", "finishMessage",
    "avgLogprobs", "cache", "candidatesTokensDetails", ".id", "thought",
)  # fmt: skip
DATA = (".args", ".response")


def recorded(vendor: str, api: str = "generateContent") -> list[Exchange]:
    """Return the vendor's own exchanges, or skip."""
    found = [one for one in load(api) if one.provider == vendor]
    if not found:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    return found


def as_call(exchange: Exchange) -> Call:
    """Return a recorded request as it would arrive."""
    path, _, query = re.sub(r"^https://[^/]+", "", exchange.url).partition("?")
    return Call("POST", path, query, {}, json.dumps(exchange.request).encode())


def refusal(vendor: str, exchange: Exchange) -> Refused | None:
    """Return how the sandbox refuses a recorded request, None where it takes it."""
    try:
        FORMATS[vendor].read(as_call(exchange))
    except Refused as found:
        return found
    return None


@VENDORS
def test_what_the_vendor_took_is_taken(vendor: str) -> None:
    # Prompts that were cached by name lie in somebody's account.
    taken = [
        one
        for one in recorded(vendor)
        if one.status == 200 and not {"cachedContent", "cached_content"} & set(one.request)
    ]
    refused = {
        one.id: found.error["message"]
        for one in taken
        if (found := refusal(vendor, one)) is not None
    }
    # A few cassettes were edited by hand and never passed the real check.
    assert len(refused) <= len(taken) * 0.02, refused


def test_embeddings_the_vendor_made_are_made() -> None:
    for vendor in FORMATS:
        for one in recorded(vendor, "embeddings"):
            if one.status != 200:
                continue
            request = as_call(one)
            made = json.loads(FORMATS[vendor].answer("embeddings", request).body)
            real = json.loads(one.body)
            assert shape(made) - {".usageMetadata"} <= shape(real) | {".usageMetadata"}, one.id
            assert count_vectors(made) == count_vectors(real), one.id


def shape(value: dict[str, Any]) -> set[str]:
    """Return the top members of a reply."""
    return {f".{name}" for name in value}


def count_vectors(value: Any) -> list[int]:
    """Return the lengths of all vectors in a reply."""
    if isinstance(value, dict):
        own = [len(value["values"])] if "values" in value else []
        return own + [size for inner in value.values() for size in count_vectors(inner)]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [size for inner in value for size in count_vectors(inner)]
    return []


def members(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every member; arguments and their like are data, not shape."""
    if isinstance(value, dict) and not path.endswith(DATA):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from members(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, f"{path}[]")


def pieces(exchange: Exchange) -> list[Any]:
    """Return the responses of a recorded reply, however it was written."""
    body = exchange.body.decode()
    if body.startswith("data:"):
        return read_events(re.sub(r"\r?\n\r?\n", "\r\n\r\n", body))
    parsed = json.loads(body)
    return parsed if isinstance(parsed, list) else [parsed]


def played(http: httpx.Client, vendor: str, stream: bool) -> set[str]:
    """Return the members of the sandbox's replies over all kinds of content."""
    at = GEMINI if vendor == "gemini" else VERTEX
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    config = {"thinkingConfig": {"includeThoughts": True}}
    found: set[str] = set()
    for scene in ("echo", "parallel-tools", "reasoning-tool", "reasoning", "prompt-filter"):
        request = ask(tools=functions("f"), generationConfig=config)
        reply = http.post(f"{at}sandbox-{scene}:{method}", json=request)
        assert reply.status_code == 200
        for one in read_events(reply.text) if stream else [reply.json()]:
            found |= set(members(one))
    return found


@VENDORS
@pytest.mark.parametrize("stream", [False, True])
def test_replies_have_the_members_of_real_ones_and_no_others(
    http: httpx.Client, key: str, vendor: str, stream: bool
) -> None:
    if vendor == "gemini":
        del http.headers["authorization"]
        http.headers["x-goog-api-key"] = key
    real = [
        {member for piece in pieces(one) for member in members(piece)}
        for one in recorded(vendor)
        if one.status == 200 and one.stream is stream
    ]
    seen = Counter(member for one in real for member in one)
    ours = played(http, vendor, stream)
    invented = {one for one in ours - set(seen) if not any(word in one for word in SELDOM)}
    assert not invented
    usual = {one for one, times in seen.items() if times > len(real) * 0.95}
    assert not usual - ours


@VENDORS
def test_usage_adds_up_as_the_vendor_adds_it(vendor: str) -> None:
    wrong = []
    for one in recorded(vendor):
        usage = pieces(one)[-1].get("usageMetadata", {}) if one.status == 200 else {}
        names = (
            "promptTokenCount",
            "candidatesTokenCount",
            "thoughtsTokenCount",
            "toolUsePromptTokenCount",
        )
        if "totalTokenCount" in usage:
            parts = sum(usage.get(name, 0) for name in names)
            wrong += [one.id] if parts != usage["totalTokenCount"] else []
    assert len(wrong) <= len(recorded(vendor)) * 0.02, wrong


@VENDORS
def test_errors_have_the_members_of_real_ones(http: httpx.Client, key: str, vendor: str) -> None:
    at = GEMINI if vendor == "gemini" else VERTEX
    if vendor == "gemini":
        del http.headers["authorization"]
        http.headers["x-goog-api-key"] = key
    for scene, status in (
        ("missing-model", 404),
        ("sandbox-429-30", 429),
        ("sandbox-429-no-wait", 429),
    ):
        ours = set(members(http.post(f"{at}{scene}:generateContent", json=ask()).json()))
        real = {
            member
            for one in recorded(vendor)
            if one.status == status
            for member in members(json.loads(one.body))
        }
        assert not real or ours - real <= {
            ".error.details",
            ".error.details[].@type",
            ".error.details[].retryDelay",
        }
        assert not real or {".error.code", ".error.message", ".error.status"} <= ours & real
