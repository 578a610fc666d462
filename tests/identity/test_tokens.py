"""How tokens are written, recognised and hashed."""

import hashlib
import hmac
import os
import zlib

import pytest
from hypothesis import given, strategies as st

from gateway.errors import AuthenticationFailed
from gateway.identity.ids import base62
from gateway.identity.tokens import TokenKind, digest, mint, parse, read_bearer, same_digest
from tests.identity.scene import PEPPER, ending_in

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def with_checksum(body: str) -> str:
    return body + base62(zlib.crc32(body.encode()), 6)


@given(st.binary(min_size=32, max_size=32), st.sampled_from(TokenKind))
def test_a_minted_token_is_recognised(seed: bytes, kind: TokenKind) -> None:
    token = mint(kind, lambda length: seed[:length]).reveal()

    assert len(token) == 5 + 43 + 6
    assert token.startswith(kind.value)
    assert parse(token) is kind


def test_a_token_carries_all_256_random_bits() -> None:
    low = mint(TokenKind.USER, bytes).reveal()
    high = mint(TokenKind.USER, lambda length: b"\xff" * length).reveal()
    number = 0
    for digit in high[5:48]:
        number = number * 62 + ALPHANUMERIC.index(digit)
    assert number == 2**256 - 1
    assert low[5:48] == "0" * 43


def test_a_token_does_not_show_itself() -> None:
    token = mint(TokenKind.USER, os.urandom)

    assert repr(token) == str(token) == "[secret]"


@given(position=st.integers(0, 53), replacement=st.sampled_from(ALPHANUMERIC))
def test_a_token_with_one_character_changed_is_junk(position: int, replacement: str) -> None:
    token = mint(TokenKind.USER, lambda n: b"\x5a" * n).reveal()
    altered = token[:position] + replacement + token[position + 1 :]

    assert (parse(altered) is not None) == (altered == token)


def test_the_checksum_covers_the_prefix() -> None:
    token = mint(TokenKind.USER, os.urandom).reveal()

    assert parse("gw_a_" + token[5:]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gw_u_",
        "sk-proj-abc",
        "gw_u_" + "a" * 49,
        with_checksum("gw_u_" + "a" * 42),
        with_checksum("gw_x_" + "a" * 43),
        with_checksum("gw_u_" + "a" * 42 + "-"),
        with_checksum("gw_u_" + "a" * 43) + "\n",
        " " + with_checksum("gw_u_" + "a" * 43),
        with_checksum("gw_u_" + "a" * 42 + "٣"),
        "gw_u_" + "\x00" * 49,
        "a" * 1_000_000,
    ],
)
def test_junk_is_not_a_token(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_a01_the_scheme_is_read_in_any_case(scheme: str) -> None:
    token = mint(TokenKind.USER, os.urandom).reveal()

    assert read_bearer(f"{scheme} {token}", TokenKind.USER) == token


def test_a01_everything_else_in_the_header_is_one_constant_error() -> None:
    token = mint(TokenKind.USER, os.urandom).reveal()
    admin = mint(TokenKind.ADMIN, os.urandom).reveal()
    headers = [
        None, "", "Bearer", "Bearer ", token, f"Basic {token}", f"Bearer  {token}",
        f" Bearer {token}", f"Bearer {token} ", f"Bearer {token}, {token}", f"Bearer\t{token}",
        f"Bearer {admin}", f"Bearer {token[:-1]}", "Bearer \x00", "Bearer '; DROP TABLE users",
        "Bearer " + "x" * 1_000_000,
    ]  # fmt: skip

    messages = set()
    for header in headers:
        with pytest.raises(AuthenticationFailed) as caught:
            read_bearer(header, TokenKind.USER)
        messages.add((caught.value.message, caught.value.code, caught.value.status))

    assert len(messages) == 1


def test_a_digest_is_the_hmac_under_the_pepper() -> None:
    token = mint(TokenKind.USER, os.urandom).reveal()

    assert digest(PEPPER, token) == hmac.new(PEPPER, token.encode(), hashlib.sha256).hexdigest()
    assert digest(PEPPER, token) != digest(PEPPER[::-1], token)


@given(st.binary(min_size=2, max_size=2), st.binary(min_size=2, max_size=2))
def test_a11_tokens_that_share_their_first_40_characters_share_no_digest(
    one: bytes, other: bytes
) -> None:
    tokens = [mint(TokenKind.USER, ending_in(end)).reveal() for end in (one, other)]

    assert tokens[0][:40] == tokens[1][:40]
    assert same_digest(*(digest(PEPPER, token) for token in tokens)) == (one == other)
