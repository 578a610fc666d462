"""The tokens we issue: how they are written, recognised and stored. Pure.

    gw_u_ | gw_a_     user or admin
    43 base62 digits  256 random bits
    6 base62 digits   CRC-32 of everything before

The checksum is for secret scanners, and refuses junk before any look-up; it is not security. A
token is stored as its HMAC under the deployment's pepper and as nothing else: 256 random bits need
no slow hash.
"""

import hmac
import re
import zlib
from enum import StrEnum
from typing import Final

from gateway.errors import AuthenticationFailed
from gateway.identity.ids import RandomBytes, base62
from gateway.types.secret import Secret

_SECRET_BYTES: Final = 32
_SECRET_WIDTH: Final = 43  # 62**43 > 2**256
_CHECKSUM_WIDTH: Final = 6
_TOKEN: Final = re.compile(r"gw_(?:u|a)_[0-9A-Za-z]{49}")
_SCHEME: Final = "bearer "


class TokenKind(StrEnum):
    """Whom a token authenticates; the value is its prefix."""

    USER = "gw_u_"
    ADMIN = "gw_a_"


def mint(kind: TokenKind, random_bytes: RandomBytes) -> Secret:
    """Make a token. It is shown once, to whoever asked for it."""
    number = int.from_bytes(random_bytes(_SECRET_BYTES), "big")
    body = kind.value + base62(number, _SECRET_WIDTH)
    return Secret(body + _checksum(body))


def parse(text: str) -> TokenKind | None:
    """Return a token's kind, None for text that no gateway ever issued. Touches nothing else."""
    if _TOKEN.fullmatch(text) is None:
        return None
    body, checksum = text[:-_CHECKSUM_WIDTH], text[-_CHECKSUM_WIDTH:]
    return TokenKind(text[:5]) if checksum == _checksum(body) else None


def read_bearer(authorization: str | None, kind: TokenKind) -> str:
    """Return the token of an `Authorization` header; the scheme's case does not matter.

    Raises AuthenticationFailed for everything but one well-formed token of this kind.
    """
    if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise AuthenticationFailed
    token = authorization[len(_SCHEME) :]
    if parse(token) is not kind:
        raise AuthenticationFailed
    return token


def digest(pepper: bytes, token: str) -> str:
    """Return what is stored of a token: its HMAC-SHA256 under the pepper, in hex."""
    return hmac.digest(pepper, token.encode(), "sha256").hex()


def same_digest(one: str, other: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()), _CHECKSUM_WIDTH)
