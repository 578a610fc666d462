"""Turns a model's prices as genai-prices has them into ours. Not imported at run time.

A price there is per bucket, each with tiers of its own; ours is a price with tiers. Its variants by
`service_tier` and `speed` become `services`; those of batches do not, since the gateway has none.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from genai_prices import types as source
from msgspec.structs import replace

from gateway.catalogue.corrections import CORRECTIONS, Correction
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

_BUCKETS: Mapping[str, str] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "audio_cache_read": "cache_audio_read_mtok",
}
_SERVICE_KEYS = ("service_tier", "speed")
_SEARCHES_TOLD = "claude"  # only Anthropic's replies say how many searches they cost


def price_of(ours: str, model: source.ModelInfo, day: date) -> ModelPrice | None:
    """Return the model's price, None where it is not sold by the token."""
    if isinstance(model.prices, source.ModelPrice):
        prices = [source.ConditionalPrice(prices=model.prices)]
    else:
        prices = model.prices
    base, later = _in_force(prices, day)
    if not base.__dict__:
        return _price_of_nothing(ours, model.id)
    priced = _token_price(base)
    if priced is None:
        return None
    first, tiers = priced
    if first.input == 0 and first.output == 0:
        return FREE_PRICE
    price = ModelPrice(
        PriceState.PRICED,
        first,
        tiers,
        per_request=_per_thousand(base, "requests_kcount"),
        changes=tuple(_change(entry) for entry in later),
        services=tuple(_services(model, first, day)),
        per_search=_per_thousand(base, "web_searches_kcount") if _tells(model.id) else 0,
    )
    correction = CORRECTIONS.get(ours, {}).get(model.id)
    return price if correction is None else _corrected(price, correction)


def _tells(model_id: str) -> bool:
    return _SEARCHES_TOLD in model_id


def _per_thousand(price: source.ModelPrice, key: str) -> int:
    return _nano(price.__dict__.get(key) or Decimal(0)) // 1000


def _price_of_nothing(ours: str, model_id: str) -> ModelPrice:
    """An empty price means free where the vendor says so, and otherwise that nobody knows."""
    is_free = ours == "openrouter" or model_id.endswith(":free") or model_id.startswith("gemma")
    return FREE_PRICE if is_free else UNKNOWN_PRICE


def _in_force(
    prices: list[source.ConditionalPrice], day: date
) -> tuple[source.ModelPrice, list[source.ConditionalPrice]]:
    """Split dated prices into the one that holds on `day` and those that may replace it.

    The last price whose condition holds is the one that counts, so what stands before the base
    never counts again.
    """
    place = 0
    for here, entry in enumerate(prices):
        constraint = entry.constraint
        if constraint is None or (
            isinstance(constraint, source.StartDateConstraint) and constraint.start_date <= day
        ):
            place = here
    return prices[place].prices, prices[place + 1 :]


def _change(entry: source.ConditionalPrice) -> PriceChange:
    priced = _token_price(entry.prices)
    if priced is None:
        raise ValueError(f"a later price is not by the token: {entry}")
    base, tiers = priced
    match entry.constraint:
        case source.StartDateConstraint(start_date=start):
            moment = datetime.combine(start, time(), UTC)
            return PriceChange(base, tiers, since=int(moment.timestamp()))
        case source.TimeOfDateConstraint(start_time=start, end_time=end):
            return PriceChange(base, tiers, daily=(_second(start), _second(end)))
        case None:
            raise ValueError(f"an unconditional price would have been the base: {entry}")


def _second(moment: time) -> int:
    if moment.tzinfo not in (None, UTC):
        raise ValueError(f"a daily price that is not in UTC: {moment!r}")
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _token_price(price: source.ModelPrice) -> tuple[Price, tuple[PriceTier, ...]] | None:
    if price.input_mtok is None:
        return None
    values = {bucket: getattr(price, key) for bucket, key in _BUCKETS.items()}
    tiered = [value for value in values.values() if isinstance(value, source.TieredPrices)]
    starts = sorted({tier.start for value in tiered for tier in value.tiers})
    return _at(values, 0), tuple(PriceTier(start, _at(values, start)) for start in starts)


def _at(values: Mapping[str, Any], start: int) -> Price:
    """Return the price of a prompt longer than `start` tokens (0: any prompt)."""

    def rate(value: Decimal | source.TieredPrices | None) -> int | None:
        if value is None:
            return None
        if isinstance(value, Decimal):
            return _nano(value)
        reached = [tier.price for tier in value.tiers if tier.start <= start and start > 0]
        return _nano(reached[-1] if reached else value.base)

    rates = {bucket: rate(value) for bucket, value in values.items()}
    return Price(**{**rates, "output": rates["output"] or 0})  # type: ignore[arg-type]


def _nano(dollars: Decimal | source.TieredPrices) -> int:
    if isinstance(dollars, source.TieredPrices):
        raise TypeError("a price by the request has tiers")
    return round(dollars * 10**9)


def _services(model: source.ModelInfo, standard: Price, day: date) -> Iterator[ServicePrice]:
    """Yield the prices of ways of serving that differ from the usual one, oldest first."""
    moments = [day, *sorted(_starts_after(model.price_variants or (), day))]
    for key, name in dict.fromkeys(_named_services(model.price_variants or ())):
        last = standard
        for moment in moments:
            noon = datetime.combine(moment, time(12), UTC)
            priced = _token_price(model.get_prices(noon, {key: name}))
            if priced is None or (priced[0] == last and moment != day):
                continue
            if moment == day and priced == _token_price(model.get_prices(noon)):
                continue  # by name only: it costs what is usual
            last = priced[0]
            midnight = datetime.combine(moment, time(), UTC)
            since = None if moment == day else int(midnight.timestamp())
            yield ServicePrice(name, *priced, since=since)


def _named_services(variants: Sequence[source.PriceVariant]) -> Iterator[tuple[str, str]]:
    for variant in variants:
        [(key, name), *more] = variant.when.items()
        if key in _SERVICE_KEYS and not more:
            yield key, name


def _starts_after(variants: Sequence[source.PriceVariant], day: date) -> Iterator[date]:
    for variant in variants:
        start = variant.constraint
        if isinstance(start, source.StartDateConstraint) and start.start_date > day:
            yield start.start_date


def _corrected(price: ModelPrice, correction: Correction) -> ModelPrice:
    """Lay our numbers over the source's. Raises ValueError for what the source has by now."""
    rates = {bucket: _nano(Decimal(text)) for bucket, text in correction.rates.items()}
    fee = price.per_request
    if correction.per_request is not None:
        fee = _nano(Decimal(correction.per_request))
    changes = price.changes
    if correction.peak_on_weekdays:
        changes = tuple(replace(change, weekdays=change.daily is not None) for change in changes)
    if price.base is None or price.tiers or price.services or (rates and changes):
        raise ValueError(f"a correction is for a plain price: {correction.source}")
    base = replace(price.base, **rates)
    corrected = replace(price, base=base, per_request=fee, changes=changes)
    if corrected == price:
        raise ValueError(f"no longer needed: the correction from {correction.source}")
    return corrected
