"""The price a model has here: the catalogue's, less a discount, or the operator's word. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import asdict, replace

from gateway.config.overrides import matches
from gateway.config.schema_models import PriceOverride, Rates
from gateway.config.schema_prices import PricesConfig, UnknownPrice
from gateway.types.models import (
    FREE_PRICE,
    UNKNOWN_PRICE,
    ModelPrice,
    Price,
    PriceChange,
    PriceState,
    PriceTier,
    ServicePrice,
)

_Rated = TypeVar("_Rated", PriceChange, ServicePrice)


def agreed_price(price: str | PriceOverride) -> ModelPrice:
    """Return the price an entry of `models.overrides` gives."""
    if isinstance(price, str):  # "free"; the schema allows no other word
        return replace(FREE_PRICE, agreed=True)
    return ModelPrice(
        PriceState.PRICED,
        _rates(price),
        tuple(PriceTier(tier.above, _rates(tier)) for tier in price.tiers),
        per_request=_nano(price.per_request),
        agreed=True,
    )


def discounted_price(
    price: ModelPrice, discounts: Mapping[str, Decimal], provider: str, model: str
) -> ModelPrice:
    """Return a price less the discount for its model; the longest key that fits counts."""
    if price.base is None or price.state is not PriceState.PRICED:
        return price
    names = (provider, f"{provider}/{model}")
    keys = [key for key in discounts if any(matches(key, name) for name in names)]
    if not keys:
        return price
    left = 1 - discounts[max(keys, key=len)]

    def reduced(entry: _Rated) -> _Rated:
        return replace(entry, base=_times(entry.base, left), tiers=_tiers(entry.tiers, left))

    return replace(
        price,
        base=_times(price.base, left),
        tiers=_tiers(price.tiers, left),
        per_request=round(price.per_request * left),
        per_search=round(price.per_search * left),
        changes=tuple(reduced(change) for change in price.changes),
        services=tuple(reduced(service) for service in price.services),
        agreed=True,
    )


def price_or_ceiling(price: ModelPrice, prices: PricesConfig) -> ModelPrice:
    """Return a price, the ceiling in place of one that is not known where the policy is that."""
    ceiling = prices.ceiling
    if price.state is not PriceState.UNKNOWN or prices.unknown is not UnknownPrice.CEILING:
        return price
    if ceiling is None:  # a fault of the config that `check` refuses
        return price
    return ModelPrice(PriceState.CEILING, Price(_nano(ceiling.input), _nano(ceiling.output)))


def own_endpoint_price(prices: PricesConfig) -> ModelPrice:
    """Return the price of whatever runs at an endpoint that a user chose."""
    if prices.own_endpoints == "free":
        return FREE_PRICE
    return price_or_ceiling(UNKNOWN_PRICE, prices)


def _tiers(tiers: tuple[PriceTier, ...], left: Decimal) -> tuple[PriceTier, ...]:
    return tuple(PriceTier(tier.above, _times(tier.price, left)) for tier in tiers)


def _times(price: Price, left: Decimal) -> Price:
    given = {name: rate for name, rate in asdict(price).items() if rate is not None}
    return Price(**{name: round(rate * left) for name, rate in given.items()})


def _rates(rates: Rates) -> Price:
    given = {
        name: _nano(dollars)
        for name in Price.__struct_fields__
        if (dollars := getattr(rates, name)) is not None
    }
    return Price(**given)


def _nano(dollars: Decimal) -> int:
    return round(dollars * 10**9)
