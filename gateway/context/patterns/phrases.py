"""How numbers and a user's own words are put into a sentence."""

from itertools import takewhile
from math import floor, log10
from typing import Final
from unicodedata import category

_MOST_DECIMALS: Final = 6
_JOINER: Final = "\u200d"
_ELLIPSIS: Final = "…"


def plain_number(value: float, spread: float) -> str:
    """Return the value with one digit more than its spread's first: 213, 7.3, 3.4; never `-0`.

    `spread` is the standard deviation of what the value belongs to, so a scale from 1 to 5 reads
    as well as one from -1000 to 1000. Where it is 0, the value has what decimals it needs.
    """
    decimals = _MOST_DECIMALS
    if spread > 0:
        decimals = min(max(1 - floor(log10(spread)), 0), _MOST_DECIMALS)
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def single_line(text: str) -> str:
    """Return the text with each run of white space, line breaks included, as one space."""
    return " ".join(text.split())


def shorten(text: str, most: int) -> str:
    """Return the text, or its first characters and an ellipsis: `most` characters at the utmost.

    What a reader sees as one character (a letter and its accents, a flag, a family of emoji) is
    left out whole rather than cut.
    """
    if len(text) <= most:
        return text
    end = most - len(_ELLIPSIS)
    while end > 0 and _inside_character(text, end):
        end -= 1
    return text[: end or most - len(_ELLIPSIS)].rstrip() + _ELLIPSIS


def _inside_character(text: str, place: int) -> bool:
    """Whether a cut before `place` would part what belongs together (a subset of UAX #29)."""
    after = text[place]
    if text[place - 1] == _JOINER or _extends(after):
        return True
    if _is_flag_half(after):
        flags = takewhile(_is_flag_half, reversed(text[:place]))
        return sum(1 for _ in flags) % 2 == 1
    return False


def _extends(character: str) -> bool:
    return (
        category(character).startswith("M")  # accents, vowel signs, variation selectors, keycaps
        or character == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags of regional flags
        or "\u1160" <= character <= "\u11ff"  # the vowels and finals of a Korean syllable
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
