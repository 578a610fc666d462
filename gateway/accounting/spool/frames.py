"""The format of a spool segment: pure functions between records and bytes on disk.

    segment   = header frame*
    header    = b"gwspool" version            8 bytes; version is one byte, 0x01
    frame     = length crc payload            two unsigned 32-bit integers, big endian
    payload   = one record as JSON

The CRC-32 is over the payload. A frame is written with one `write`, so that a process that dies
leaves at most one torn frame, at the end. Records hold ids, counts and prices, never content.
"""

import zlib
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from gateway.accounting.limits.tally import Tally
from gateway.accounting.rows import LedgerRow
from gateway.types.usage import Usage

HEADER: Final = b"gwspool\x01"
MAX_PAYLOAD_BYTES: Final = 64 * 1024
_FRAME_BYTES: Final = 8


class Opened(Struct, frozen=True, tag="open", omit_defaults=True):
    """An attempt is about to be sent. `row` is what is booked if nothing more is ever heard of it.

    `tally` says on which counters of limits it is booked.
    """

    seq: int
    row: LedgerRow
    tally: Tally | None = None


class Progress(Struct, frozen=True, tag="progress"):
    """How far the attempt opened as `of` has come: what to book if its end is never heard of."""

    seq: int
    of: int
    usage: Usage
    cost_nano: int | None


class Closed(Struct, frozen=True, tag="close", omit_defaults=True):
    """An attempt has ended: this row is booked. `of` is its opening, 0 for one without.

    `previous` is the user's booking before this one in the same spool, 0 where the writer does not
    know of one: a store that does not have it has lost something, and must not be given this one
    before what it lost.
    """

    seq: int
    of: int
    row: LedgerRow
    previous: int = 0
    tally: Tally | None = None


class Released(Struct, frozen=True, tag="release"):
    """A request has ended, and its rows stand before this: what it holds of limits is free again."""

    seq: int
    user_id: str
    hold: str
    tally: Tally


SpoolRecord = Opened | Progress | Closed | Released
_DECODER: Final = msgspec.json.Decoder(SpoolRecord)
_ENCODER: Final = msgspec.json.Encoder()


class Frame(Struct, frozen=True):
    """One frame as it was found: its record (None if it is unreadable), and where it ends."""

    record: SpoolRecord | None
    end: int


def pack(record: SpoolRecord) -> bytes:
    """Return the frame of a record. Raises ValueError for one that is too large."""
    payload = _ENCODER.encode(record)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError("a spool record holds at most 64 KiB")
    size, crc = len(payload), zlib.crc32(payload)
    return size.to_bytes(4, "big") + crc.to_bytes(4, "big") + payload


def unpack(data: bytes) -> Iterator[Frame]:
    """Yield the whole frames at the beginning of `data`, which starts on a frame.

    A frame whose length is right and whose content is not is yielded without a record. Nothing is
    yielded of a frame that is not all there, or whose length cannot be meant: what follows it
    cannot be found. The caller tells a tail that is still being written from one that is lost.
    """
    at = 0
    while len(data) - at >= _FRAME_BYTES:
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + _FRAME_BYTES + size
        if not 0 < size <= MAX_PAYLOAD_BYTES or end > len(data):
            return
        payload = data[at + _FRAME_BYTES : end]
        crc = int.from_bytes(data[at + 4 : at + _FRAME_BYTES], "big")
        yield Frame(_read(payload) if zlib.crc32(payload) == crc else None, end)
        at = end


def _read(payload: bytes) -> SpoolRecord | None:
    try:
        record: SpoolRecord = _DECODER.decode(payload)
    except msgspec.DecodeError:
        return None
    return record
