"""Keys derived from keys: one purpose, one key. Pure."""

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

WRAP: Final = b"gw/v1/wrap"
CHECK_VALUE: Final = b"gw/v1/kcv"
FINGERPRINT: Final = b"gw/v1/fingerprint"
CONTEXT_NAMES: Final = b"gw/v1/context-names"
CHECK_VALUE_BYTES: Final = 8


def derive(secret: bytes, info: bytes) -> bytes:
    """Return the 32-byte key for the purpose `info`: HKDF-SHA256 (RFC 5869) without salt."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def record_info(record_type: str) -> bytes:
    """Return the purpose of the key that seals records of a type under a user's DEK."""
    return b"gw/v1/rec/" + record_type.encode()


def mac_info(record_type: str) -> bytes:
    """Return the purpose of the key that authenticates texts made of records of a type."""
    return b"gw/v1/mac/" + record_type.encode()


def check_value(secret: bytes) -> str:
    """Return the public check value of a secret, 16 hex digits: it tells keys apart, no more."""
    return derive(secret, CHECK_VALUE)[:CHECK_VALUE_BYTES].hex()
