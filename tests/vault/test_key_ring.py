"""The KEK ring: reading it, refusing bad keys, wrapping data keys."""

import base64
import hashlib
import pickle

import pytest
from hypothesis import given, strategies as st

from gateway.errors import ConfigError, RecordIntegrity
from gateway.vault.key_ring import KeyRing, read_key_ring, read_secret

KEK_1 = bytes.fromhex("8d1f6a92c35be0477a1d94fe02b86c3359e7a1f04bd26c8811f39a5ee4720d6b")
KEK_2 = bytes.fromhex("43b9d27e8f1065ca9e3817d4602fab5bc8f4936d17e05a2b74d8c1069f3e8a52")
DEK = bytes(range(100, 132))
NONCE = b"n" * 12


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


@given(
    st.dictionaries(
        # Digests, because a ring takes no key that looks like text: see the tests below.
        st.integers(1, 2**32 - 1),
        st.binary().map(digest),
        min_size=1,
        max_size=4,
    )
)
def test_a_ring_survives_its_own_text(keks: dict[int, bytes]) -> None:
    if len(set(keks.values())) != len(keks):
        return
    ring = KeyRing(keks, primary=max(keks))

    again = read_key_ring(ring.to_text(), "keys.kek")

    assert again.ids == ring.ids
    assert again.primary == ring.primary
    assert again.check_values() == ring.check_values()


def test_one_base64_key_is_a_ring_of_id_1() -> None:
    ring = read_key_ring(f"  {b64(KEK_1)}\n", "keys.kek")

    assert (ring.ids, ring.primary) == ((1,), 1)
    assert ring.check_values() == KeyRing({1: KEK_1}, 1).check_values()


def test_new_keys_are_wrapped_under_the_primary_and_old_ones_still_open() -> None:
    old = KeyRing({1: KEK_1}, 1)
    both = KeyRing({1: KEK_1, 2: KEK_2}, 2)

    wrapped_before = old.wrap("u_a", 1, NONCE, DEK)
    wrapped_after = both.wrap("u_a", 1, NONCE, DEK)

    assert both.unwrap("u_a", 1, wrapped_before) == DEK
    assert both.unwrap("u_a", 1, wrapped_after) == DEK
    assert wrapped_after[2:6] == b"\x00\x00\x00\x02"


def test_b06_a_dek_under_an_unknown_kek_id_does_not_open() -> None:
    """B-06."""
    wrapped = KeyRing({2: KEK_2}, 2).wrap("u_a", 1, NONCE, DEK)

    with pytest.raises(RecordIntegrity):
        KeyRing({1: KEK_1}, 1).unwrap("u_a", 1, wrapped)


def test_the_same_id_with_other_bytes_does_not_open() -> None:
    wrapped = KeyRing({1: KEK_1}, 1).wrap("u_a", 1, NONCE, DEK)

    with pytest.raises(RecordIntegrity):
        KeyRing({1: KEK_2}, 1).unwrap("u_a", 1, wrapped)


@pytest.mark.parametrize(("user", "number"), [("u_b", 1), ("u_a", 2)])
def test_b03_a_wrapped_dek_moved_to_another_user_or_number_does_not_open(
    user: str, number: int
) -> None:
    """B-03. User and number are in the associated data."""
    ring = KeyRing({1: KEK_1}, 1)
    wrapped = ring.wrap("u_a", 1, NONCE, DEK)

    with pytest.raises(RecordIntegrity):
        ring.unwrap(user, number, wrapped)


def test_something_else_than_a_key_under_the_kek_does_not_pass_for_one() -> None:
    ring = KeyRing({1: KEK_1}, 1)

    with pytest.raises(RecordIntegrity):
        ring.unwrap("u_a", 1, ring.wrap("u_a", 1, NONCE, b"short"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "changeme",
        b64(b"short"),
        b64(KEK_1[:31]),
        b64(KEK_1 + b"x"),
        KEK_1.hex(),
        b64(bytes(32)),
        b64(bytes(range(32))),
        b64(b"correct horse battery staple 1234"[:32]),
        b64(b"\x01\x02" * 16),
        "not/base64!" * 4,
        "é" * 44,
    ],
)
def test_a20_empty_short_and_example_keys_are_refused_by_the_settings_name(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_secret(text, "keys.pepper")

    assert caught.value.path == "keys.pepper"
    assert not text.strip() or text.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"primary": 1}',
        '{"primary": 1, "keys": {}}',
        '{"primary": 2, "keys": {"1": "KEK1"}}',
        '{"primary": 1, "keys": {"1": "KEK1", "01": "KEK2"}}',
        '{"primary": 1, "keys": {"1": "KEK1", "2": "KEK1"}}',
        '{"primary": 0, "keys": {"0": "KEK1"}}',
        '{"primary": 1, "keys": {"one": "KEK1"}}',
        '{"primary": 1, "keys": {"1": "KEK1", "4294967296": "KEK2"}}',
        '{"primary": 1, "keys": {"1": "KEK1"}, "secondary": 3}',
        '{"primary": 1, "keys": {"1": "QUJD"}}',
        '{"primary": 1, "keys": {"1": 5}}',
        '{"primary": 1, "keys": ["KEK1"]}',
    ],
)
def test_a_malformed_ring_is_refused_without_its_values(text: str) -> None:
    text = text.replace("KEK1", b64(KEK_1)).replace("KEK2", b64(KEK_2))

    with pytest.raises(ConfigError) as caught:
        read_key_ring(text, "keys.kek")

    assert "keys.kek" in str(caught.value)
    assert b64(KEK_1) not in str(caught.value)
    assert "QUJD" not in str(caught.value)


def test_a_ring_shows_its_ids_only_and_does_not_pickle() -> None:
    ring = KeyRing({1: KEK_1, 7: KEK_2}, 7)

    assert repr(ring) == "KeyRing(ids=[1, 7], primary=7)"
    with pytest.raises(TypeError):
        pickle.dumps(ring)
