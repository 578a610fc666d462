"""Cohere's and Mistral's requests before the sandbox: two readings of strict APIs, written apart."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway.errors import InvalidRequest
from gateway.providers.fates import apply_fates
from gateway.providers.registry import PROVIDERS
from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Format, Refused
from gateway.sandbox.formats.cohere.chat import Chat
from gateway.sandbox.formats.mistral.completions import Completions
from gateway.types.account import UnsupportedPolicy
from gateway.wire.chat_read import read_chat
from tests.conformance.recordings import Exchange, require
from tests.conformance.replaying import HI, each, target

SANDBOXES: dict[str, Format] = {"cohere": Chat(), "mistral": Completions()}
SEES_AND_THINKS = {"cohere": "command-a-plus-05-2026", "mistral": "mistral-small-latest"}
MODELS = (
    ("cohere", "command-a-03-2025"),
    ("cohere", "command-a-reasoning-08-2025"),
    ("mistral", "mistral-large-latest"),
    ("mistral", "mistral-small-latest"),
    ("mistral", "mistral-medium-2508"),
    ("mistral", "magistral-medium-latest"),
    ("mistral", "codestral-latest"),
)
F = {"type": "function", "function": {"name": "f-1"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
WISHES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({}, *({"reasoning_effort": effort} for effort in ("none", "low", "xhigh", "max"))),
    (
        {},
        {"temperature": 1.9, "top_p": 0.5, "top_k": 4, "stop": ["\n", "x"]},
        {"temperature": 0, "top_p": 1, "frequency_penalty": -1, "presence_penalty": 1.5},
    ),
    ({}, {"max_completion_tokens": 1500, "seed": -3}, {"max_tokens": 10, "logprobs": True}),
    (
        {},
        *({"tools": [F], "tool_choice": choice} for choice in ("auto", "required", "none", F)),
        {"tools": [F], "parallel_tool_calls": False},
    ),
    ({}, {"response_format": {"type": "json_object"}}, {"response_format": JSON_SCHEMA}),
    (
        {},
        {"user": "u", "metadata": {"a": "b"}, "store": True, "logit_bias": {"1": 1}},
        {"service_tier": "default", "prediction": {"type": "content", "content": "x"}},
    ),
)
# What the models of the sandbox cannot do however it is put, and says so.
INCAPABLE = ("images are not supported", "too many tokens")


def complaint(kind: str, model: str, body: dict[str, Any], policy: UnsupportedPolicy) -> str | None:
    """Return what the sandbox says against a client's body, None where it takes it."""
    provider = PROVIDERS[kind]
    chat, _ = apply_fates(read_chat(body), provider.fates, policy)
    request = provider.build_chat(chat, target(kind, model))
    call = Call("POST", "/", "", dict(request.headers), request.body)
    try:
        SANDBOXES[kind].read(call)
    except Refused as refused:
        return json.dumps(refused.error)
    return None


@pytest.mark.parametrize(("kind", "model"), MODELS)
def test_every_combination_of_wishes_is_a_legal_request(kind: str, model: str) -> None:
    complaints = {}
    for wishes in itertools.product(*WISHES):
        wished = {name: value for wish in wishes for name, value in wish.items()}
        body = {"model": "m", "messages": [HI], **wished}
        said = complaint(kind, model, body, UnsupportedPolicy.LENIENT)
        if said is not None:
            complaints[said] = wished

    assert not complaints


@pytest.mark.parametrize("kind", SANDBOXES)
def test_what_other_providers_were_asked_is_a_legal_request(kind: str) -> None:
    def check(exchange: Exchange) -> None:
        try:
            body = {"model": "m", **exchange.request}
            said = complaint(kind, SEES_AND_THINKS[kind], body, UnsupportedPolicy.DROP_ALL)
        except InvalidRequest as refused:
            assert refused.param, refused  # noqa: PT017  # most are not refused
            return
        assert said is None or any(words in said for words in INCAPABLE), said

    spoken = [one for one in require("chat") if "messages" in one.request and one.provider != kind]
    each([one for one in spoken if "/api/" not in one.url and one.provider != "cohere"], check)


WORDS = st.sampled_from(["", "a", "é b"])
IDS = st.sampled_from(["a", "a_2", "D681PevKs", "call_1"])
CALLS = st.lists(
    st.builds(
        lambda id_, name: {
            "id": id_,
            "type": "function",
            "function": {"name": name, "arguments": "{}"},
        },
        IDS,
        st.sampled_from(["f", "f-1", "f_1"]),
    ),
    max_size=3,
)
HISTORIES = st.lists(
    st.one_of(
        st.builds(lambda t: {"role": "system", "content": t or "s"}, WORDS),
        st.builds(lambda t: {"role": "user", "content": t or "u"}, WORDS),
        st.builds(
            lambda t, r, c: {
                "role": "assistant",
                "content": t,
                "reasoning_content": r,
                "tool_calls": c,
            },
            WORDS,
            WORDS,
            CALLS,
        ),
        st.builds(lambda i, t: {"role": "tool", "tool_call_id": i, "content": t}, IDS, WORDS),
    ),
    min_size=1,
    max_size=8,
).map(lambda messages: [m for m in messages if m.get("content") or m.get("tool_calls")] or [HI])


@pytest.mark.parametrize("kind", SANDBOXES)
@given(HISTORIES)
def test_every_history_becomes_a_legal_one_or_is_refused(kind: str, history: Any) -> None:
    body = {"model": "m", "messages": history}
    try:
        said = complaint(kind, SEES_AND_THINKS[kind], body, UnsupportedPolicy.LENIENT)
    except InvalidRequest as refused:
        assert (refused.param or "").startswith("messages")  # noqa: PT017  # most are not refused
        return
    assert said is None
