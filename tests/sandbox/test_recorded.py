"""The reading held against recorded traffic of the real providers; skipped where there is none."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.anthropic.messages import Messages
from gateway.sandbox.formats.base import Format, Refused
from gateway.sandbox.formats.openai.chat import Chat
from tests.conformance.recordings import Exchange, load
from tests.sandbox.talking import ANTHROPIC, OPENAI, chat, function, message, read_sse, tool

# Signatures of recorded thinking are not ours to check.
FORMATS: dict[str, Format] = {"openai": Chat(), "anthropic": Messages(lambda _block, _path: None)}
APIS = {"openai": "chat", "anthropic": "messages"}
VENDORS = pytest.mark.parametrize("vendor", ["openai", "anthropic"])

# Members that are documented but so new, or their causes so seldom, that recordings may lack them.
SELDOM = (
    "stop_details", "caller", "inference_geo", "output_tokens_details", "signature", "thinking",
    ".data", "cache_creation", "annotations", "service_tier",
)  # fmt: skip


def recorded(vendor: str) -> list[Exchange]:
    """Return the vendor's own exchanges, or skip."""
    found = [one for one in load(APIS[vendor]) if one.provider == vendor]
    if not found:
        pytest.skip("no recordings: GATEWAY_RECORDED_DIR names no folder that holds any")
    return found


def refusal(vendor: str, exchange: Exchange) -> Refused | None:
    """Return how the sandbox refuses a recorded request, None where it takes it."""
    headers = {"anthropic-version": exchange.request_headers.get("anthropic-version", "2023-06-01")}
    call = Call("POST", "/", "", headers, json.dumps(exchange.request).encode())
    try:
        FORMATS[vendor].read(call)
    except Refused as refused:
        return refused
    return None


@VENDORS
def test_what_the_vendor_took_is_taken(vendor: str) -> None:
    taken = [one for one in recorded(vendor) if one.status == 200]
    refused = {
        one.id: found.error["message"]
        for one in taken
        if (found := refusal(vendor, one)) is not None
    }
    # A few cassettes were edited by hand and never passed the real check.
    assert len(refused) <= len(taken) * 0.02, refused


def test_what_openai_refused_for_its_shape_is_refused_alike() -> None:
    alike = Counter[bool]()
    for one in recorded("openai"):
        if one.status != 400:
            continue
        error = json.loads(one.body)["error"]
        if error["code"] in ("invalid_image_url", "context_length_exceeded"):
            continue  # needs a download, or the model's own context window
        found = refusal("openai", one)
        ours = found.error if found else {}
        alike[(ours.get("param"), ours.get("code")) == (error["param"], error["code"])] += 1
    if not alike:
        pytest.skip("no recording of a refusal")
    assert alike[False] <= alike[True] * 0.2


def members(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every member; calls' inputs and their like are data, not shape."""
    if isinstance(value, dict) and not path.endswith((".input", ".arguments", ".logit_bias")):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from members(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, f"{path}[]")


def shapes(body: str) -> set[str]:
    """Return every member of a reply, whole or streamed; of events, with their type."""
    if not body.startswith(("data:", "event:")):
        return set(members(json.loads(body)))
    found: set[str] = set()
    for name, data in read_sse(body.replace("\r\n", "\n")):
        if isinstance(data, dict):
            found |= set(members(data, name))
    return found


def played(http: httpx.Client, vendor: str, stream: bool) -> set[str]:
    """Return the members of the sandbox's replies over all kinds of content."""
    path, ask = (OPENAI, chat) if vendor == "openai" else (ANTHROPIC, message)
    tools = [function("f") if vendor == "openai" else tool("f")]
    found: set[str] = set()
    for scene in ("echo", "parallel-tools", "reasoning-tool", "reasoning-redacted", "refusal"):
        request = ask(f"sandbox-{scene}", tools=tools, stream=stream)
        if stream and vendor == "openai":
            request["stream_options"] = {"include_usage": True}
        reply = http.post(path, json=request)
        assert reply.status_code == 200
        found |= shapes(reply.text)
    return found


@VENDORS
@pytest.mark.parametrize("stream", [False, True])
def test_replies_have_the_members_of_real_ones_and_no_others(
    http: httpx.Client, vendor: str, stream: bool
) -> None:
    real = [
        shapes(one.body.decode())
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
def test_headers_are_spelled_as_the_vendor_spells_them(http: httpx.Client, vendor: str) -> None:
    path, ask = (OPENAI, chat) if vendor == "openai" else (ANTHROPIC, message)
    ours = set(http.post(path, json=ask("sandbox-echo")).headers)
    seen = {
        name
        for one in recorded(vendor)
        for name in one.headers
        if name.startswith(
            ("x-ratelimit-", "anthropic-ratelimit-", "openai-", "x-request", "request-id")
        )
    }
    unplayed = {
        name for name in seen if "images" in name or "project" in name or "usage_based" in name
    }
    assert seen - unplayed <= ours


@VENDORS
def test_errors_have_the_members_of_real_ones(http: httpx.Client, vendor: str) -> None:
    path, ask = (OPENAI, chat) if vendor == "openai" else (ANTHROPIC, message)
    ours = set(members(http.post(path, json=ask("missing-model")).json()))
    real = [
        set(members(json.loads(one.body)))
        for one in recorded(vendor)
        if one.status in (400, 401, 404)
    ]
    if not real:
        pytest.skip("no recording of an error")
    assert ours in real
