"""What some vendors say they charged for a reply, in nano-dollars.

Such a word knows what a list of prices cannot: the host that answered, searches, fees, free tiers.
All three shapes are from recorded replies and the vendors' pages on usage (2026-11).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Charge = Callable[[Mapping[str, Any]], int | None]
"""Reads a `usage` object; None where it says nothing of money, or nothing that can be true."""

_MOST_DOLLARS = 10_000  # no reply costs that much
_NANO = 10**9
_NANO_A_TICK = Decimal("0.1")  # xAI: ten thousand million ticks a dollar


def openrouter_charge(usage: Mapping[str, Any]) -> int | None:
    """Return `cost`; with a key of one's own at OpenRouter, what the vendor behind it takes too."""
    charged = _nano(usage.get("cost"))
    if charged is None or usage.get("is_byok") is not True:
        return charged
    upstream = _nano(_member(usage, "cost_details").get("upstream_inference_cost"))
    return None if upstream is None else charged + upstream


def perplexity_charge(usage: Mapping[str, Any]) -> int | None:
    """Return `cost.total_cost`: the fee of the request by its search context, and the tokens.

    Perplexity rounds each part to a hundred-thousandth of a dollar.
    """
    return _nano(_member(usage, "cost").get("total_cost"))


def xai_charge(usage: Mapping[str, Any]) -> int | None:
    """Return `cost_in_usd_ticks`, searches and other tools included."""
    return _nano(usage.get("cost_in_usd_ticks"), unit=_NANO_A_TICK)


def _member(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}


def _nano(value: Any, *, unit: Decimal = Decimal(_NANO)) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    amount = Decimal(str(value)) * unit
    return round(amount) if amount.is_finite() and 0 <= amount <= _MOST_DOLLARS * _NANO else None
