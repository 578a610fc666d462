"""Records of users under their data keys."""

import inspect
import os
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from gateway.errors import RecordIntegrity
from gateway.vault.codec import Kind, Place, open_sealed
from gateway.vault.derive import derive
from gateway.vault.key_ring import KeyRing
from gateway.vault.vault import DataKeys, RecordType, Vault, read_data_keys

KEK = bytes.fromhex("8d1f6a92c35be0477a1d94fe02b86c3359e7a1f04bd26c8811f39a5ee4720d6b")


def make_vault() -> Vault:
    return Vault(KeyRing({1: KEK}, 1))


def keys_of(vault: Vault, user_id: str, *numbers: int) -> DataKeys:
    return DataKeys(user_id, {n: vault.new_data_key(user_id, n) for n in numbers or (1,)})


@given(plaintext=st.binary(max_size=500), record_id=st.text(min_size=1, max_size=20))
def test_a_record_opens_for_its_owner(plaintext: bytes, record_id: str) -> None:
    vault = make_vault()
    alice = keys_of(vault, "u_alice")

    for record_type in (RecordType.CONTEXT, RecordType.ANSWER):
        sealed = vault.seal(alice, record_type, record_id, plaintext)
        assert vault.open(alice, record_type, record_id, sealed) == plaintext
    sealed = vault.seal(alice, RecordType.PROVIDER_KEY, record_id, plaintext, "openai")
    assert vault.open(alice, RecordType.PROVIDER_KEY, record_id, sealed, "openai") == plaintext


def test_b01_a_provider_key_of_one_user_does_not_open_for_another() -> None:
    """B-01."""
    vault = make_vault()
    alice, bob = keys_of(vault, "u_alice"), keys_of(vault, "u_bob")
    sealed = vault.seal(alice, RecordType.PROVIDER_KEY, "openai", b"sk-alice", "openai")

    with pytest.raises(RecordIntegrity):
        vault.open(bob, RecordType.PROVIDER_KEY, "openai", sealed, "openai")


def test_b02_records_of_one_user_do_not_open_in_each_others_place() -> None:
    """B-02."""
    vault = make_vault()
    alice = keys_of(vault, "u_alice")
    key = vault.seal(alice, RecordType.PROVIDER_KEY, "a", b"sk-a", "openai")
    note = vault.seal(alice, RecordType.CONTEXT, "a", b"dear diary")

    with pytest.raises(RecordIntegrity):
        vault.open(alice, RecordType.PROVIDER_KEY, "b", key, "openai")
    with pytest.raises(RecordIntegrity):
        vault.open(alice, RecordType.CONTEXT, "a", key)
    with pytest.raises(RecordIntegrity):
        vault.open(alice, RecordType.PROVIDER_KEY, "a", note, "openai")
    with pytest.raises(RecordIntegrity):
        vault.open(alice, RecordType.ANSWER, "a", note)


def test_the_types_have_keys_of_their_own_so_that_a_rewritten_kind_does_not_open() -> None:
    vault = make_vault()
    alice = keys_of(vault, "u_alice")
    note = vault.seal(alice, RecordType.CONTEXT, "a", b"dear diary")

    with pytest.raises(RecordIntegrity):
        vault.open(alice, RecordType.ANSWER, "a", note[:1] + b"\x12" + note[2:])


def test_a_record_is_sealed_under_a_key_derived_for_its_type() -> None:
    ring = KeyRing({1: KEK}, 1)
    vault = Vault(ring)
    alice = keys_of(vault, "u_alice")
    dek = ring.unwrap("u_alice", 1, alice.wrapped[1])

    sealed = vault.seal(alice, RecordType.CONTEXT, "entries/1", b"dear diary")

    key = derive(dek, b"gw/v1/rec/context")
    assert open_sealed(key, Kind.CONTEXT, Place("u_alice", "entries/1"), sealed) == b"dear diary"


def test_b03_a_data_key_moved_to_another_user_opens_nothing() -> None:
    """B-03."""
    vault = make_vault()
    alice = keys_of(vault, "u_alice")
    sealed = vault.seal(alice, RecordType.CONTEXT, "a", b"dear diary")
    stolen = DataKeys("u_bob", alice.wrapped)

    with pytest.raises(RecordIntegrity):
        vault.open(stolen, RecordType.CONTEXT, "a", sealed)
    with pytest.raises(RecordIntegrity):
        vault.seal(stolen, RecordType.CONTEXT, "a", b"new")


def test_b04_a_key_does_not_open_for_another_audience() -> None:
    """B-04."""
    vault = make_vault()
    alice = keys_of(vault, "u_alice")
    mine, evil = "https://llm.example", "https://evil.example"
    sealed = vault.seal(alice, RecordType.PROVIDER_KEY, "own", b"sk-a", mine)

    with pytest.raises(RecordIntegrity):
        vault.open(alice, RecordType.PROVIDER_KEY, "own", sealed, evil)


def test_b06_a_record_under_a_missing_data_key_does_not_open() -> None:
    """B-06."""
    vault = make_vault()
    alice = keys_of(vault, "u_alice", 1, 2)
    sealed = vault.seal(alice, RecordType.CONTEXT, "a", b"x")
    only_first = DataKeys("u_alice", {1: alice.wrapped[1]})

    with pytest.raises(RecordIntegrity):
        vault.open(only_first, RecordType.CONTEXT, "a", sealed)


def test_without_data_keys_nothing_opens_or_is_sealed() -> None:
    vault = make_vault()
    alice = keys_of(vault, "u_alice")
    sealed = vault.seal(alice, RecordType.CONTEXT, "a", b"x")
    erased = DataKeys("u_alice", {})

    with pytest.raises(RecordIntegrity):
        vault.open(erased, RecordType.CONTEXT, "a", sealed)
    with pytest.raises(RecordIntegrity):
        vault.seal(erased, RecordType.CONTEXT, "a", b"x")


def test_new_records_use_the_newest_data_key_and_old_ones_still_open() -> None:
    vault = make_vault()
    first = keys_of(vault, "u_alice")
    old = vault.seal(first, RecordType.CONTEXT, "a", b"old")
    both = DataKeys("u_alice", {**first.wrapped, 2: vault.new_data_key("u_alice", 2)})

    new = vault.seal(both, RecordType.CONTEXT, "a", b"new")

    assert new[2:6] == b"\x00\x00\x00\x02"
    assert vault.open(both, RecordType.CONTEXT, "a", old) == b"old"
    assert vault.open(both, RecordType.CONTEXT, "a", new) == b"new"


def test_open_many_opens_in_order_across_data_keys_and_fails_whole() -> None:
    vault = make_vault()
    both = keys_of(vault, "u_alice", 1, 2)
    only_first = DataKeys("u_alice", {1: both.wrapped[1]})
    records = [
        ("a", vault.seal(only_first, RecordType.CONTEXT, "a", b"1")),
        ("b", vault.seal(both, RecordType.CONTEXT, "b", b"2")),
        ("c", vault.seal(both, RecordType.CONTEXT, "c", b"3")),
    ]

    assert vault.open_many(both, RecordType.CONTEXT, records) == [b"1", b"2", b"3"]
    swapped = [records[0], ("c", records[1][1])]
    with pytest.raises(RecordIntegrity):
        vault.open_many(both, RecordType.CONTEXT, swapped)


def test_seal_many_seals_each_under_the_newest_key_with_a_nonce_of_its_own() -> None:
    vault = make_vault()
    both = keys_of(vault, "u_alice", 1, 2)
    records = [(f"r{n}", b"the same") for n in range(50)]

    sealed = vault.seal_many(both, RecordType.CONTEXT, records)

    assert {each[2:6] for each in sealed} == {b"\x00\x00\x00\x02"}
    assert len({each[6:18] for each in sealed}) == 50
    places = [(name, each) for (name, _), each in zip(records, sealed, strict=True)]
    assert vault.open_many(both, RecordType.CONTEXT, places) == [b"the same"] * 50
    assert vault.open(both, RecordType.CONTEXT, "r7", sealed[7]) == b"the same"
    with pytest.raises(RecordIntegrity):
        vault.seal_many(DataKeys("u_alice", {}), RecordType.CONTEXT, records)


def test_provider_keys_are_never_opened_or_sealed_in_numbers() -> None:
    """Their audience must be said each time."""
    vault = make_vault()
    alice = keys_of(vault, "u_alice")
    key = vault.seal(alice, RecordType.PROVIDER_KEY, "a", b"sk-a", "openai")

    with pytest.raises(ValueError, match="in numbers"):
        vault.open_many(alice, RecordType.PROVIDER_KEY, [("a", key)])
    with pytest.raises(ValueError, match="in numbers"):
        vault.seal_many(alice, RecordType.PROVIDER_KEY, [("a", b"sk-a")])


def test_two_data_keys_of_one_user_are_not_the_same() -> None:
    ring = KeyRing({1: KEK}, 1)
    vault = Vault(ring)

    first, second = vault.new_data_key("u_a"), vault.new_data_key("u_a")

    assert ring.unwrap("u_a", 1, first) != ring.unwrap("u_a", 1, second)


def test_data_keys_are_read_from_their_hash_and_show_no_bytes() -> None:
    found = read_data_keys("u_a", {b"1": b"w1", b"12": b"w12", b"note": b"x", b"9" * 30: b"y"})

    assert found == DataKeys("u_a", {1: b"w1", 12: b"w12"})
    assert found.current == 12
    assert repr(found) == "DataKeys(u_a, numbers=[1, 12])"
    assert DataKeys("u_a", {}).current == 0


FORKING = """
import os
from gateway.vault.key_ring import KeyRing
from gateway.vault.vault import DataKeys, RecordType, Vault

vault = Vault(KeyRing({1: os.urandom(32)}, 1))
keys = DataKeys("u_a", {1: vault.new_data_key("u_a")})
vault.seal(keys, RecordType.CONTEXT, "before", b"the generator was used before the fork")
readers = []
for _ in range(4):
    reader, writer = os.pipe()
    if os.fork() == 0:
        with os.fdopen(writer, "wb") as out:
            for _ in range(4_000):
                out.write(vault.seal(keys, RecordType.CONTEXT, "r", b"x")[6:18])
            for _ in range(80):  # as many at a time as a bulk write seals
                for sealed in vault.seal_many(keys, RecordType.CONTEXT, [("r", b"x")] * 250):
                    out.write(sealed[6:18])
            for _ in range(1_000):
                out.write(vault.new_data_key("u_a")[6:18])
        os._exit(0)
    os.close(writer)
    readers.append(reader)
nonces = []
for reader in readers:
    with os.fdopen(reader, "rb") as source:
        data = source.read()
    nonces += [data[i:i + 12] for i in range(0, len(data), 12)]
    os.wait()
print(len(nonces), len(set(nonces)))
"""


def test_b15_four_forked_workers_never_repeat_a_nonce() -> None:
    """B-15. 100,000 sealings after a fork; the kernel's generator also notices a restored machine."""
    assert inspect.signature(Vault).parameters["random_bytes"].default is os.urandom

    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == ["100000", "100000"]


def test_a_mac_is_the_users_own_and_repeatable() -> None:
    vault = make_vault()
    alice, bob = keys_of(vault, "u_alice"), keys_of(vault, "u_bob")

    made = vault.mac(alice, RecordType.CONTEXT, b"block")

    assert made == vault.mac(alice, "context", b"block")
    assert len(made) == 32
    others = {
        vault.mac(bob, "context", b"block"),
        vault.mac(alice, "answer", b"block"),
        vault.mac(alice, "context", b"block!"),
    }
    assert made not in others


def test_an_unknown_type_of_record_is_refused() -> None:
    vault = make_vault()

    with pytest.raises(ValueError, match="type of record"):
        vault.seal(keys_of(vault, "u_a"), "diary", "a", b"x")
