"""The checks of what the config says of prices. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from gateway.config.schema_models import ModelOverride, PriceOverride, Rates
from gateway.config.schema_prices import PricesConfig, UnknownPrice
from gateway.errors import ConfigError

_NO_PRICE = "must be a number of dollars, 0 or more"
_MOST_DOLLARS = 1_000_000


def check_prices(prices: PricesConfig) -> Iterator[ConfigError]:
    """Yield every fault of the `prices` section, but for names of providers."""
    if prices.ceiling is None:
        if prices.unknown is UnknownPrice.CEILING:
            yield ConfigError("'unknown: ceiling' needs it", "prices.ceiling")
    else:
        rates = {name: getattr(prices.ceiling, name) for name in ("input", "output")}
        for name, dollars in rates.items():
            if _is_no_price(dollars):
                yield ConfigError(_NO_PRICE, f"prices.ceiling.{name}")
        if not any(rates.values()):
            yield ConfigError("must not be 0: that would be free, not dear", "prices.ceiling")
    for name, part in prices.discounts.items():
        path = f"prices.discounts.{name}"
        if not part.is_finite() or not 0 <= part < 1:
            yield ConfigError("must be a part of the price: 0 or more and less than 1", path)
        if name.endswith("/"):
            yield ConfigError("names no model: write 'provider' or 'provider/model'", path)


def discounted_provider(name: str) -> str:
    """Return the provider that a key of `prices.discounts` is about."""
    return name.partition("/")[0]


def check_override(override: ModelOverride, path: str) -> Iterator[ConfigError]:
    """Yield every fault of the price of one entry of `models.overrides`, which is at `path`."""
    price = override.price
    if not isinstance(price, PriceOverride):
        return
    yield from _check_rates(price, f"{path}.price")
    if _is_no_price(price.per_request):
        yield ConfigError(_NO_PRICE, f"{path}.price.per_request")
    for place, tier in enumerate(price.tiers):
        yield from _check_rates(tier, f"{path}.price.tiers[{place}]")
    starts = [tier.above for tier in price.tiers]
    if starts != sorted(set(starts)):
        yield ConfigError("tiers must ascend by 'above'", f"{path}.price.tiers")


def _check_rates(rates: Rates, path: str) -> Iterator[ConfigError]:
    for name in Rates.__struct_fields__:
        value = getattr(rates, name)
        if value is not None and _is_no_price(value):
            yield ConfigError(_NO_PRICE, f"{path}.{name}")


def _is_no_price(dollars: Decimal) -> bool:
    return not dollars.is_finite() or not 0 <= dollars <= _MOST_DOLLARS
