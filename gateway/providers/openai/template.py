"""Recognises the next chunk of a stream by its bytes, without parsing it.

Nearly all chunks of one stream differ in two strings only: the text, and OpenAI's `obfuscation`
padding. Once one such chunk has been parsed and judged fit to pass, another one with the same
bytes around those strings is just as fit. Whatever is not plainly the same is parsed as usual.
"""

from gateway.providers.openai.message import ChoiceReader
from gateway.types.json import JsonObject

_TEXT_KEY = b'"content":'
_PADDING_KEY = b'"obfuscation":'
UNKNOWN = -1
"""The answer for bytes that must be parsed; any other is how many choices bear content."""


class ChunkTemplate:
    """The bytes around the strings that vary; `content_slot` says which of those is the text."""

    def __init__(self, pieces: tuple[bytes, ...], content_slot: int, choice: ChoiceReader) -> None:
        self._head, *middle, self._tail = pieces
        self._middle = middle[0] if middle else b""
        self._least = sum(map(len, pieces))
        self._content_slot = content_slot
        self._choice = choice

    def match(self, data: bytes) -> int:
        """Return 1 for a chunk with text, 0 for one with an empty text, `UNKNOWN` for any other."""
        if (
            len(data) < self._least
            or self._choice.finished
            or not data.startswith(self._head)
            or not data.endswith(self._tail)
        ):
            return UNKNOWN
        start, stop = len(self._head), len(data) - len(self._tail)
        if not self._middle:
            return _bears(data[start:stop])
        cut = data.find(self._middle, start, stop)
        if cut < 0:
            return UNKNOWN
        first, second = data[start:cut], data[cut + len(self._middle) : stop]
        text, padding = (second, first) if self._content_slot else (first, second)
        return _bears(text) if _bears(padding) != UNKNOWN else UNKNOWN


def learn(data: bytes, chunk: JsonObject, choice: ChoiceReader) -> ChunkTemplate | None:
    """Return the template of a chunk that was judged to pass; None if it is not of the usual kind.

    `choice` is the reader of its only choice.
    """
    node = chunk["choices"][0]
    if len(chunk["choices"]) != 1 or node.get("finish_reason") is not None:
        return None
    delta = node["delta"]
    if delta.keys() != {"content"} or not isinstance(delta["content"], str):
        return None
    text = _slot(data, _TEXT_KEY, delta["content"])
    if text is None:
        return None
    if "obfuscation" not in chunk:
        return ChunkTemplate((data[: text[0]], data[text[1] :]), 0, choice)
    padding = _slot(data, _PADDING_KEY, chunk["obfuscation"])
    if padding is None:
        return None
    (start, end), (next_start, next_end) = sorted((text, padding))
    pieces = (data[:start], data[end:next_start], data[next_end:])
    return ChunkTemplate(pieces, int(padding < text), choice)


def _slot(data: bytes, key: bytes, value: object) -> tuple[int, int] | None:
    """Return where the bytes of a string member stand, None if they cannot be told for certain."""
    place = data.find(key)
    if place < 0 or data.find(key, place + 1) >= 0:
        return None
    start = place + len(key)
    start += data[start : start + 1] == b" "
    end = data.find(b'"', start + 1)
    if data[start : start + 1] != b'"' or end < 0:
        return None
    plain = _bears(data[start + 1 : end]) != UNKNOWN and data[start + 1 : end].decode() == value
    return (start + 1, end) if plain else None


def _bears(string: bytes) -> int:
    """Return 1 for the bytes of a plain JSON string, 0 for an empty one, else `UNKNOWN`."""
    if not string:
        return 0
    try:
        text = string.decode()
    except UnicodeDecodeError:
        return UNKNOWN
    return 1 if text.isprintable() and '"' not in text and "\\" not in text else UNKNOWN
