"""The provider's requests before the sandbox: two readings of one API, written apart."""

import itertools
from typing import Any

import pytest

from gateway.providers.fates import apply_fates
from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.anthropic.messages import Messages
from gateway.sandbox.formats.base import Refused
from gateway.types.account import UnsupportedPolicy
from gateway.types.upstream import UpstreamRequest
from gateway.wire.chat_read import read_chat
from tests.conformance.anthropic_exchange import HI, PROVIDER, answered, each, target
from tests.conformance.anthropic_requests import NotExpressible, to_openai
from tests.conformance.recordings import Exchange

SANDBOX = Messages(lambda _block, _path: None)  # signatures of recorded thinking are not its own
F = {"type": "function", "function": {"name": "f"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
WISHES: tuple[tuple[dict[str, Any], ...], ...] = (
    ({}, *({"reasoning_effort": effort} for effort in ("none", "low", "xhigh", "max"))),
    ({}, {"temperature": 1.5, "top_p": 0.5, "top_k": 4, "stop": ["\n", "x"]}),
    ({}, {"max_tokens": 1500}),
    ({}, *({"tools": [F], "tool_choice": choice} for choice in ("auto", "required", "none", F))),
    ({}, {"response_format": {"type": "json_object"}}, {"response_format": JSON_SCHEMA}),
)
NEWER = ("temperature", "top_p", "top_k")  # what the catalogue says that newer models refuse


def complaint(request: UpstreamRequest) -> str | None:
    try:
        SANDBOX.read(Call("POST", "/", "", dict(request.headers), request.body))
    except Refused as refused:
        return str(refused.error["message"])
    return None


@pytest.mark.parametrize(
    ("model", "refuses"),
    [
        ("claude-3-5-sonnet-20240620", ()),
        ("claude-3-7-sonnet-20250219", ()),
        ("claude-sonnet-4-5", ()),
        ("claude-opus-4-6", ()),
        ("claude-opus-4-8", NEWER),
        ("claude-sonnet-5", NEWER),
        ("claude-opus-5-5", NEWER),
        ("claude-haiku-5-5", NEWER),
        ("claude-fable-5", NEWER),
    ],
)
def test_every_combination_of_wishes_is_a_legal_request(
    model: str, refuses: tuple[str, ...]
) -> None:
    complaints = {}
    for wishes in itertools.product(*WISHES):
        body = {name: value for wish in wishes for name, value in wish.items()}
        chat = read_chat({"model": "m", "messages": [HI], **body})
        chat, _ = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT, refuses)
        said = complaint(PROVIDER.build_chat(chat, target(model)))
        if said is not None:
            complaints[said] = body

    assert not complaints


def test_every_recorded_request_is_legal_after_the_round_trip() -> None:
    def check(exchange: Exchange) -> None:
        try:
            chat = read_chat(to_openai(exchange.request))
        except NotExpressible:
            return
        assert complaint(PROVIDER.build_chat(chat, target(exchange.request["model"]))) is None

    each(answered(), check)
