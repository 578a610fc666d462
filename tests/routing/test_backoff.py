from hypothesis import given, strategies as st

from gateway.routing.backoff import full_jitter


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    ceilings = [full_jitter(retry, 0.5, 8.0, lambda: 1.0) for retry in range(7)]
    assert ceilings == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_any_part_of_it_may_be_waited() -> None:
    assert full_jitter(3, 0.5, 8.0, lambda: 0.0) == 0.0
    assert full_jitter(3, 0.5, 8.0, lambda: 0.25) == 1.0


@given(
    retry=st.integers(0, 10_000),
    base=st.floats(0.001, 10),
    cap=st.floats(0.001, 100),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_wait_is_never_negative_nor_over_the_cap(
    retry: int, base: float, cap: float, chance: float
) -> None:
    assert 0 <= full_jitter(retry, base, cap, lambda: chance) <= cap
