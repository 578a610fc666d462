"""Checks RS256 signatures: PKCS #1 v1.5 with SHA-256 (RFC 8017, section 8.2).

Only verifying, with public numbers and one comparison of the whole block, so plain integers do; a
cryptography library would cost the process seven megabytes.
"""

import base64
import binascii
import hashlib

from msgspec import Struct

_RSA_OID = bytes.fromhex("2a864886f70d010101")
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_SEQUENCE, _INTEGER, _BIT_STRING, _OBJECT_ID = 0x30, 0x02, 0x03, 0x06
_MIN_BITS, _MAX_BITS = 1024, 8192


class PublicKey(Struct, frozen=True):
    """An RSA public key."""

    modulus: int
    exponent: int


class BadKey(Exception):
    """The text is no RSA public key in PEM."""


def read_public_key(pem: str) -> PublicKey:
    """Return the key of a PEM block, `PUBLIC KEY` or `RSA PUBLIC KEY`. Raises BadKey."""
    lines = [line.strip() for line in pem.strip().splitlines()]
    if len(lines) < 3 or not lines[0].endswith("PUBLIC KEY-----"):
        raise BadKey
    try:
        outer = _Der(base64.b64decode("".join(lines[1:-1]), validate=True)).enter(_SEQUENCE)
        if outer.tag() == _SEQUENCE:
            if outer.enter(_SEQUENCE).take(_OBJECT_ID) != _RSA_OID:
                raise BadKey
            outer = _Der(outer.take(_BIT_STRING)[1:]).enter(_SEQUENCE)
        modulus, exponent = (int.from_bytes(outer.take(_INTEGER), "big") for _ in range(2))
    except (binascii.Error, ValueError, IndexError) as broken:
        raise BadKey from broken
    if not _MIN_BITS <= modulus.bit_length() <= _MAX_BITS or exponent < 3 or not exponent % 2:
        raise BadKey
    return PublicKey(modulus, exponent)


def verify(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether a signature is the key's own for the message."""
    size = (key.modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= key.modulus:
        return False
    info = _SHA256_INFO + hashlib.sha256(message).digest()
    block = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
    return pow(number, key.exponent, key.modulus) == int.from_bytes(block, "big")


class _Der:
    """Reads one level of DER, element by element. Raises IndexError or ValueError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def tag(self) -> int:
        return self._data[self._at]

    def take(self, tag: int) -> bytes:
        if self.tag() != tag:
            raise ValueError
        length, start = self._data[self._at + 1], self._at + 2
        if length & 0x80:
            width = length & 0x7F
            length = int.from_bytes(self._data[start : start + width], "big")
            start += width
        self._at = start + length
        if self._at > len(self._data):
            raise ValueError
        return self._data[start : self._at]

    def enter(self, tag: int) -> "_Der":
        return _Der(self.take(tag))
