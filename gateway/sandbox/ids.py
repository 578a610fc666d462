"""Ids that look like the vendors' own."""

import secrets

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SPREAD = bytes(_ALPHABET[value % len(_ALPHABET)] for value in range(256))


def make_id(prefix: str, length: int) -> str:
    """Return `prefix` followed by `length` random letters and digits."""
    return prefix + secrets.token_bytes(length).translate(_SPREAD).decode()


def make_hex_id(prefix: str, length: int) -> str:
    """Return `prefix` followed by `length` random hexadecimal digits."""
    return prefix + secrets.token_hex(length)[:length]
