"""Ids."""

import os
import re

import pytest
from hypothesis import given, strategies as st

from gateway.identity.ids import base62, is_user_id, new_token_id, new_user_id


@given(st.integers(0, 62**6 - 1), st.integers(0, 62**6 - 1))
def test_base62_has_a_fixed_width_and_keeps_the_order(one: int, other: int) -> None:
    assert len(base62(one, 6)) == 6
    assert (one < other) == (base62(one, 6) < base62(other, 6))


def test_base62_uses_digits_then_upper_then_lower_case() -> None:
    assert [base62(n, 2) for n in (0, 9, 10, 35, 36, 61, 62)] == [
        "00", "09", "0A", "0Z", "0a", "0z", "10",
    ]  # fmt: skip


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="fit"):
        base62(62**3, 3)


@given(st.binary(min_size=16, max_size=16))
def test_every_random_value_gives_an_id_of_one_shape(seed: bytes) -> None:
    user_id = new_user_id(lambda length: seed[:length])

    assert is_user_id(user_id)
    assert re.fullmatch(r"t_[0-9A-Za-z]{22}", new_token_id(lambda length: seed[:length]))


def test_ids_are_not_repeated() -> None:
    assert len({new_user_id(os.urandom) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text", ["", "u_", "u_" + "a" * 21, "u_" + "a" * 23, "x_" + "a" * 22, "u_" + "}" * 22,
             "u_" + "a" * 22 + "\n", "u_" + "é" * 22, "*"],
)  # fmt: skip
def test_nothing_else_passes_for_a_user_id(text: str) -> None:
    assert not is_user_id(text)
