"""How a model is shown: OpenAI's members, ours beside them, and prices as decimal strings."""

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.endpoints.models import public_model, public_price
from gateway.endpoints.probe import public_report
from gateway.errors import ProviderKeyRejected
from gateway.offers.key_check import KeyReport
from gateway.offers.models import Because, ListedBy, OfferedModel
from gateway.providers.listing import ListedModel
from gateway.types.models import (
    FREE_PRICE,
    UNKNOWN_PRICE,
    ModelInfo,
    ModelPrice,
    Price,
    PriceChange,
    PriceState,
    PriceTier,
    ReasoningStyle,
)
from gateway.types.upstream import KeySource, Target

DOLLAR = 10**9
BASE = Price(input=5 * DOLLAR // 2, output=10 * DOLLAR, cache_read=DOLLAR // 8)
KNOWN = ModelInfo(
    "openai",
    "gpt-x",
    context_window=400_000,
    max_output=128_000,
    modalities_in=("text", "image"),
    json_schema=True,
    reasoning=ReasoningStyle.EFFORT,
    price=ModelPrice(PriceState.PRICED, BASE),
)


def entry(info: ModelInfo, because: Because = Because.OWN_KEY) -> OfferedModel:
    target = Target(
        provider=info.provider,
        type="openai",
        model=info.id,
        base_url="https://api.openai.com/v1",
        key_source=KeySource.OWN,
        key_name="openai",
        audience="openai",
        settings={},
        info=info,
    )
    return OfferedModel(info.id, target, because, ListedBy.CATALOGUE, created=7)


def test_a_known_model_shows_everything() -> None:
    assert public_model(entry(KNOWN), 0) == {
        "id": "gpt-x",
        "object": "model",
        "created": 7,
        "owned_by": "openai",
        "provider": "openai",
        "model": "gpt-x",
        "available_because": "own_key",
        "listed_by": "catalogue",
        "context_window": 400_000,
        "max_output_tokens": 128_000,
        "modalities": {"input": ("text", "image"), "output": ("text",)},
        "capabilities": {"tools": True, "json_schema": True, "reasoning": True},
        "price": {"input": "2.5", "output": "10", "cache_read": "0.125"},
    }


def test_what_nobody_knows_is_null_and_never_a_promise() -> None:
    shown = public_model(entry(ModelInfo("home", "llama", known=False)), 0)
    assert (shown["context_window"], shown["max_output_tokens"]) == (None, None)
    assert shown["capabilities"] == {"tools": None, "json_schema": None, "reasoning": None}
    assert shown["price"] == "unknown"


def test_what_a_model_cannot_do_is_said() -> None:
    info = replace(KNOWN, tools=False, reasoning=ReasoningStyle.NONE, known=False)
    shown = public_model(entry(info), 0)["capabilities"]
    assert (shown["tools"], shown["reasoning"]) == (False, False)


def test_an_alias_belongs_to_the_operator() -> None:
    shown = public_model(entry(KNOWN, Because.ALIAS), 0)
    assert (shown["owned_by"], shown["provider"]) == ("operator", "openai")


@pytest.mark.parametrize(
    ("price", "now", "expected"),
    [
        (FREE_PRICE, 0, "free"),
        (UNKNOWN_PRICE, 0, "unknown"),
        (ModelPrice(PriceState.PRICED), 0, "unknown"),
        (ModelPrice(PriceState.PRICED, Price(0, 0)), 0, {"input": "0", "output": "0"}),
        (
            ModelPrice(PriceState.PRICED, Price(1, 2), per_request=5_000_000),
            0,
            {"input": "0.000000001", "output": "0.000000002", "per_request": "0.005"},
        ),
        (
            ModelPrice(PriceState.PRICED, Price(DOLLAR, DOLLAR), (PriceTier(200_000, BASE),)),
            0,
            {
                "input": "1",
                "output": "1",
                "tiers": [
                    {"above": 200_000, "input": "2.5", "output": "10", "cache_read": "0.125"}
                ],
            },
        ),
    ],
)
def test_a_price_is_exact(price: ModelPrice, now: float, expected: Any) -> None:
    assert public_price(price, now) == expected


def test_a_price_is_the_one_of_now() -> None:
    later = PriceChange(Price(DOLLAR, DOLLAR), since=1_000)
    price = ModelPrice(PriceState.PRICED, BASE, (PriceTier(5, BASE),), changes=(later,))
    before, after = public_price(price, 999), public_price(price, 1_000)
    assert isinstance(before, dict)
    assert before["input"] == "2.5"
    assert before["tiers"]
    assert after == {"input": "1", "output": "1"}


def test_a_report_of_a_key_says_what_it_must_and_no_more() -> None:
    good = KeyReport(None, 200, (ListedModel("a"), ListedModel("b")))
    assert public_report(good) == {"ok": True, "latency_ms": 200, "models": 2}
    assert public_report(KeyReport(None, 100)) == {"ok": True, "latency_ms": 100, "models": None}
    assert public_report(KeyReport(ProviderKeyRejected("No."))) == {
        "ok": False,
        "code": "provider_key_rejected",
        "message": "No.",
        "origin": "user_key",
    }
