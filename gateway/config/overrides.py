"""The operator's corrections to the catalogue, applied to what it says of a model. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase

from msgspec.structs import replace

from gateway.config.schema_models import ModelOverride, PriceOverride, Rates
from gateway.types.models import FREE_PRICE, ModelInfo, ModelPrice, Price, PriceState, PriceTier

_SPECIAL = ("price",)


def find_override(table: Mapping[str, ModelOverride], model: str) -> ModelOverride | None:
    """Return a model's override: under its own name, else under the longest name with `*`."""
    if model in table:
        return table[model]
    patterns = [name for name in table if "*" in name and matches(name, model)]
    return table[max(patterns, key=len)] if patterns else None


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, in which only `*` has a meaning."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(name, literal)


def apply_override(info: ModelInfo, override: ModelOverride) -> ModelInfo:
    """Return what is known of a model with the operator's word in place of the catalogue's."""
    said = {
        name: value
        for name in override.__struct_fields__
        if name not in _SPECIAL and (value := getattr(override, name)) is not None
    }
    if override.price is not None:
        said["price"] = _price(override.price)
    return replace(info, **said)


def _price(price: str | PriceOverride) -> ModelPrice:
    if isinstance(price, str):  # "free"; the schema allows no other word
        return FREE_PRICE
    return ModelPrice(
        PriceState.PRICED,
        _rates(price),
        tuple(PriceTier(tier.above, _rates(tier)) for tier in price.tiers),
        per_request=_nano(price.per_request),
    )


def _rates(rates: Rates) -> Price:
    given = {
        name: _nano(dollars)
        for name in Price.__struct_fields__
        if (dollars := getattr(rates, name)) is not None
    }
    return Price(**given)


def _nano(dollars: Decimal) -> int:
    return round(dollars * 10**9)
