"""What vendors say they charged: read where it can be true, and ignored where it cannot."""

from typing import Any

import pytest

from gateway.providers.openai.charges import openrouter_charge, perplexity_charge, xai_charge


def test_each_vendors_shape_is_read_in_nano_dollars() -> None:
    assert openrouter_charge({"cost": 0.00256995, "is_byok": False}) == 2_569_950
    assert perplexity_charge({"cost": {"total_cost": 0.00502}}) == 5_020_000
    assert xai_charge({"cost_in_usd_ticks": 11_346_500}) == 1_134_650


def test_with_a_key_of_ones_own_the_vendor_behind_openrouter_is_paid_too() -> None:
    usage = {"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}
    assert openrouter_charge(usage) == 21_000_000
    usage["cost_details"] = {"upstream_inference_cost": None}
    assert openrouter_charge(usage) is None  # not the fee alone


def test_free_is_zero_and_silence_is_nothing() -> None:
    assert openrouter_charge({"cost": 0}) == 0
    assert openrouter_charge({}) is None
    assert perplexity_charge({"cost": 5}) is None
    assert xai_charge({"cost_in_usd_ticks": None}) is None


@pytest.mark.parametrize("value", [-0.01, "0.5", True, 1e9, float("nan"), float("inf"), [1]])
def test_what_cannot_be_a_charge_is_ignored(value: Any) -> None:
    assert openrouter_charge({"cost": value}) is None
