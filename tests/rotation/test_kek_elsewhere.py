"""Rings that are not a file on this host: the steps wait and say what the operator is to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.rotation.kek import RotationHeld, Step, Surroundings, find_rotation
from gateway.rotation.rewrap import Rewrapped
from gateway.store.client import RedisStore
from gateway.vault.keeper import RingKeeper
from gateway.vault.key_files import KeySources, SecretSource
from gateway.vault.key_ring import KeyRing, read_key_ring
from gateway.vault.registry import read_registry
from gateway.vault.vault import Vault
from tests.identity.scene import ManualClock
from tests.rotation.scene import rotation, sources, worker
from tests.vault.rings import KEYS, RINGS, put_ring


def from_variable(home: Path) -> KeySources:
    base = sources(home)
    kek = SecretSource("keys.kek_env", variable="RING")
    return KeySources(kek=kek, pepper=base.pepper, receipt=base.receipt)


@asynccontextmanager
async def replica(store: RedisStore, home: Path, ring: KeyRing) -> AsyncIterator[RingKeeper]:
    """A worker whose ring came from a variable: another ring needs another process."""
    keeper = RingKeeper(store, from_variable(home), ManualClock(), "a replica", lambda: 100.0)
    await keeper.open({"RING": ring.to_text()})
    try:
        yield keeper
    finally:
        await keeper.aclose()


async def call(store: RedisStore, home: Path, ring: KeyRing, step: Step) -> Rewrapped:
    """Call the command with one step, its own variable set to this ring."""
    async with replica(store, home, ring) as keeper:
        place = Surroundings(
            store=store,
            vault=Vault(keeper.rings),
            keeper=keeper,
            source=from_variable(home).kek,
            clock=ManualClock(),
            reload=lambda: None,
            progress=lambda done, total: None,
            wait_s=0,
        )
        return await (await find_rotation(place)).do(step)


async def test_the_steps_lead_an_operator_through_a_rotation_of_a_variable(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-10. Each replica is restarted with the ring of the step, one after the other."""
    one, both, promoted, two = (RINGS[name] for name in ("1", "1,2", "1,2 promoted", "2"))
    async with replica(store, tmp_path, one) as keeper:
        wrapped = Vault(keeper.rings).new_data_key("u_" + "a" * 22)
        await store.run("HSET", "gw:{u:u_" + "a" * 22 + "}:deks", "1", wrapped)
        with pytest.raises(RotationHeld, match=r"add a key with the id 2 .*keys\.kek_env.*openssl"):
            await call(store, tmp_path, one, Step.ADD)
        with pytest.raises(RotationHeld, match="a replica to hold key id 2"):
            await call(store, tmp_path, both, Step.ADD)
    async with replica(store, tmp_path, both):
        await call(store, tmp_path, both, Step.ADD)
        with pytest.raises(RotationHeld, match="every process holds key id 2; make it the primary"):
            await call(store, tmp_path, both, Step.PROMOTE)
        with pytest.raises(RotationHeld, match="a replica to wrap under key id 2"):
            await call(store, tmp_path, promoted, Step.PROMOTE)
    async with replica(store, tmp_path, promoted):
        await call(store, tmp_path, promoted, Step.PROMOTE)
        assert await call(store, tmp_path, promoted, Step.REWRAP) == Rewrapped(1)
        await call(store, tmp_path, promoted, Step.RETIRE)
    async with replica(store, tmp_path, two) as keeper:
        assert keeper.rings.ring.ids == (2,)
    registry = await read_registry(store)
    assert (set(registry.needed), set(registry.retired)) == ({2}, {1})
    with pytest.raises(ConfigError, match="key id 2 is not given"):
        async with replica(store, tmp_path, one):
            pass


async def test_a_key_that_was_added_and_never_promoted_can_be_taken_out_again(
    store: RedisStore, tmp_path: Path
) -> None:
    """It wrapped nothing, so a start without it is none that would lose anything."""
    async with replica(store, tmp_path, RINGS["1,2"]):
        pass

    async with replica(store, tmp_path, RINGS["1"]) as keeper:
        assert keeper.rings.ring.ids == (1,)


async def test_an_operator_may_choose_another_id(store: RedisStore, tmp_path: Path) -> None:
    one = RINGS["1"]
    with pytest.raises(RotationHeld, match="id 2"):
        await call(store, tmp_path, one, Step.ADD)
    fifth = one.with_key(5, KEYS[3])
    await call(store, tmp_path, fifth, Step.ADD)
    for step in (Step.PROMOTE, Step.REWRAP, Step.RETIRE):
        await call(store, tmp_path, fifth.with_primary(5), step)

    assert set((await read_registry(store)).needed) == {5}


async def test_a_new_key_has_an_id_that_there_has_never_been(
    store: RedisStore, tmp_path: Path
) -> None:
    async with replica(store, tmp_path, RINGS["1"].with_key(7, KEYS[3])):
        pass
    put_ring(tmp_path, RINGS["1"])

    async with worker(store, tmp_path) as scene:
        assert (await rotation(store, scene, tmp_path)).to == 8


async def test_the_file_stays_private_and_leaves_no_draft(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path) as scene:
        under_way = await rotation(store, scene, tmp_path)
        await under_way.do(Step.ADD)

        file = sources(tmp_path).kek.path
        assert file is not None
        assert file.stat().st_mode & 0o777 == 0o600
        assert sorted(each.name for each in file.parent.iterdir()) == [
            "kek.json",
            "pepper",
            "receipt.key",
        ]
        assert read_key_ring(file.read_text(), "keys.kek").ids == (1, 2)
