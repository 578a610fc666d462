"""Cost arithmetic: integers, disjoint buckets, tiers."""

from hypothesis import given, strategies as st

from gateway.accounting.cost import BUCKETS, buckets, cost_nano, format_usd
from gateway.types.models import (
    FREE_PRICE,
    UNKNOWN_PRICE,
    ModelPrice,
    Price,
    PriceChange,
    PriceState,
    PriceTier,
)
from gateway.types.usage import Usage

DOLLAR = 1_000_000_000
NOON = 1_800_014_400.0  # 12:00 UTC
PRICE = ModelPrice(
    PriceState.PRICED,
    Price(
        input=3 * DOLLAR,
        output=15 * DOLLAR,
        cache_read=300_000_000,
        cache_write=3_750_000_000,
        cache_write_1h=6 * DOLLAR,
    ),
)


def test_every_bucket_is_charged_at_its_own_rate() -> None:
    usage = Usage(
        input=1_000_000, cache_read=1_000_000, cache_write=1_000_000, cache_write_1h=1_000_000,
        output=1_000_000,
    )  # fmt: skip
    assert cost_nano(usage, PRICE, NOON) == (3 + 15 + 6) * DOLLAR + 300_000_000 + 3_750_000_000


def test_a_bucket_without_a_rate_costs_what_its_side_costs() -> None:
    plain = ModelPrice(PriceState.PRICED, Price(input=2 * DOLLAR, output=8 * DOLLAR))
    assert cost_nano(Usage(cache_read=1_000_000), plain, NOON) == 2 * DOLLAR
    assert cost_nano(Usage(cache_write_1h=1_000_000), plain, NOON) == 2 * DOLLAR
    assert cost_nano(Usage(reasoning=1_000_000), plain, NOON) == 8 * DOLLAR
    assert cost_nano(Usage(audio_output=1_000_000), plain, NOON) == 8 * DOLLAR


def test_a_tier_holds_for_the_whole_request_once_the_prompt_exceeds_it() -> None:
    tiered = ModelPrice(
        PriceState.PRICED,
        Price(input=1 * DOLLAR, output=1 * DOLLAR),
        (PriceTier(200_000, Price(input=2 * DOLLAR, output=4 * DOLLAR)),),
    )
    assert cost_nano(Usage(input=200_000), tiered, NOON) == DOLLAR // 5
    assert cost_nano(Usage(input=150_000, cache_read=50_001), tiered, NOON) == 400_002_000


def test_unknown_is_not_zero_and_free_is() -> None:
    assert cost_nano(Usage(input=5), UNKNOWN_PRICE, NOON) is None
    assert cost_nano(Usage(input=5), FREE_PRICE, NOON) == 0


@given(st.lists(st.integers(0, 10**7), min_size=len(BUCKETS), max_size=len(BUCKETS)))
def test_cost_never_drifts_by_more_than_rounding(counts: list[int]) -> None:
    usage = Usage(*counts)
    assert buckets(usage) == tuple(counts)
    cost = cost_nano(usage, PRICE, NOON)
    rates = (3.0, 0.3, 3.75, 6.0, 3.0, 15.0, 15.0, 15.0)
    exact = sum(n * r for n, r in zip(counts, rates, strict=True)) * 1000
    assert cost is not None
    assert abs(cost - exact) <= 1


def test_dollars_are_written_without_an_exponent() -> None:
    assert format_usd(0) == "0"
    assert format_usd(1) == "0.000000001"
    assert format_usd(1_234_500) == "0.0012345"
    assert format_usd(12 * DOLLAR) == "12"


def test_a_peak_hour_and_an_announced_price_take_the_bases_place() -> None:
    base, peak, later = (Price(input=n * DOLLAR, output=n * DOLLAR) for n in (1, 2, 3))
    price = ModelPrice(
        PriceState.PRICED,
        base,
        changes=(
            PriceChange(peak, daily=(11 * 3600, 13 * 3600)),
            PriceChange(later, since=2 * 10**9),
        ),
    )
    million = Usage(input=1_000_000)
    assert cost_nano(million, price, NOON - 7200) == 1 * DOLLAR
    assert cost_nano(million, price, NOON) == 2 * DOLLAR
    assert cost_nano(million, price, 2e9 + 1) == 3 * DOLLAR


def test_a_fee_per_request_is_added_once_and_only_for_what_was_sold() -> None:
    price = ModelPrice(PriceState.PRICED, Price(input=DOLLAR, output=DOLLAR), per_request=5)
    assert cost_nano(Usage(input=1_000_000), price, NOON) == DOLLAR + 5
    assert cost_nano(Usage(), price, NOON) == 0
