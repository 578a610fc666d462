"""Cost arithmetic: integers, disjoint buckets, tiers."""

from hypothesis import given, strategies as st
from msgspec.structs import replace

from gateway.accounting.cost import BUCKETS, Cost, buckets, cost_nano, cost_of, format_usd
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
    rates = (3.0, 0.3, 3.75, 6.0, 3.0, 15.0, 15.0, 15.0, 0.3)
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


def test_cached_audio_has_a_price_of_its_own() -> None:
    price = ModelPrice(
        PriceState.PRICED,
        Price(input=DOLLAR, output=DOLLAR, cache_read=DOLLAR // 10, audio_cache_read=DOLLAR // 5),
    )
    million = 1_000_000
    assert cost_nano(Usage(audio_cache_read=million), price, NOON) == DOLLAR // 5
    without = ModelPrice(PriceState.PRICED, Price(input=DOLLAR, output=DOLLAR, cache_read=7))
    assert cost_nano(Usage(audio_cache_read=million), without, NOON) == 7


TIERED = ModelPrice(
    PriceState.PRICED,
    Price(input=2 * DOLLAR, output=2 * DOLLAR),
    services=(
        ServicePrice("flex", Price(input=DOLLAR, output=DOLLAR)),
        ServicePrice("flex", Price(input=DOLLAR // 2, output=DOLLAR), since=2 * 10**9),
    ),
    per_search=10,
)


def test_a_service_tier_the_reply_names_has_its_own_price() -> None:
    million = Usage(input=1_000_000)
    assert cost_of(million, TIERED, NOON, service="flex") == Cost(DOLLAR, PriceState.PRICED)
    assert cost_of(million, TIERED, 2e9, service="flex").nano == DOLLAR // 2
    for usual in (None, "default", "standard", "on_demand", "auto"):
        assert cost_of(million, TIERED, NOON, service=usual).nano == 2 * DOLLAR


def test_a_service_tier_without_a_known_price_is_charged_as_usual_and_says_so() -> None:
    million = Usage(input=1_000_000)
    cost = cost_of(million, TIERED, NOON, service="priority")
    assert cost == Cost(2 * DOLLAR, PriceState.APPROXIMATE)
    assert cost_of(million, FREE_PRICE, NOON, service="priority").state is PriceState.FREE
    assert cost_of(million, UNKNOWN_PRICE, NOON, service="x") == Cost(None, PriceState.UNKNOWN)


def test_searches_are_charged_beside_the_tokens_or_the_cost_says_that_it_lacks_them() -> None:
    million = Usage(input=1_000_000)
    assert cost_of(million, TIERED, NOON, searches=3) == Cost(2 * DOLLAR + 30, PriceState.PRICED)
    cost = cost_of(million, PRICE, NOON, searches=3)
    assert cost == Cost(3 * DOLLAR, PriceState.APPROXIMATE)


def test_what_the_provider_says_counts_more_than_a_list_and_less_than_an_agreement() -> None:
    million = Usage(input=1_000_000)
    assert cost_of(million, PRICE, NOON, reported=5) == Cost(5, PriceState.REPORTED)
    assert cost_of(million, UNKNOWN_PRICE, NOON, reported=5) == Cost(5, PriceState.REPORTED)
    agreed = replace(PRICE, agreed=True)
    assert cost_of(million, agreed, NOON, reported=5) == Cost(3 * DOLLAR, PriceState.PRICED)


def test_a_ceiling_is_charged_and_named() -> None:
    ceiling = ModelPrice(PriceState.CEILING, Price(input=9 * DOLLAR, output=9 * DOLLAR))
    cost = cost_of(Usage(input=1_000_000), ceiling, NOON)
    assert cost == Cost(9 * DOLLAR, PriceState.CEILING)


def test_peak_hours_of_weekdays_leave_the_weekend_alone() -> None:
    peak = PriceChange(Price(input=2 * DOLLAR, output=DOLLAR), daily=(0, 86_400), weekdays=True)
    price = ModelPrice(PriceState.PRICED, Price(input=DOLLAR, output=DOLLAR), changes=(peak,))
    monday = 1_795_392_000  # 2026-11-23, 00:00 UTC
    charged = [
        cost_nano(Usage(input=1_000_000), price, monday + day * 86_400 + 5) for day in range(7)
    ]
    assert charged == [2 * DOLLAR] * 5 + [DOLLAR] * 2


def test_integers_do_not_drift_over_a_million_records() -> None:
    """G-27: tiny prices, many rows: the sum of the costs is the cost times their number."""
    tiny = ModelPrice(PriceState.PRICED, Price(input=3_000_000, output=1_000_000))  # $0.003, $0.001
    one = cost_nano(Usage(input=333, output=1), tiny, NOON)
    assert one == 1_000
    assert sum(one for _ in range(1_000_000)) == 1_000 * 1_000_000
