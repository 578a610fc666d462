"""Decodes `application/vnd.amazon.eventstream`, the binary framing of ConverseStream.

    u32 total length | u32 headers length | u32 CRC of these 8 bytes
    headers: u8 name length, name, u8 type, value …
    payload
    u32 CRC of everything before

All numbers are big-endian, both checksums CRC-32 ("Amazon Event Stream Encoding", Smithy and AWS
Transcribe documents, 2026-11; both checked against recorded streams).
"""

import zlib
from collections.abc import Iterator, Mapping

from msgspec import Struct

from gateway.errors import Failure, UpstreamError

MAX_FRAME_BYTES = 24 * 1024 * 1024  # the most that AWS's own clients take
MAX_HEADER_BYTES = 128 * 1024
_PRELUDE = 12
_CRC = 4
_TRUE, _FALSE, _BYTES, _STRING = 0, 1, 6, 7
# Bytes of a value by its type: byte, short, int, long, timestamp, uuid.
_FIXED: Mapping[int, int] = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class Frame(Struct, frozen=True):
    """One message: its headers that are strings, and its payload."""

    headers: Mapping[str, str]
    payload: bytes


class EventStreamDecoder:
    """Cuts bytes into frames. A frame that does not check out ends everything: BAD_REPLY."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = _PRELUDE  # bytes that the next step needs

    @property
    def has_rest(self) -> bool:
        """Whether a frame has begun that is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes, cut anywhere, and yield the frames they complete.

        Raises UpstreamError(BAD_REPLY) for a wrong checksum or length.
        """
        self._buffer += data
        while len(self._buffer) >= self._wanted:
            if self._wanted == _PRELUDE:
                self._wanted = _frame_length(bytes(self._buffer[:_PRELUDE]))
                continue
            frame = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            self._wanted = _PRELUDE
            yield _read_frame(frame)


def _frame_length(prelude: bytes) -> int:
    total, headers = _number(prelude[:4]), _number(prelude[4:8])
    if zlib.crc32(prelude[:8]) != _number(prelude[8:]):
        raise _broken("a wrong checksum")
    if headers > MAX_HEADER_BYTES or not _PRELUDE + headers + _CRC <= total <= MAX_FRAME_BYTES:
        raise _broken("an impossible length")
    return total


def _read_frame(frame: bytes) -> Frame:
    body = memoryview(frame)[:-_CRC]
    if zlib.crc32(body) != _number(frame[-_CRC:]):
        raise _broken("a wrong checksum")
    end = _PRELUDE + _number(frame[4:8])
    return Frame(dict(_headers(frame[_PRELUDE:end])), frame[end:-_CRC])


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(data):
        start = place + 1
        place = start + data[place] + 1
        if data[start - 1] == 0 or place > len(data):
            raise _broken("a malformed header")
        name, kind = data[start : place - 1], data[place - 1]
        value, place = _value(data, place, kind)
        if kind == _STRING:
            yield _text(name), _text(value)


def _value(data: bytes, place: int, kind: int) -> tuple[bytes, int]:
    """Return a header's value and where the next header begins."""
    if kind in (_TRUE, _FALSE):
        return b"", place
    if kind in (_BYTES, _STRING):
        size = _number(data[place : place + 2])
        place += 2
    elif kind in _FIXED:
        size = _FIXED[kind]
    else:
        raise _broken("a header of an unknown type")
    if place + size > len(data):
        raise _broken("a malformed header")
    return data[place : place + size], place + size


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _broken("a malformed header") from None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _broken(what: str) -> UpstreamError:
    return UpstreamError(Failure.BAD_REPLY, f"The provider's event stream has {what}.")
