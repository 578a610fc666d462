"""F-25: counts that cannot be true are not booked as if they were, whatever the provider's format."""

import json
from typing import Any

import pytest

from gateway.accounting.cost import cost_nano
from gateway.accounting.meter import Meter
from gateway.providers.registry import PROVIDERS
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.models import ModelInfo, ModelPrice, Price, PriceState
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.types.usage import Usage

IMPOSSIBLE = [None, -1, 10**18, "many", True, [3]]
PRICE = ModelPrice(PriceState.PRICED, Price(input=10**9, output=10**9))


def reply_of(provider: str, read: Any, wrote: Any) -> dict[str, Any]:
    """A whole reply that says how many tokens it read and wrote."""
    match provider:
        case "anthropic":
            return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                    "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
                    "usage": {"input_tokens": read, "output_tokens": wrote}}  # fmt: skip
        case "gemini":
            content = {"role": "model", "parts": [{"text": "Hello"}]}
            usage = {"promptTokenCount": read, "candidatesTokenCount": wrote}
            return {"candidates": [{"content": content, "finishReason": "STOP"}],
                    "usageMetadata": {k: v for k, v in usage.items() if v is not None}}  # fmt: skip
        case "bedrock":
            message = {"role": "assistant", "content": [{"text": "Hello"}]}
            return {"output": {"message": message}, "stopReason": "end_turn",
                    "usage": {"inputTokens": read, "outputTokens": wrote}}  # fmt: skip
        case "cohere":
            message = {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
            return {"id": "1", "finish_reason": "COMPLETE", "message": message,
                    "usage": {"tokens": {"input_tokens": read, "output_tokens": wrote}}}  # fmt: skip
        case _:
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"},
                      "finish_reason": "stop"}  # fmt: skip
            return {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
                    "choices": [choice],
                    "usage": {"prompt_tokens": read, "completion_tokens": wrote}}  # fmt: skip


def metered(provider: str, read: Any, wrote: Any) -> Meter:
    target = Target(
        provider=provider, type=provider, model="m", base_url="https://up.example",
        key_source=KeySource.OWN, key_name=None, audience="", settings={},
        info=ModelInfo(provider, "m", known=False),
    )  # fmt: skip
    head = ReplyHead(200, {"content-type": "application/json"})
    chat = ChatRequest("m", (Message(Role.USER, "Hi"),))
    parser = PROVIDERS[provider].open_reply(chat, target, head)
    body = json.dumps(reply_of(provider, read, wrote)).encode()
    meter = Meter()
    for event in [*parser.feed(body), *parser.finish()]:
        meter.add(event, 0.0)
    return meter


FORMATS = ("openai", "anthropic", "bedrock", "cohere", "gemini", "mistral")


@pytest.mark.parametrize("provider", FORMATS)
@pytest.mark.parametrize("number", IMPOSSIBLE, ids=str)
def test_an_impossible_count_is_an_estimate_and_never_a_negative_cost(
    provider: str, number: Any
) -> None:
    for read, wrote in ((number, 5), (5, number)):
        meter = metered(provider, read, wrote)
        if provider == "gemini" and number is None:
            continue  # Google leaves out what is zero
        assert not meter.is_measured, (read, wrote)
        usage = meter.usage(request_bytes=700)
        assert 0 < usage.total < 1_000
        cost = cost_nano(usage, PRICE, 0.0)
        assert cost is not None
        assert cost > 0


@pytest.mark.parametrize("provider", FORMATS)
def test_an_explicit_zero_stays_zero(provider: str) -> None:
    meter = metered(provider, 0, 0)
    assert meter.is_measured
    assert meter.usage(request_bytes=700) == Usage()
    assert cost_nano(meter.usage(700), PRICE, 0.0) == 0


@pytest.mark.parametrize("provider", FORMATS)
def test_whole_numbers_written_as_fractions_are_numbers(provider: str) -> None:
    meter = metered(provider, 7.0, 3.0)
    assert meter.is_measured
    assert (meter.usage(0).input, meter.usage(0).output) == (7, 3)
