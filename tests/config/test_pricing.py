"""What a model costs here: the operator's word, discounts, and what holds where nobody knows."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.config.check import check
from gateway.config.parse import parse
from gateway.types.models import ModelPrice, PriceState
from tests.routing.scenes import configured


def price_of(prices: dict[str, Any], provider: str, model: str, **models: Any) -> ModelPrice:
    return configured({"prices": prices, "models": models}).model(provider, model).price


def test_a_discount_lowers_every_rate_of_the_catalogues_price() -> None:
    full = price_of({}, "openai", "gpt-5.6-sol")
    less = price_of({"discounts": {"openai": 0.25}}, "openai", "gpt-5.6-sol")
    assert full.base is not None
    assert less.base is not None
    assert less.base.input == full.base.input * 3 // 4
    assert less.base.cache_write == (full.base.cache_write or 0) * 3 // 4
    assert less.tiers[0].price.output == full.tiers[0].price.output * 3 // 4
    assert less.services[0].base.output == full.services[0].base.output * 3 // 4
    assert (less.agreed, full.agreed) == (True, False)


def test_changes_fees_and_searches_are_discounted_too() -> None:
    discounts = {"*": 0.5}
    sonar = price_of({"discounts": discounts}, "perplexity", "sonar")
    assert sonar.per_request == 2_500_000
    claude = price_of({"discounts": discounts}, "anthropic", "claude-sonnet-5")
    assert claude.per_search == 5_000_000
    peak = price_of({"discounts": discounts}, "deepseek", "deepseek-flash").changes[0]
    assert (peak.base.input, peak.daily is None) == (150_000_000, False)


def test_the_longest_name_of_a_discount_counts() -> None:
    discounts = {"openai": 0.1, "openai/gpt-4o*": 0.5, "openai/gpt-4o-mini": 0}
    inputs = {}
    for model in ("gpt-4.1", "gpt-4o", "gpt-4o-mini"):
        base = price_of({"discounts": discounts}, "openai", model).base
        assert base is not None
        inputs[model] = base.input
    assert inputs == {"gpt-4.1": 1_800_000_000, "gpt-4o": 1_250_000_000, "gpt-4o-mini": 150_000_000}


def test_an_overrides_price_is_final() -> None:
    overrides = {"openai": {"gpt-4o": {"price": {"input": 2, "output": 8}}}}
    price = price_of({"discounts": {"openai": 0.5}}, "openai", "gpt-4o", overrides=overrides)
    assert price.base is not None
    assert (price.base.input, price.agreed) == (2_000_000_000, True)


def test_an_unknown_price_stays_unknown_unless_a_ceiling_takes_its_place() -> None:
    assert price_of({}, "openai", "my-finetune").state is PriceState.UNKNOWN
    ceiling = {"unknown": "ceiling", "ceiling": {"input": 15, "output": 75}}
    price = price_of(ceiling, "openai", "my-finetune")
    assert price.state is PriceState.CEILING
    assert price.base is not None
    assert (price.base.input, price.base.output) == (15 * 10**9, 75 * 10**9)
    assert price_of(ceiling, "openai", "gpt-4o").state is PriceState.PRICED
    free = {"openai": {"my-*": {"price": "free"}}}
    assert price_of(ceiling, "openai", "my-finetune", overrides=free).state is PriceState.FREE


def test_models_at_users_own_endpoints_are_unknown_or_free_as_declared() -> None:
    assert configured().own_endpoint_price.state is PriceState.UNKNOWN
    ceiling = {"unknown": "ceiling", "ceiling": {"input": 1, "output": 1}}
    assert configured({"prices": ceiling}).own_endpoint_price.state is PriceState.CEILING
    free = configured({"prices": {**ceiling, "own_endpoints": "free"}})
    assert free.own_endpoint_price.state is PriceState.FREE


@pytest.mark.parametrize(
    ("prices", "fault"),
    [
        ({"unknown": "ceiling"}, "prices.ceiling: 'unknown: ceiling' needs it"),
        ({"ceiling": {"input": -1, "output": 1}}, "prices.ceiling.input: must be a number of"),
        ({"ceiling": {"input": 0, "output": 0}}, "prices.ceiling: must not be 0"),
        ({"discounts": {"openai": 1}}, "prices.discounts.openai: must be a part of the price"),
        ({"discounts": {"openai": 15}}, "prices.discounts.openai: must be a part of the price"),
        ({"discounts": {"openai": -0.1}}, "prices.discounts.openai: must be a part of the price"),
        ({"discounts": {"opnai": 0.1}}, "prices.discounts.opnai: there is no provider 'opnai'"),
        ({"discounts": {"openai/": 0.1}}, "prices.discounts.openai/: names no model"),
    ],
)
def test_faults_are_named_by_their_place(prices: dict[str, Any], fault: str) -> None:
    faults = [str(found) for found in check(parse({"prices": prices}))]
    assert [found for found in faults if found.startswith(fault)] == faults
    assert faults


def test_numbers_of_a_file_are_exact() -> None:
    assert parse({"prices": {"discounts": {"openai": 0.15}}}).prices.discounts == {
        "openai": Decimal("0.15")
    }
