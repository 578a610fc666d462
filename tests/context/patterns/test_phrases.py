"""Numbers and names as they stand in a sentence."""

from unicodedata import category

import pytest
from hypothesis import given, strategies as st

from gateway.context.patterns.phrases import plain_number, shorten, single_line


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (213.4, 150, "213"), (213.5, 12, "214"), (7.26, 2.1, "7.3"), (3.446, 0.9, "3.45"),
        (3.0, 0.9, "3"), (-0.4, 150, "0"), (-0.04, 1.5, "0"), (-12.5, 30, "-12"),
        (500.0, 0, "500"), (3.5, 0, "3.5"), (0.1 + 0.2, 0, "0.3"), (1234.0, 300, "1234"),
        (100.0, 5.0, "100"), (1000, 1e-300, "1000"),
    ],
)  # fmt: skip
def test_numbers_have_one_digit_more_than_their_spread(
    value: float, spread: float, text: str
) -> None:
    assert plain_number(value, spread) == text


@given(st.floats(-1000, 1000), st.floats(0, 1000))
def test_a_number_is_plain_whatever_the_spread(value: float, spread: float) -> None:
    text = plain_number(value, spread)
    assert "e" not in text
    assert text != "-0"
    assert float(text) == pytest.approx(value, abs=max(spread * 0.06, 1e-6))


def test_line_breaks_of_every_kind_become_one_space() -> None:
    assert single_line("No\r\nsugar\u2028 \x85today\x0b!") == "No sugar today !"
    assert single_line(' </user_context "x"> ') == '</user_context "x">'


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert shorten("x" * 10, 10) == "x" * 10
    assert shorten("x" * 11, 10) == "x" * 9 + "…"
    assert shorten("four words and more", 11) == "four words…"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("12345678e\u0301xyz", "12345678…"),  # a letter with its accent
        ("1234567\U0001f469\u200d\U0001f469\u200d\U0001f467!", "1234567…"),  # a family
        ("12345678\U0001f44d\U0001f3fd ok", "12345678…"),  # a skin tone
        ("12345678\U0001f1e9\U0001f1ea ok", "12345678…"),  # a flag
        ("1234567\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "1234567\U0001f1e9\U0001f1ea…"),
        ("12345678\u2764\ufe0f love", "12345678…"),  # a heart and its variation
        ("12345678\u1112\u1161\u11ab ok", "12345678…"),  # a Korean syllable in parts
        ("123456781\ufe0f\u20e3 ok", "12345678…"),  # a keycap
    ],
)
def test_what_reads_as_one_character_is_left_out_whole(text: str, kept: str) -> None:
    assert shorten(text, 10) == kept


def test_a_character_longer_than_the_room_is_cut_after_all() -> None:
    assert shorten("e" + "\u0301" * 50, 10) == "e" + "\u0301" * 8 + "…"


@given(st.text(max_size=80), st.integers(2, 60))
def test_a_shortened_text_is_short_and_a_beginning(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(short) <= most
    assert short == text or text.startswith(short.removesuffix("…"))
    assert short == shorten(text, most)


@given(st.text(st.sampled_from("ae\u0301\u0308\u093e"), min_size=30, max_size=60))
def test_no_accent_is_parted_from_its_letter(text: str) -> None:
    beginning = shorten(text, 20).removesuffix("…")
    if len(beginning) < 19:  # 19 is where a character longer than the room is cut
        assert not category(text[len(beginning)]).startswith("M")
