"""The sandbox's yardstick: a token is four UTF-8 bytes, begun ones count.

Deterministic and easy to recompute in a test: `count_tokens("user: hello")` is 3. Every piece of
an answer (a word with the space before it, eight characters of a call's arguments) is counted by
itself, so a reply that is cut sells exactly the pieces it sent.
"""

import re

_WORDS = re.compile(r"\s*\S+|\s+$")

ARGUMENT_SLICE = 8
"""Characters of tool-call arguments in one piece."""

MEDIA_TOKENS = 85
"""An image, a document or a sound, whatever its size."""


def count_tokens(text: str | bytes) -> int:
    """Return how many tokens a text has, 0 for an empty one."""
    data = text.encode() if isinstance(text, str) else text
    return -(-len(data) // 4)


def split_words(text: str) -> list[str]:
    """Cut a text into words, each with the white space before it; joined they are the text again."""
    return _WORDS.findall(text)


def split_slices(text: str, size: int = ARGUMENT_SLICE) -> list[str]:
    """Cut a text into slices of `size` characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]
