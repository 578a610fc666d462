"""`prices.unknown: refuse`: nothing is sent that cannot be priced."""

import pytest

from gateway.errors import PriceUnknown
from gateway.routing.plan import plan_route
from tests.routing.scenes import configured, key, user

REFUSE = {"prices": {"unknown": "refuse"}}


def test_a_model_without_a_price_is_refused_with_the_cure() -> None:
    with pytest.raises(PriceUnknown) as raised:
        plan_route("my-finetune", user("openai"), configured(REFUSE))
    assert (raised.value.status, raised.value.code) == (403, "price_unknown")
    assert "models.overrides.openai" in raised.value.message


def test_a_price_in_the_config_is_the_cure_it_names() -> None:
    overrides = {"openai": {"my-finetune": {"price": {"input": 1, "output": 2}}}}
    snapshot = configured({**REFUSE, "models": {"overrides": overrides}})
    plan = plan_route("my-finetune", user("openai"), snapshot)
    assert [target.model for target in plan.targets] == ["my-finetune"]


def test_priced_and_free_models_are_answered() -> None:
    plan = plan_route("gpt-4o", user("openai"), configured(REFUSE))
    assert [target.model for target in plan.targets] == ["gpt-4o"]
    free = plan_route("openai/gpt-oss-20b:free", user("openrouter"), configured(REFUSE))
    assert [target.provider for target in free.targets] == ["openrouter"]


def test_a_fallback_without_a_price_is_skipped_and_said() -> None:
    plan = plan_route(
        "gpt-4o", user("openai"), configured(REFUSE), fallbacks=["openai/my-finetune"]
    )
    assert [target.model for target in plan.targets] == ["gpt-4o"]
    assert plan.warnings == ("fallback 'openai/my-finetune' skipped: its price is unknown",)


def test_own_endpoints_are_refused_unless_declared_free() -> None:
    home = key("home", "openai_compatible", endpoint="https://llm.example.com/v1")
    with pytest.raises(PriceUnknown, match="own_endpoints: free"):
        plan_route("llama", user(home, provider="home"), configured(REFUSE))
    free = configured({"prices": {"unknown": "refuse", "own_endpoints": "free"}})
    assert plan_route("llama", user(home, provider="home"), free).targets


def test_with_a_ceiling_the_target_already_carries_it() -> None:
    prices = {"unknown": "ceiling", "ceiling": {"input": 3, "output": 9}}
    plan = plan_route("my-finetune", user("openai"), configured({"prices": prices}))
    base = plan.targets[0].info.price.base
    assert base is not None
    assert (base.input, base.output) == (3 * 10**9, 9 * 10**9)
