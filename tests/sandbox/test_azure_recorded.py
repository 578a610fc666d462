"""The reading of Azure's format held against recorded traffic; skipped where there is none."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.azure.chat import Azure
from gateway.sandbox.formats.base import Refused
from tests.conformance.recordings import Exchange, load
from tests.sandbox.azure_talk import at, body
from tests.sandbox.talking import function, read_sse

# Members that came or went between versions, or that only some deployments have.
SELDOM = ("annotations", "service_tier", "obfuscation", "latency_checkpoint", "protected_material")


def recorded(api: str = "chat") -> list[Exchange]:
    """Return Azure OpenAI's own exchanges (its other model catalogue is another format), or skip."""
    found = [
        one
        for one in load(api)
        if one.provider == "azure" and re.search(r"/openai/(deployments|v1)/", one.url)
    ]
    if not found:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    return found


def as_call(exchange: Exchange) -> Call:
    """Return a recorded request as it would arrive; some recorders dropped the version."""
    path, _, query = re.sub(r"^https://[^/]+/*", "/", exchange.url).partition("?")
    query = query or ("api-version=2024-10-21" if "/deployments/" in path else "")
    return Call("POST", path, query, {}, json.dumps(exchange.request).encode())


@pytest.mark.parametrize("api", ["chat", "embeddings"])
def test_what_azure_took_is_taken(api: str) -> None:
    taken = [one for one in recorded(api) if one.status == 200]
    refused = {}
    for one in taken:
        try:
            if api == "chat":
                Azure().read(as_call(one))
            else:
                Azure().answer("embeddings", as_call(one))
        except Refused as found:
            refused[one.id] = found.error
    assert len(refused) <= len(taken) * 0.02, refused


def members(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every member."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from members(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, f"{path}[]")


def shapes(text: str) -> set[str]:
    """Return every member of a reply, whole or streamed."""
    if not text.startswith("data:"):
        return set(members(json.loads(text)))
    events = (data for _, data in read_sse(text.replace("\r\n", "\n")))
    return {member for data in events if isinstance(data, dict) for member in members(data)}


@pytest.mark.parametrize("stream", [False, True])
def test_replies_have_the_members_of_real_ones_and_no_others(
    azure: httpx.Client, stream: bool
) -> None:
    real = [
        shapes(one.body.decode())
        for one in recorded()
        if one.status == 200 and one.stream is stream
    ]
    seen = Counter(member for one in real for member in one)
    ours: set[str] = set()
    for scene in ("echo", "parallel-tools", "reasoning"):
        request = body(tools=[function("f")], stream=stream)
        if stream:
            request["stream_options"] = {"include_usage": True}
        ours |= shapes(azure.post(at(f"sandbox-{scene}"), json=request).text)
    invented = {one for one in ours - set(seen) if not any(word in one for word in SELDOM)}
    assert not invented
    usual = {one for one, times in seen.items() if times > len(real) * 0.95}
    assert not usual - ours


def test_headers_are_spelled_as_the_vendor_spells_them(azure: httpx.Client) -> None:
    ours = set(azure.post(at("sandbox-echo"), json=body()).headers)
    seen = {
        name
        for one in recorded()
        for name in one.headers
        if name.startswith(("x-ratelimit-", "x-ms-", "apim-", "x-request"))
    }
    assert seen - {"x-ms-deployment-name", "x-ms-is-spilled-over"} <= ours


def test_errors_have_the_members_of_real_ones(azure: httpx.Client) -> None:
    for scene, status in (("missing-model", 404), ("sandbox-401", 401)):
        ours = set(members(azure.post(at(scene), json=body()).json()))
        real = [set(members(json.loads(one.body))) for one in recorded() if one.status == status]
        assert not real or ours in real
