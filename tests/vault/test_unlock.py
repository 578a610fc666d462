"""The start of a deployment: first run, later runs, and the ways it is refused."""

import asyncio
import base64
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.vault.key_files import KeySources, SecretSource
from gateway.vault.key_ring import KeyRing
from gateway.vault.unlock import unlock

KEK_1 = bytes.fromhex("8d1f6a92c35be0477a1d94fe02b86c3359e7a1f04bd26c8811f39a5ee4720d6b")
KEK_2 = bytes.fromhex("43b9d27e8f1065ca9e3817d4602fab5bc8f4936d17e05a2b74d8c1069f3e8a52")
PEPPER = bytes.fromhex("6ea30f58b7c1d24906fb8d35e27c914ab065df1e83c74920ab5e17d3680cf92d")
RECEIPT_KEY = bytes.fromhex("1b7c29f04ad86e35c0917fb2e4685d03a7f12c9e6bd0485731fa82c6e9045d7b")


def b64(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def put(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)


def own_sources(data_dir: Path) -> KeySources:
    keys = data_dir / "keys"
    return KeySources(
        kek=SecretSource("keys.kek", keys / "kek.json", "GATEWAY_KEK", generate=True),
        pepper=SecretSource("keys.pepper", keys / "pepper", "GATEWAY_PEPPER", generate=True),
        receipt=SecretSource(
            "keys.receipt", keys / "receipt.key", "GATEWAY_RECEIPT", generate=True
        ),
    )


async def test_a_first_run_makes_the_secrets_and_says_to_back_them_up(
    store: RedisStore, tmp_path: Path
) -> None:
    sources = own_sources(tmp_path)

    first = await unlock(store, sources, {})
    second = await unlock(store, sources, {})

    assert len(first.notices) == 3
    assert all("Back it up" in notice for notice in first.notices)
    assert "kek.json" in first.notices[0]
    assert second.notices == ()
    assert second.keys.check_values() == first.keys.check_values()
    assert second.keys.pepper == first.keys.pepper
    assert first.keys.pepper not in (first.keys.fingerprint_key, KEK_1)


async def test_two_first_runs_at_once_agree_on_one_secret(
    store: RedisStore, tmp_path: Path
) -> None:
    sources = own_sources(tmp_path)

    first, second = await asyncio.gather(unlock(store, sources, {}), unlock(store, sources, {}))

    assert first.keys.check_values() == second.keys.check_values()


async def test_a_first_run_that_comes_second_takes_what_the_first_one_made(
    store: RedisStore, tmp_path: Path
) -> None:
    sources = own_sources(tmp_path)
    made = iter([("kek.json", KEK_1), ("pepper", PEPPER), ("receipt.key", RECEIPT_KEY)])

    def another_process_was_first(length: int) -> bytes:
        name, secret = next(made)
        put(tmp_path / "keys" / name, b64(secret))
        return KEK_2

    unlocked = await unlock(store, sources, {}, another_process_was_first)

    assert unlocked.notices == ()
    assert unlocked.keys.pepper == PEPPER
    assert unlocked.keys.ring.check_values() == KeyRing({1: KEK_1}, 1).check_values()


async def test_secrets_from_variables_are_taken_away_and_warned_of(
    store: RedisStore, tmp_path: Path
) -> None:
    environ = {
        "GATEWAY_KEK": b64(KEK_1),
        "GATEWAY_PEPPER": b64(PEPPER),
        "GATEWAY_RECEIPT": b64(RECEIPT_KEY),
        "HOME": "/",
    }

    unlocked = await unlock(store, own_sources(tmp_path), environ)

    assert environ == {"HOME": "/"}
    assert unlocked.keys.ring.ids == (1,)
    named = ("GATEWAY_KEK", "GATEWAY_PEPPER", "GATEWAY_RECEIPT")
    assert all(name in notice for name, notice in zip(named, unlocked.notices, strict=True))
    assert not (tmp_path / "keys").exists()


async def test_b07_another_kek_under_the_same_id_is_refused_and_nothing_is_written(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-07. By its check value; also where the ring holds other keys besides."""
    sources = own_sources(tmp_path)
    await unlock(store, sources, {"GATEWAY_KEK": b64(KEK_1)})
    before = await store.run("HGETALL", names.keyring_check())
    both = KeyRing({1: KEK_2, 2: KEK_1}, 2).to_text()

    for wrong in (b64(KEK_2), both):
        with pytest.raises(ConfigError, match="key id 1 is not the one") as caught:
            await unlock(store, sources, {"GATEWAY_KEK": wrong})
        assert caught.value.path == "keys.kek"
        assert b64(KEK_2) not in str(caught.value)

    assert await store.run("HGETALL", names.keyring_check()) == before


async def test_b20_a_key_id_the_store_needs_is_named_when_it_is_missing(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-20. A store restored beside an older ring."""
    sources = own_sources(tmp_path)
    await unlock(store, sources, {"GATEWAY_KEK": KeyRing({1: KEK_1, 2: KEK_2}, 2).to_text()})

    with pytest.raises(ConfigError, match="key id 2 is not given"):
        await unlock(store, sources, {"GATEWAY_KEK": b64(KEK_1)})


async def test_a_new_key_id_joins_the_ring(store: RedisStore, tmp_path: Path) -> None:
    sources = own_sources(tmp_path)
    await unlock(store, sources, {"GATEWAY_KEK": b64(KEK_1)})

    await unlock(store, sources, {"GATEWAY_KEK": KeyRing({1: KEK_1, 2: KEK_2}, 2).to_text()})

    fields = await store.run("HKEYS", names.keyring_check())
    assert sorted(fields) == [b"kek:1", b"kek:2", b"pepper", b"receipt"]


async def test_b08_a_lost_kek_is_never_replaced_by_a_new_one(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-08. A missing file is a first run only where the store knows no key."""
    sources = own_sources(tmp_path)
    await unlock(store, sources, {})
    kek_file = tmp_path / "keys" / "kek.json"
    kek_file.unlink()

    with pytest.raises(ConfigError, match="restore the file"):
        await unlock(store, sources, {})

    assert not kek_file.exists()


async def test_a_lost_or_changed_pepper_is_refused_too(store: RedisStore, tmp_path: Path) -> None:
    sources = own_sources(tmp_path)
    await unlock(store, sources, {})
    pepper_file = tmp_path / "keys" / "pepper"

    put(pepper_file, b64(PEPPER))
    with pytest.raises(ConfigError, match=r"keys.pepper: the token pepper is not the one"):
        await unlock(store, sources, {})
    pepper_file.unlink()
    with pytest.raises(ConfigError, match=r"keys.pepper: .*restore the file"):
        await unlock(store, sources, {})


async def test_a_lost_or_changed_receipt_key_is_refused_too(
    store: RedisStore, tmp_path: Path
) -> None:
    sources = own_sources(tmp_path)
    await unlock(store, sources, {})
    key_file = tmp_path / "keys" / "receipt.key"
    assert key_file.stat().st_mode & 0o777 == 0o600

    put(key_file, b64(RECEIPT_KEY))
    with pytest.raises(ConfigError, match=r"keys.receipt: the key that signs receipts is not"):
        await unlock(store, sources, {})
    key_file.unlink()
    with pytest.raises(ConfigError, match=r"keys.receipt: .*restore the file"):
        await unlock(store, sources, {})


async def test_a_store_from_before_receipts_gets_a_key_for_them(
    store: RedisStore, tmp_path: Path
) -> None:
    sources = own_sources(tmp_path)
    await unlock(store, sources, {})
    await store.run("HDEL", names.keyring_check(), "receipt")
    (tmp_path / "keys" / "receipt.key").unlink()

    unlocked = await unlock(store, sources, {})

    assert "receipt.key" in unlocked.notices[0]
    assert await store.run("HEXISTS", names.keyring_check(), "receipt")


async def test_a_second_replica_with_secrets_of_its_own_is_refused_and_keeps_none(
    store: RedisStore, tmp_path: Path
) -> None:
    """Its KEK is refused because the store has one already; nothing is left to mislead a restore."""
    await unlock(store, own_sources(tmp_path / "one"), {})
    other = own_sources(tmp_path / "two")
    put_kek = tmp_path / "two" / "keys" / "kek.json"
    (tmp_path / "two").mkdir()
    put(put_kek, b64(KEK_2))
    sources = KeySources(
        kek=other.kek,
        pepper=SecretSource("keys.pepper", tmp_path / "two" / "keys" / "pepper", generate=True),
        receipt=other.receipt,
    )

    with pytest.raises(ConfigError):
        await unlock(store, sources, {})

    assert put_kek.exists()
    assert not (tmp_path / "two" / "keys" / "pepper").exists()


async def test_a_secret_just_made_is_removed_when_the_other_one_is_refused(
    store: RedisStore, tmp_path: Path
) -> None:
    """A store that knows a KEK but no pepper yet: the pepper made for it must not stay behind."""
    await store.run("HSET", names.keyring_check(), "kek:1", "0011223344556677")
    sources = own_sources(tmp_path)
    put(tmp_path / "keys" / "kek.json", b64(KEK_1))

    with pytest.raises(ConfigError, match="key id 1 is not the one"):
        await unlock(store, sources, {})

    assert not (tmp_path / "keys" / "pepper").exists()


async def test_a_configured_file_that_is_missing_is_not_made(
    store: RedisStore, tmp_path: Path
) -> None:
    sources = KeySources(
        kek=SecretSource("keys.kek", tmp_path / "my-kek"),
        pepper=SecretSource("keys.pepper", variable="MY_PEPPER"),
        receipt=SecretSource("keys.receipt", variable="MY_RECEIPT_KEY"),
    )

    with pytest.raises(ConfigError, match=r"keys.kek: is missing: expected the file"):
        await unlock(store, sources, {})
    put(tmp_path / "my-kek", b64(KEK_1))
    with pytest.raises(ConfigError, match=r"keys.pepper: is missing: expected the variable MY_PEP"):
        await unlock(store, sources, {})


async def test_opened_keys_do_not_show(store: RedisStore, tmp_path: Path) -> None:
    unlocked = await unlock(store, own_sources(tmp_path), {"GATEWAY_KEK": b64(KEK_1)})

    shown = repr(unlocked) + str(unlocked.keys)

    assert unlocked.keys.pepper.hex() not in shown
    assert repr(unlocked.keys.pepper) not in shown
    assert repr(KEK_1) not in shown
