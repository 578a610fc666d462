"""What tokens cost: pure integer arithmetic, no floats and no drift."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import asdict

from gateway.types.models import ModelPrice, Price, PriceState, PriceTier, ServicePrice
from gateway.types.usage import Usage

_PER_MILLION = 1_000_000
# The words by which vendors call the service everybody gets (API references, 2026-11).
_USUAL_SERVICE = frozenset({None, "auto", "default", "on_demand", "standard"})


class Cost(Struct, frozen=True):
    """What a reply cost, in nano-dollars (None: nobody knows), and what that is made of."""

    nano: int | None
    state: PriceState


def cost_of(
    usage: Usage,
    price: ModelPrice,
    at: float,
    *,
    service: str | None = None,
    reported: int | None = None,
    searches: int = 0,
) -> Cost:
    """Return the cost of a reply; `at` (Unix seconds) is when the request came.

    `service` is how the reply says it was served; without a price for that it is charged at the
    usual one and says so. `reported` is what the provider itself says it charged (nano-dollars): it
    counts more than a list of prices, and less than what the operator has agreed. `searches` are
    those on the provider's side that it charges for.
    """
    if reported is not None and not price.agreed:
        return Cost(reported, PriceState.REPORTED)
    nano = cost_nano(usage, price, at, service)
    if nano is None or price.state is not PriceState.PRICED:
        return Cost(nano, price.state)
    is_priced = service in _USUAL_SERVICE or any(_served(price, service, at))
    is_priced = is_priced and (not searches or price.per_search > 0)
    nano += searches * price.per_search
    return Cost(nano, PriceState.PRICED if is_priced else PriceState.APPROXIMATE)


def cost_nano(usage: Usage, price: ModelPrice, at: float, service: str | None = None) -> int | None:
    """Return the cost in nano-dollars (1e-9 USD), None where the price is unknown.

    `at` (Unix seconds) is when the request came: prices change, and some by the hour. A tier holds
    for the whole request once its prompt exceeds the tier's limit, as vendors bill it.
    """
    if price.state is PriceState.FREE:
        return 0
    if price.state is PriceState.UNKNOWN or price.base is None:
        return None
    if usage.total == 0:
        return 0  # nothing was sold: no charge for the request either
    active, tiers = rates_in_force(price.base, price, at, service)
    for tier in tiers:
        if usage.prompt > tier.above:
            active = tier.price
    total = sum(tokens * rate for tokens, rate in zip(buckets(usage), _rates(active), strict=True))
    return (total + _PER_MILLION // 2) // _PER_MILLION + price.per_request


def rates_in_force(
    base: Price, price: ModelPrice, at: float, service: str | None = None
) -> tuple[Price, tuple[PriceTier, ...]]:
    """Return the rates and tiers that hold at `at` (Unix seconds), `base` being those of always."""
    active, tiers = base, price.tiers
    for change in price.changes:
        if change.holds(at):
            active, tiers = change.base, change.tiers
    for special in _served(price, service, at):
        active, tiers = special.base, special.tiers
    return active, tiers


def buckets(usage: Usage) -> tuple[int, ...]:
    """Return the counts in the order of `BUCKETS`."""
    return tuple(asdict(usage).values())


BUCKETS = tuple(asdict(Usage()))
"""The names of the usage buckets, in order."""


def _served(price: ModelPrice, service: str | None, at: float) -> Iterator[ServicePrice]:
    """Yield the prices in force of a way of serving, the one that counts last."""
    for special in price.services:
        if special.name == service and (special.since is None or at >= special.since):
            yield special


def _rates(price: Price) -> tuple[int, ...]:
    """Return nano-dollars per million tokens in the order of `BUCKETS`."""

    def or_else(rate: int | None, fallback: int) -> int:
        return fallback if rate is None else rate

    cache_read = or_else(price.cache_read, price.input)
    cache_write = or_else(price.cache_write, price.input)
    return (
        price.input,
        cache_read,
        cache_write,
        or_else(price.cache_write_1h, cache_write),
        or_else(price.audio_input, price.input),
        price.output,
        or_else(price.reasoning, price.output),
        or_else(price.audio_output, price.output),
        or_else(price.audio_cache_read, cache_read),
    )


def format_usd(nano: int) -> str:
    """Return nano-dollars as a decimal string of dollars: `1234500` → `"0.0012345"`."""
    whole, rest = divmod(nano, 1_000_000_000)
    digits = f"{rest:09d}".rstrip("0")
    return f"{whole}.{digits}" if digits else f"{whole}"
