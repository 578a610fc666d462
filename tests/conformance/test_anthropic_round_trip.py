"""Recorded Anthropic requests and replies, through OpenAI's format and back."""

from typing import Any

import orjson
import pytest

from gateway.providers.fates import apply_fates
from gateway.types.account import UnsupportedPolicy
from gateway.wire.chat_read import read_chat
from tests.conformance.anthropic_exchange import (
    HI,
    PROVIDER,
    answered,
    complete,
    each,
    parse,
    target,
)
from tests.conformance.anthropic_reading import as_replayed, message_of
from tests.conformance.anthropic_requests import NotExpressible, normal, to_openai
from tests.conformance.recordings import Exchange, require

MOST = 0.9  # of the recorded requests must be expressible, or the converter proves nothing


def built(body: dict[str, Any], model: str) -> dict[str, Any]:
    chat = read_chat(orjson.loads(orjson.dumps(body)))
    chat, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.STRICT)
    assert warnings == ()
    native: dict[str, Any] = orjson.loads(PROVIDER.build_chat(chat, target(model)).body)
    return native


def test_a_request_comes_back_as_it_was() -> None:
    skipped: list[str] = []

    def check(exchange: Exchange) -> None:
        try:
            body = to_openai(exchange.request)
        except NotExpressible:
            skipped.append(exchange.id)
            return
        found, wanted = built(body, exchange.request["model"]), normal(exchange.request)
        for name in found.keys() | wanted.keys():
            assert found.get(name) == wanted.get(name), name

    exchanges = [exchange for exchange in require("messages") if exchange.request]
    each(exchanges, check)
    assert len(skipped) < len(exchanges) * (1 - MOST)


def test_a_reply_goes_back_as_it_came() -> None:
    def check(exchange: Exchange) -> None:
        came = as_replayed(message_of(exchange.body)["content"])
        answer = complete(parse(exchange))["choices"][0]["message"]
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": "ok"}
            for call in answer.get("tool_calls", ())
        ]
        turns = built({"model": "m", "messages": [HI, answer, *results, HI]}, "m")["messages"]
        went = as_replayed(turns[1]["content"]) if len(turns) > 1 else []
        assert went == came

    each(answered(), check)


def test_requests_are_written_the_same_every_time() -> None:
    for exchange in require("messages")[:20]:
        try:
            body = to_openai(exchange.request)
        except NotExpressible:
            continue
        assert built(body, "m") == built(body, "m")


@pytest.mark.parametrize("model", ["claude-3-5-haiku-latest", "claude-opus-4-6", "claude-opus-5-5"])
def test_every_request_can_be_put_to_every_generation(model: str) -> None:
    def check(exchange: Exchange) -> None:
        try:
            body = to_openai(exchange.request)
        except NotExpressible:
            return
        assert built(body, model)["model"] == model

    each((exchange for exchange in require("messages") if exchange.request), check)
