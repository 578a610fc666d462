"""Estimates the tokens of texts that nobody has counted: made at request time, or without a tokenizer.

Pure.
"""

import re
from typing import Final

_EAST_ASIAN: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_THAI: Final = r"\u0e00-\u0eff"  # and Lao
_SYMBOLS: Final = r"\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001ffff"  # emoji and their like
_ACCENTED: Final = r"\u00c0-\u024f\u1e00-\u1eff"

# How o200k divides text, roughly, measured on journals in 16 languages (November 2026): a space
# belongs to the word or sign behind it, but stands alone before a number.
_PIECE: Final = re.compile(
    "|".join(
        (
            rf"[-'\u2019]?[A-Za-z]{{1,9}}(?![{_ACCENTED}])",
            rf"[A-Za-z{_ACCENTED}]{{1,3}}",
            r"\d{1,3}",
            r" (?=\d)",
            rf"[{_EAST_ASIAN}]",
            r"[\u0400-\u052f]{1,4}",  # Cyrillic
            r"[\u0370-\u03ff\u1f00-\u1fff]{1,3}",  # Greek
            r"[\u0590-\u07ff\u0900-\u0dff]{1,3}",  # Hebrew, Arabic; the scripts of India
            rf"[{_THAI}]{{1,2}}",
            r"[^\W_A-Za-z]{1,2}",
            rf"[{_SYMBOLS}]|[\u200d\ufe0f]",
            r"[^\w\s]{1,2}",
            r"_+|\n",
        )
    )
)
_DENSE: Final = re.compile(f"[{_EAST_ASIAN}{_THAI}]")
_EMOJI: Final = re.compile("[\U0001f000-\U0001ffff]")


def estimate(text: str) -> int:
    """Return about how many tokens of the yardstick (o200k) a line has.

    Sums over the lines of a block are within 15 % for every language in the tests, within 3 % for
    patterns in English. About 60 µs of CPU a kilobyte.
    """
    pieces = len(_PIECE.findall(text))
    if text.isascii():
        return pieces
    # One character in six of the dense scripts is joined to another; an emoji is two pieces.
    return pieces - len(_DENSE.findall(text)) // 6 + len(_EMOJI.findall(text))
