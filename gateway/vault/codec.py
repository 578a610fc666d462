"""The format of a sealed record: pure functions between plaintext and bytes at rest.

    0      1   version      0x01
    1      1   kind         what the record is (`Kind`)
    2      4   key id       KEK id for a wrapped DEK, DEK number for everything else; big endian
    6     12   nonce
    18     n   ciphertext
    18+n  16   tag

The associated data is not stored: it is rebuilt from the place the record was read from (`Place`),
so a record moved to another user, type, id or audience does not open. Version and kind fix the
algorithm, there is no field for it: records are AES-256-GCM, wrapped DEKs AES-256-GCM-SIV
(RFC 8452), because one KEK serves every user and may outlive a restored machine snapshot, where a
repeated nonce must cost nothing more than showing that two plaintexts are equal.

Whatever is wrong with a record, the answer is the one error `RecordIntegrity`.
"""

from enum import IntEnum
from types import MappingProxyType
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
from msgspec import Struct

from gateway.errors import RecordIntegrity

VERSION: Final = 0x01
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
HEADER_BYTES: Final = 6
SMALLEST_RECORD_BYTES: Final = HEADER_BYTES + NONCE_BYTES + TAG_BYTES
_BODY: Final = HEADER_BYTES + NONCE_BYTES
MAX_PLAINTEXT_BYTES: Final = 1 << 20
CREDENTIAL_STEP_BYTES: Final = 64
_MAX_KEY_ID: Final = (1 << 32) - 1
_TENANT: Final = b""  # reserved: one deployment is one tenant


class Kind(IntEnum):
    """The kind byte: what a sealed record holds."""

    WRAPPED_DEK = 0x01
    PROVIDER_KEY = 0x10
    CONTEXT = 0x11
    ANSWER = 0x12


_TYPE_NAMES: Final = MappingProxyType(
    {
        Kind.WRAPPED_DEK: b"dek",
        Kind.PROVIDER_KEY: b"provider_key",
        Kind.CONTEXT: b"context",
        Kind.ANSWER: b"answer",
    }
)
# The number of the plaintext's layout: raised when a new one must not be read as the old.
_SCHEMA_NUMBERS: Final = MappingProxyType(dict.fromkeys(Kind, b"1"))


_NO_AUDIENCE: Final = (Kind.CONTEXT, Kind.ANSWER)


class Place(Struct, frozen=True):
    """Where a record belongs: the fields that its associated data is rebuilt from.

    `audience` is set for provider keys and for nothing else.
    """

    user_id: str
    record_id: str
    audience: str | None = None


def seal(
    key: bytes, kind: Kind, key_id: int, nonce: bytes, place: Place, plaintext: bytes
) -> bytes:
    """Return the sealed record. `key` is the derived key of this kind, 32 bytes.

    Raises ValueError for a nonce that is not 12 bytes (the library would take 8 to 128), a key id
    outside 32 bits, or more than 1 MiB of plaintext.
    """
    _check_sizes(nonce, plaintext)
    header = _header(kind, key_id)
    padded = _pad(plaintext) if kind is Kind.PROVIDER_KEY else plaintext
    return header + nonce + _cipher(kind, key).encrypt(nonce, padded, _aad(header, kind, place))


def open_sealed(key: bytes, kind: Kind, place: Place, sealed: bytes) -> bytes:
    """Return the plaintext of a record read from `place`.

    Raises RecordIntegrity for every record that is not exactly what `seal` made for that place.
    """
    read_key_id(sealed, kind)
    header, nonce, body = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:_BODY], sealed[_BODY:]
    try:
        plaintext = _cipher(kind, key).decrypt(nonce, body, _aad(header, kind, place))
    except InvalidTag:
        raise broken_record() from None
    return _unpad(plaintext) if kind is Kind.PROVIDER_KEY else plaintext


class RecordCipher:
    """Seals and opens many records of one user, kind and key: the same format, its parts made once.

    For kinds without an audience. Use it for one request and drop it: it holds the key.
    """

    __slots__ = ("_cipher", "_end", "_header", "_start")

    def __init__(self, key: bytes, kind: Kind, key_id: int, user_id: str) -> None:
        """`key` is the derived key of this kind. Raises ValueError for a kind with an audience."""
        if kind not in _NO_AUDIENCE:
            raise ValueError("only context and answers are sealed in numbers")
        self._cipher = _cipher(kind, key)
        self._header = _header(kind, key_id)
        self._start = self._header + _aad_start(kind, user_id)
        self._end = _aad_end(kind)

    def seal(self, record_id: str, nonce: bytes, plaintext: bytes) -> bytes:
        """Return the sealed record. Raises ValueError as `seal` does."""
        _check_sizes(nonce, plaintext)
        aad = self._start + _field(record_id.encode()) + self._end
        return self._header + nonce + self._cipher.encrypt(nonce, plaintext, aad)

    def open(self, record_id: str, sealed: bytes) -> bytes:
        """Return the plaintext. Raises RecordIntegrity as `open_sealed` does, and for other keys."""
        # The one comparison covers version, kind and key id; the length is judged first, because
        # the library takes nonces of other lengths for a mistake of its caller.
        if len(sealed) < SMALLEST_RECORD_BYTES or sealed[:HEADER_BYTES] != self._header:
            raise broken_record()
        encoded = record_id.encode()
        aad = self._start + len(encoded).to_bytes(4, "big") + encoded + self._end
        try:
            return self._cipher.decrypt(sealed[HEADER_BYTES:_BODY], sealed[_BODY:], aad)
        except InvalidTag:
            raise broken_record() from None

    def __repr__(self) -> str:
        return "RecordCipher([key])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a RecordCipher cannot be pickled")


def read_key_id(sealed: bytes, kind: Kind) -> int:
    """Return the id of the key that sealed a record of this kind, before anything is opened.

    Raises RecordIntegrity for a record that is too short, of another version or another kind.
    """
    if len(sealed) < SMALLEST_RECORD_BYTES or sealed[0] != VERSION or sealed[1] != kind:
        raise broken_record()
    return int.from_bytes(sealed[2:HEADER_BYTES], "big")


def can_wrap() -> bool:
    """Tell whether this machine's OpenSSL has AES-256-GCM-SIV (3.2 and later; not in FIPS mode)."""
    try:
        AESGCMSIV(bytes(KEY_BYTES))
    except UnsupportedAlgorithm:
        return False
    return True


def broken_record() -> RecordIntegrity:
    """Return the one error for every record that does not open."""
    return RecordIntegrity("A stored record could not be opened.")


def _cipher(kind: Kind, key: bytes) -> AESGCM | AESGCMSIV:
    if len(key) != KEY_BYTES:
        raise ValueError("a record key is exactly 32 bytes")
    return AESGCMSIV(key) if kind is Kind.WRAPPED_DEK else AESGCM(key)


def _check_sizes(nonce: bytes, plaintext: bytes) -> None:
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce is exactly 12 bytes")
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise ValueError("a sealed record holds at most 1 MiB")


def _header(kind: Kind, key_id: int) -> bytes:
    if not 0 <= key_id <= _MAX_KEY_ID:
        raise ValueError("a key id is an unsigned 32-bit number")
    return bytes((VERSION, kind)) + key_id.to_bytes(4, "big")


def _aad(header: bytes, kind: Kind, place: Place) -> bytes:
    """Join the header and the fields, each behind its length so that no two places look alike."""
    if (place.audience is not None) != (kind is Kind.PROVIDER_KEY):
        raise ValueError("an audience belongs to provider keys and to nothing else")
    end = b"" if place.audience is None else _field(place.audience.encode())
    record = _field(place.record_id.encode())
    return header + _aad_start(kind, place.user_id) + record + _aad_end(kind) + end


def _aad_start(kind: Kind, user_id: str) -> bytes:
    """Return the fields that come before the record id."""
    return b"".join(map(_field, (b"gw", _TENANT, user_id.encode(), _TYPE_NAMES[kind])))


def _aad_end(kind: Kind) -> bytes:
    return _field(_SCHEMA_NUMBERS[kind])


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _pad(plaintext: bytes) -> bytes:
    """Pad to the next 64-byte step (0x80, then zeros): the length must not tell the vendor."""
    marked = plaintext + b"\x80"
    return marked + bytes(-len(marked) % CREDENTIAL_STEP_BYTES)


def _unpad(padded: bytes) -> bytes:
    plaintext, mark, zeros = padded.rpartition(b"\x80")
    if not mark or zeros.strip(b"\x00") or len(padded) % CREDENTIAL_STEP_BYTES:
        raise broken_record()
    if len(zeros) >= CREDENTIAL_STEP_BYTES:
        raise broken_record()
    return plaintext
