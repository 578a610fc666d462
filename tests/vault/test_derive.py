"""Derived keys."""

import hashlib
import hmac

from gateway.vault.derive import CHECK_VALUE, FINGERPRINT, WRAP, check_value, derive, record_info

SECRET = bytes(range(32))


def test_derivation_is_hkdf_sha256_without_salt() -> None:
    """RFC 5869, written out with HMAC alone."""
    extracted = hmac.digest(bytes(32), SECRET, hashlib.sha256)

    assert derive(SECRET, b"gw/v1/wrap") == hmac.digest(extracted, b"gw/v1/wrap\x01", "sha256")


def test_every_purpose_has_its_own_key() -> None:
    types = ("provider_key", "context", "answer")
    purposes = [WRAP, CHECK_VALUE, FINGERPRINT, *(record_info(name) for name in types)]

    assert len({derive(SECRET, info) for info in purposes}) == len(purposes)


def test_the_check_value_is_eight_bytes_and_not_the_secret() -> None:
    shown = check_value(SECRET)

    assert len(bytes.fromhex(shown)) == 8
    assert bytes.fromhex(shown) not in SECRET
    assert shown != check_value(SECRET[::-1])
