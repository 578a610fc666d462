"""What tokens cost: pure integer arithmetic, no floats and no drift."""

from msgspec.structs import asdict

from gateway.types.models import ModelPrice, Price, PriceState, PriceTier
from gateway.types.usage import Usage

_PER_MILLION = 1_000_000


def cost_nano(usage: Usage, price: ModelPrice, at: float) -> int | None:
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
    active, tiers = rates_in_force(price.base, price, at)
    for tier in tiers:
        if usage.prompt > tier.above:
            active = tier.price
    total = sum(tokens * rate for tokens, rate in zip(buckets(usage), _rates(active), strict=True))
    return (total + _PER_MILLION // 2) // _PER_MILLION + price.per_request


def rates_in_force(
    base: Price, price: ModelPrice, at: float
) -> tuple[Price, tuple[PriceTier, ...]]:
    """Return the rates and tiers that hold at `at` (Unix seconds), `base` being those of always."""
    active, tiers = base, price.tiers
    for change in price.changes:
        if change.holds(at):
            active, tiers = change.base, change.tiers
    return active, tiers


def buckets(usage: Usage) -> tuple[int, ...]:
    """Return the counts in the order of `BUCKETS`."""
    return tuple(asdict(usage).values())


BUCKETS = tuple(asdict(Usage()))
"""The names of the usage buckets, in order."""


def _rates(price: Price) -> tuple[int, ...]:
    """Return nano-dollars per million tokens in the order of `BUCKETS`."""

    def or_else(rate: int | None, fallback: int) -> int:
        return fallback if rate is None else rate

    cache_write = or_else(price.cache_write, price.input)
    return (
        price.input,
        or_else(price.cache_read, price.input),
        cache_write,
        or_else(price.cache_write_1h, cache_write),
        or_else(price.audio_input, price.input),
        price.output,
        or_else(price.reasoning, price.output),
        or_else(price.audio_output, price.output),
    )


def format_usd(nano: int) -> str:
    """Return nano-dollars as a decimal string of dollars: `1234500` → `"0.0012345"`."""
    whole, rest = divmod(nano, 1_000_000_000)
    digits = f"{rest:09d}".rstrip("0")
    return f"{whole}.{digits}" if digits else f"{whole}"
