"""The registry."""

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest, UpstreamError
from gateway.providers.base import Fate
from gateway.providers.compatible import VENDORS
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.providers.matrix import FEATURES, columns, sample_target
from gateway.providers.registry import PROVIDERS
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.wire.any_request import MESSAGES, TOP


def test_every_vendor_row_is_a_provider() -> None:
    assert set(VENDORS) < set(PROVIDERS)
    assert {"openai", "anthropic"} < set(PROVIDERS)


def test_every_provider_says_what_becomes_of_members_it_does_not_know() -> None:
    for name, provider in PROVIDERS.items():
        assert isinstance(provider.fates.get("*"), Fate), name


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TURNS: tuple[dict[str, Any], ...] = (
    {"role": "user", "content": "again"},
    {"role": "assistant", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    {"role": "system", "content": "a later rule"},
    {"role": "assistant", "content": "x", "reasoning_content": "hm", "refusal": None},
    {"role": "user", "content": [{"type": "text", "text": "é\u2028\U0001f469"}]},
)


def build(name: str, body: dict[str, Any], policy: UnsupportedPolicy) -> str | None:
    """Build a request as the pipeline does; return the param of a refusal."""
    chat, target = read_chat(body), sample_target(name)
    try:
        fitted, _ = apply_fates(chat, PROVIDERS[name].fates, policy)
        PROVIDERS[name].media(fitted, target)
        request = PROVIDERS[name].build_chat(fitted, target)
    except InvalidRequest as refused:
        return refused.param or "a refusal without a param"
    parsed = orjson.loads(request.body)
    return None if isinstance(parsed, dict) else "a body that is no object"


@settings(max_examples=300, deadline=None)
@given(
    st.sets(st.sampled_from(sorted(FEATURES)), max_size=5),
    st.lists(st.sampled_from(TURNS), max_size=6),
    st.sampled_from(columns()),
    st.sampled_from(UnsupportedPolicy),
)
def test_any_valid_request_builds_or_is_refused_by_name(
    wishes: set[str], turns: list[dict[str, Any]], name: str, policy: UnsupportedPolicy
) -> None:
    """Whatever `read_chat` lets through, a provider builds or answers with a 400; never a bug."""
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    for wish in sorted(wishes):
        body |= FEATURES[wish]
    body["messages"] = [*body["messages"], *turns]
    known = {*body, "tool_calls", "tool_call_id", "content"}
    refused = build(name, body, policy)
    assert refused is None or refused.split("[")[0].split(".")[0] in known, refused


@settings(max_examples=100, deadline=None)
@given(MESSAGES, TOP, st.sampled_from(columns()), st.sampled_from(UnsupportedPolicy))
def test_odd_requests_that_are_read_are_built_or_refused(
    messages: Any, top: Any, name: str, policy: UnsupportedPolicy
) -> None:
    try:
        build(name, {"messages": messages, **top}, policy)
    except InvalidRequest:
        return


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(columns()), st.booleans())
def test_any_bytes_are_an_answer_or_an_upstream_error(data: bytes, name: str, stream: bool) -> None:
    chat = ChatRequest("m", (Message(Role.USER, "Hi"),), stream=stream)
    parser = PROVIDERS[name].open_reply(chat, sample_target(name), ReplyHead(200, {}))
    try:
        parser.feed(data)
        parser.finish()
    except UpstreamError:
        return


def test_every_wire_format_has_its_conformance_test() -> None:
    """A provider that nobody has held against recorded traffic does not land."""
    folder = Path(__file__).parents[1] / "conformance"
    tested = {"openai": "openai_format", "openai_compatible": "openai_format"}
    tested |= {"gemini": "google", "vertex": "google"}
    missing = [n for n in columns() if not (folder / f"test_{tested.get(n, n)}.py").exists()]
    assert not missing, f"write tests/conformance/test_….py for {missing}"
