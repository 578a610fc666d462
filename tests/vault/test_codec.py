"""The record format: what opens, and that everything else is the one error."""

import pickle

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
from hypothesis import given, strategies as st

from gateway.errors import RecordIntegrity
from gateway.vault.codec import Kind, Place, RecordCipher, open_sealed, read_key_id, seal

KEY = bytes(range(7, 39))
NONCE = b"nonce-of-12b"
RECORD_KINDS = [Kind.CONTEXT, Kind.ANSWER, Kind.PROVIDER_KEY, Kind.WRAPPED_DEK]


def place_for(kind: Kind, user: str = "u_a", record: str = "r1") -> Place:
    return Place(user, record, "openai" if kind is Kind.PROVIDER_KEY else None)


@given(
    kind=st.sampled_from(RECORD_KINDS),
    plaintext=st.binary(max_size=300),
    key_id=st.integers(0, 2**32 - 1),
    nonce=st.binary(min_size=12, max_size=12),
)
def test_what_is_sealed_opens_at_its_own_place(
    kind: Kind, plaintext: bytes, key_id: int, nonce: bytes
) -> None:
    place = place_for(kind)

    sealed = seal(KEY, kind, key_id, nonce, place, plaintext)

    assert open_sealed(KEY, kind, place, sealed) == plaintext
    assert read_key_id(sealed, kind) == key_id


def test_the_bytes_are_those_of_the_written_format() -> None:
    """Built by hand from the format's description, so that the code cannot agree with itself only."""
    sealed = seal(KEY, Kind.CONTEXT, 258, NONCE, Place("u_a", "entries/1"), b"dear diary")

    header = b"\x01\x11\x00\x00\x01\x02"
    fields = (b"gw", b"", b"u_a", b"context", b"entries/1", b"1")
    aad = header + b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    assert sealed == header + NONCE + AESGCM(KEY).encrypt(NONCE, b"dear diary", aad)


def test_a_provider_key_names_its_audience_and_is_padded_to_64_bytes() -> None:
    place = Place("u_a", "mine", "https://llm.example:8443")
    sealed = seal(KEY, Kind.PROVIDER_KEY, 1, NONCE, place, b"sk-123")

    header = b"\x01\x10\x00\x00\x00\x01"
    fields = (b"gw", b"", b"u_a", b"provider_key", b"mine", b"1", b"https://llm.example:8443")
    aad = header + b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    padded = AESGCM(KEY).decrypt(NONCE, sealed[18:], aad)
    assert padded == b"sk-123\x80" + bytes(57)


def test_a_wrapped_dek_is_sealed_with_siv() -> None:
    sealed = seal(KEY, Kind.WRAPPED_DEK, 1, NONCE, Place("u_a", "1"), bytes(32))

    header = b"\x01\x01\x00\x00\x00\x01"
    fields = (b"gw", b"", b"u_a", b"dek", b"1", b"1")
    aad = header + b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    assert AESGCMSIV(KEY).decrypt(NONCE, sealed[18:], aad) == bytes(32)


@given(length=st.integers(0, 200))
def test_the_sealed_length_of_a_credential_tells_only_its_64_byte_step(length: int) -> None:
    place = place_for(Kind.PROVIDER_KEY)

    sealed = seal(KEY, Kind.PROVIDER_KEY, 1, NONCE, place, b"k" * length)

    assert len(sealed) == 6 + 12 + 16 + 64 * (length // 64 + 1)


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_b05_every_truncation_is_the_one_error(kind: Kind) -> None:
    """B-05."""
    sealed = seal(KEY, kind, 3, NONCE, place_for(kind), b"x" * 70)

    for length in range(len(sealed)):
        with pytest.raises(RecordIntegrity):
            open_sealed(KEY, kind, place_for(kind), sealed[:length])


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_b05_every_flipped_bit_is_the_one_error(kind: Kind) -> None:
    """B-05."""
    sealed = seal(KEY, kind, 3, NONCE, place_for(kind), b"x" * 70)

    for bit in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(RecordIntegrity):
            open_sealed(KEY, kind, place_for(kind), bytes(altered))


@given(kind=st.sampled_from(RECORD_KINDS), tail=st.binary(min_size=1, max_size=40))
def test_b05_appended_bytes_are_the_one_error(kind: Kind, tail: bytes) -> None:
    """B-05."""
    sealed = seal(KEY, kind, 3, NONCE, place_for(kind), b"x" * 70)

    with pytest.raises(RecordIntegrity):
        open_sealed(KEY, kind, place_for(kind), sealed + tail)


@given(kind=st.sampled_from(RECORD_KINDS), noise=st.binary(max_size=200))
def test_b05_noise_is_the_one_error_and_says_nothing_of_its_cause(kind: Kind, noise: bytes) -> None:
    """B-05."""
    with pytest.raises(RecordIntegrity) as caught:
        open_sealed(KEY, kind, place_for(kind), noise)

    assert caught.value.message == "A stored record could not be opened."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("version", [0, 2, 0x80, 255])
def test_b06_an_unknown_version_is_refused_without_a_try(version: int) -> None:
    """B-06."""
    sealed = seal(KEY, Kind.CONTEXT, 1, NONCE, Place("u_a", "r"), b"x")

    with pytest.raises(RecordIntegrity):
        open_sealed(KEY, Kind.CONTEXT, Place("u_a", "r"), bytes((version,)) + sealed[1:])


@given(
    mine=st.tuples(st.text(max_size=6), st.text(max_size=6)),
    other=st.tuples(st.text(max_size=6), st.text(max_size=6)),
)
def test_no_two_places_look_alike(mine: tuple[str, str], other: tuple[str, str]) -> None:
    """Also ("ab", "c") and ("a", "bc"): the length prefixes keep the fields apart."""
    sealed = seal(KEY, Kind.CONTEXT, 1, NONCE, Place(*mine), b"x")

    if mine == other:
        assert open_sealed(KEY, Kind.CONTEXT, Place(*other), sealed) == b"x"
    else:
        with pytest.raises(RecordIntegrity):
            open_sealed(KEY, Kind.CONTEXT, Place(*other), sealed)


def test_fields_do_not_run_into_each_other() -> None:
    sealed = seal(KEY, Kind.CONTEXT, 1, NONCE, Place("ab", "c"), b"x")

    with pytest.raises(RecordIntegrity):
        open_sealed(KEY, Kind.CONTEXT, Place("a", "bc"), sealed)


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_only_a_nonce_of_12_bytes_is_taken(length: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        seal(KEY, Kind.CONTEXT, 1, bytes(length), Place("u_a", "r"), b"x")


def test_a_record_above_one_mebibyte_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="1 MiB"):
        seal(KEY, Kind.CONTEXT, 1, NONCE, Place("u_a", "r"), bytes((1 << 20) + 1))


def test_an_audience_is_demanded_for_provider_keys_and_refused_elsewhere() -> None:
    with pytest.raises(ValueError, match="audience"):
        seal(KEY, Kind.PROVIDER_KEY, 1, NONCE, Place("u_a", "r"), b"x")
    with pytest.raises(ValueError, match="audience"):
        seal(KEY, Kind.CONTEXT, 1, NONCE, Place("u_a", "r", "openai"), b"x")


@pytest.mark.parametrize(
    "padding", [b"", b"\x00" * 64, b"secret" + bytes(58), b"\x80" + bytes(64 * 2 - 1), b"a\x80"]
)
def test_a_credential_with_wrong_padding_is_the_one_error(padding: bytes) -> None:
    """Only a holder of the key could make one; even so nothing but the one error comes out."""
    place = place_for(Kind.PROVIDER_KEY)
    header = b"\x01\x10\x00\x00\x00\x01"
    fields = (b"gw", b"", b"u_a", b"provider_key", b"r1", b"1", b"openai")
    aad = header + b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    sealed = header + NONCE + AESGCM(KEY).encrypt(NONCE, padding, aad)

    with pytest.raises(RecordIntegrity):
        open_sealed(KEY, Kind.PROVIDER_KEY, place, sealed)


NUMEROUS = [Kind.CONTEXT, Kind.ANSWER]


@given(
    kind=st.sampled_from(NUMEROUS),
    plaintext=st.binary(max_size=300),
    key_id=st.integers(0, 2**32 - 1),
    nonce=st.binary(min_size=12, max_size=12),
    user=st.text(max_size=8),
    record=st.text(max_size=8),
)
def test_a_cipher_for_many_records_writes_and_reads_the_same_bytes(
    kind: Kind, plaintext: bytes, key_id: int, nonce: bytes, user: str, record: str
) -> None:
    cipher = RecordCipher(KEY, kind, key_id, user)

    sealed = seal(KEY, kind, key_id, nonce, Place(user, record), plaintext)

    assert cipher.seal(record, nonce, plaintext) == sealed
    assert cipher.open(record, sealed) == plaintext


@pytest.mark.parametrize("kind", NUMEROUS)
def test_b05_a_cipher_for_many_answers_every_change_with_the_one_error(kind: Kind) -> None:
    """B-05. Truncated at every length, every bit flipped, bytes appended."""
    cipher = RecordCipher(KEY, kind, 3, "u_a")
    sealed = cipher.seal("r1", NONCE, b"x" * 70)
    flipped = [
        sealed[: bit // 8] + bytes((sealed[bit // 8] ^ 1 << bit % 8,)) + sealed[bit // 8 + 1 :]
        for bit in range(len(sealed) * 8)
    ]

    for changed in (*(sealed[:n] for n in range(len(sealed))), *flipped, sealed + b"\0"):
        with pytest.raises(RecordIntegrity) as caught:
            cipher.open("r1", changed)
        assert caught.value.message == "A stored record could not be opened."
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_cipher_for_many_opens_nothing_of_another_user_record_key_or_number() -> None:
    """B-01, B-02, B-06. The precomputed part is the same that `open_sealed` checks."""
    sealed = RecordCipher(KEY, Kind.CONTEXT, 1, "u_a").seal("r1", NONCE, b"x")

    for cipher, record in (
        (RecordCipher(KEY, Kind.CONTEXT, 1, "u_b"), "r1"),
        (RecordCipher(KEY, Kind.CONTEXT, 1, "u_a"), "r2"),
        (RecordCipher(KEY, Kind.CONTEXT, 2, "u_a"), "r1"),
        (RecordCipher(KEY, Kind.ANSWER, 1, "u_a"), "r1"),
        (RecordCipher(KEY[::-1], Kind.CONTEXT, 1, "u_a"), "r1"),
        (RecordCipher(KEY, Kind.CONTEXT, 1, "u_ar"), "1"),
    ):
        with pytest.raises(RecordIntegrity):
            cipher.open(record, sealed)


def test_a_cipher_for_many_keeps_its_key_to_itself_and_refuses_what_seal_refuses() -> None:
    cipher = RecordCipher(KEY, Kind.CONTEXT, 1, "u_a")

    assert repr(cipher) == "RecordCipher([key])"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(cipher)
    with pytest.raises(ValueError, match="12 bytes"):
        cipher.seal("r1", b"short", b"x")
    with pytest.raises(ValueError, match="1 MiB"):
        cipher.seal("r1", NONCE, bytes((1 << 20) + 1))
    with pytest.raises(ValueError, match="32-bit"):
        RecordCipher(KEY, Kind.CONTEXT, 1 << 32, "u_a")
    for kind in (Kind.PROVIDER_KEY, Kind.WRAPPED_DEK):
        with pytest.raises(ValueError, match="in numbers"):
            RecordCipher(KEY, kind, 1, "u_a")
