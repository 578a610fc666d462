"""How a context record lies in the store. Pure: bytes in, bytes out.

A record is a field of its kind's hash, and a member of the sorted set beside it:

    field   first 32 hex digits of HMAC-SHA256(name key, user id NUL kind NUL record id): an
            application's ids may say something of the user, so they are sealed with the record
    value   0  4   tokens of its line in the block     } the head, read before anything is opened,
            4  4   day, `date.toordinal`, 0 for none   } so that windows and budgets are sums
            8  n   sealed record (`vault/codec.py`), its record id `kind/field`

What is sealed is the head once more, then the record as JSON: a head that somebody changed in the
store is found out when the record is opened. What is not promised: whoever can write to the store
can take records away, and can put an earlier value of a record back in its place.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from gateway.errors import InvalidRequest, PayloadTooLarge
from gateway.types.context import Record
from gateway.vault.codec import (
    HEADER_BYTES,
    MAX_PLAINTEXT_BYTES,
    NONCE_BYTES,
    SMALLEST_RECORD_BYTES,
    broken_record,
)

Window = tuple[date, date] | None
"""The days of a kind that are wanted, both ends included; None: all there is."""

HEAD_BYTES: Final = 8
IDENTITY_BYTES: Final = HEAD_BYTES + HEADER_BYTES + NONCE_BYTES
"""So many bytes of a value tell one sealing from every other: they end with its nonce."""

NO_DAY: Final = 0
LAST_DAY: Final = date.max.toordinal()
_MOST_TOKENS: Final = MAX_PLAINTEXT_BYTES  # a token is a byte at least
_FIELD_DIGITS: Final = 32
_HEAD: Final = struct.Struct(">II")
_DECODER: Final = msgspec.json.Decoder(Record)
_ENCODER: Final = msgspec.json.Encoder()


class Sealed(Struct, frozen=True, gc=False):
    """A record as it was read: its place, its head, and the value that holds both.

    `day` is an ordinal (`date.fromordinal`), 0 where the kind is not in time.
    """

    field: str
    tokens: int
    day: int
    value: bytes

    @property
    def body(self) -> bytes:
        """The sealed record itself."""
        return self.value[HEAD_BYTES:]

    def __repr__(self) -> str:
        return f"Sealed(tokens={self.tokens}, day={self.day})"


def field_of(name_key: bytes, user_id: str, kind: str, record_id: str) -> str:
    """Return the name under which a record is stored; without the key nobody can guess it."""
    message = f"{user_id}\0{kind}\0{record_id}".encode()
    return hmac.digest(name_key, message, "sha256").hex()[:_FIELD_DIGITS]


def place_of(kind: str, field: str) -> str:
    """Return the record id that the vault binds a record to."""
    return f"{kind}/{field}"


def day_of(record: Record) -> int:
    """Return a record's day as the index has it."""
    return NO_DAY if record.day is None else record.day.toordinal()


def bounds_of(window: Window) -> tuple[int, int]:
    """Return a window's first and last day as the index has them."""
    if window is None:
        return NO_DAY, LAST_DAY
    return window[0].toordinal(), window[1].toordinal()


def plain_of(record: Record, tokens: int) -> bytes:
    """Return what is sealed of a record: its head and its JSON.

    Raises PayloadTooLarge above what one sealed record holds.
    """
    head = _HEAD.pack(min(tokens, _MOST_TOKENS), day_of(record))
    plain = head + _ENCODER.encode(record)
    if len(plain) > MAX_PLAINTEXT_BYTES:
        raise PayloadTooLarge("A record holds at most 1 MiB of JSON, its history included.")
    return plain


def value_of(plain: bytes, sealed: bytes) -> bytes:
    """Return a record's value in the store: the head of what was sealed, and the sealed bytes."""
    return plain[:HEAD_BYTES] + sealed


def read_sealed(field: bytes, value: bytes | None) -> Sealed:
    """Read a record's place and head. Raises RecordIntegrity for what no writer of ours made."""
    if value is None or len(value) < HEAD_BYTES + SMALLEST_RECORD_BYTES:
        raise broken_record()
    tokens, day = _HEAD.unpack_from(value)
    if tokens > _MOST_TOKENS or day > LAST_DAY or len(field) != _FIELD_DIGITS:
        raise broken_record()
    return Sealed(field.decode("latin-1"), tokens, day, value)


def read_index(
    fields: Sequence[bytes],
    values: Sequence[bytes | None],
    first: int,
    last: int,
    *,
    newest_first: bool,
) -> list[Sealed]:
    """Read records as the index has them in the days `first` to `last`.

    Raises RecordIntegrity where the index and the heads disagree: a record of another day, or out
    of order, was moved to where it does not belong; a field without a record has lost it.
    """
    found = []
    for field, value in zip(fields, values, strict=True):
        sealed = read_sealed(field, value)
        if not first <= sealed.day <= last:
            raise broken_record()
        if newest_first:
            last = sealed.day
        else:
            first = sealed.day
        found.append(sealed)
    return found


def read_stored(sealed: Sealed, plain: bytes) -> Record:
    """Return the record in an opened value. Raises RecordIntegrity if its head is not its own."""
    if plain[:HEAD_BYTES] != sealed.value[:HEAD_BYTES]:
        raise broken_record()
    try:
        return _DECODER.decode(plain[HEAD_BYTES:])
    except msgspec.DecodeError:
        raise broken_record() from None


def write_cursor(sealed: Sealed) -> str:
    """Return the text from which a list goes on behind this record. It says nothing of its id."""
    raw = sealed.day.to_bytes(4, "big") + bytes.fromhex(sealed.field)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, str]:
    """Return the day and the field of a cursor. Raises InvalidRequest."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 4 + _FIELD_DIGITS // 2:
        raise InvalidRequest("Not a cursor of this list.", param="cursor")
    return int.from_bytes(raw[:4], "big"), raw[4:].hex()
