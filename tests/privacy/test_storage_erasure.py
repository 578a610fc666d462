"""The last step of an erasure: the bytes are gone from the store's files, and who says so."""

import asyncio
import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import RecordIntegrity, StoreAway
from gateway.identity.account import StoredToken
from gateway.privacy.receipts import State
from gateway.store import names
from gateway.store.client import RedisStore, connect
from gateway.store.embedded import use_embedded
from gateway.store.server_files import files_of
from gateway.vault.key_ring import KeyRing
from tests.accounting.booking import book
from tests.canary import Canaries
from tests.identity.scene import KEK, WatchedStore
from tests.privacy.scene import ROW, Furnished, PrivacyScene, furnish, make_privacy
from tests.waiting import async_wait_until

NOW = 4_000_000_000.0


async def values_in(store: RedisStore) -> list[bytes]:
    """Return every value, member and field in the store."""
    found: list[bytes] = []
    for key in await store.run("KEYS", "*"):
        read: dict[bytes, tuple[Any, ...]] = {
            b"string": ("GET", key),
            b"hash": ("HGETALL", key),
            b"zset": ("ZRANGE", key, 0, -1),
            b"stream": ("XRANGE", key, "-", "+"),
        }
        found += _flat(await store.run(*read[await store.run("TYPE", key)]))
    return found


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item)


def opened_with_kek(values: list[bytes], user_id: str) -> list[bytes]:
    """Return the data keys of a user that the KEK opens among these values."""
    ring = KeyRing({1: KEK}, 1)
    found = []
    for value in values:
        for number in range(1, 4):
            try:
                found.append(ring.unwrap(user_id, number, value))
            except RecordIntegrity:
                continue
    return found


async def bytes_of(scene: PrivacyScene, user: Furnished) -> dict[str, bytes]:
    """Return what must be found nowhere any more, by what it is; read while the user is there."""
    account = await scene.parts.accounts.load(user.id)
    [token] = account.tokens.values()
    assert isinstance(token, StoredToken)
    found = {
        "wrapped data key": account.data_keys.wrapped[1],
        "sealed provider key": base64.b64encode(account.sealed["openai"]),
        "fingerprint": account.keys["openai"].fingerprint.encode(),
        "token digest": token.digest.encode(),
        "external id": user.external_id.encode(),
        "name": (account.record.name or "").encode(),
        "feature id": b"for Ann Example",
    }
    for kind in ("entries", "pillars"):
        flat = await scene.parts.store.run("HGETALL", names.context(user.id, kind))
        found |= {f"{kind} {n}": value for n, value in enumerate(flat[1::2])}
    return found


def found_in(folder: Path, needles: dict[str, bytes]) -> set[str]:
    """Return which of them lie in any file of the folder; 24 bytes of each are enough."""
    blobs = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {what for what, needle in needles.items() if any(needle[-24:] in blob for blob in blobs)}


async def test_after_erased_storage_a_copy_of_the_store_and_the_kek_open_nothing(
    own_store: RedisStore, tmp_path: Path, canary: Canaries
) -> None:
    """B-14. The whole embedded store is copied, its append-only file included."""
    scene = make_privacy(own_store)
    ann = await furnish(scene, "ann", mint=canary.mint)
    bea = await furnish(scene, "bea", mint=canary.mint)
    await book(own_store, replace(ROW, user_id=ann.id))
    needles = await bytes_of(scene, ann)
    others = await bytes_of(scene, bea)
    home = tmp_path / "data"
    await async_wait_until(lambda: found_in(home, needles) == set(needles))
    assert opened_with_kek(await values_in(own_store), ann.id)  # so it can be found
    scene.clock.wall = NOW

    receipt = await scene.privacy.erasure.erase(ann.id, "self")
    await scene.privacy.storage_job(files_of(home)).step()

    ended = await scene.privacy.erasure.load(receipt.id)
    assert ended is not None
    assert (ended.state, ended.state_reason) == (State.STORAGE, None)
    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.sock", "*.lock", "server.conf"))
    assert found_in(copy, needles) == set()
    restored = await asyncio.to_thread(use_embedded, copy)
    try:
        async with await connect(restored.url, timeout_s=5.0) as store:
            values = await values_in(store)
    finally:
        await asyncio.to_thread(restored.release)
    assert opened_with_kek(values, ann.id) == []
    assert len(opened_with_kek(values, bea.id)) == 1
    everything = b"\n".join(values)
    assert [what for what, needle in needles.items() if needle in everything] == []
    shared = {"feature id"}  # of Ann's rows alone
    assert [w for w, n in others.items() if n not in everything and w not in shared] == []


async def test_a_store_that_forbids_it_leaves_the_rest_to_its_operator(
    own_store: RedisStore,
) -> None:
    scene = make_privacy(own_store)
    ann = await furnish(scene, "ann")
    await own_store.run("ACL", "SETUSER", "default", "-bgrewriteaof")
    receipt = await scene.privacy.erasure.erase(ann.id, "self")
    scene.clock.pass_s(5)

    await scene.privacy.storage_job(None).step()

    ended = await scene.privacy.erasure.load(receipt.id)
    assert ended is not None
    assert ended.state is State.AGE_OUT
    assert ended.state_reason == "The store refuses BGREWRITEAOF."
    assert ended.state_time == receipt.state_time + 5
    assert await scene.privacy.erasure.pending() == {}


async def rewrites(store: RedisStore) -> int:
    info = (await store.run("INFO", "persistence")).decode()
    return int(info.partition("aof_rewrites:")[2].split()[0])


async def test_one_rewrite_serves_all_who_wait_and_the_next_comes_a_minute_later(
    own_store: RedisStore, tmp_path: Path
) -> None:
    workers = [make_privacy(own_store) for _ in range(3)]
    jobs = [worker.privacy.storage_job(files_of(tmp_path / "data")) for worker in workers]
    erasure = workers[0].privacy.erasure
    users = [await furnish(workers[0], f"user{n}") for n in range(4)]
    for worker in workers:
        worker.clock.wall = NOW

    early = [await erasure.erase(user.id, "self") for user in users[:3]]
    await asyncio.gather(*(job.step() for job in jobs))
    late = await erasure.erase(users[3].id, "self")
    await asyncio.gather(*(job.step() for job in jobs))

    assert await rewrites(own_store) == 1
    states = [await erasure.load(receipt.id) for receipt in (*early, late)]
    assert [each.state for each in states if each] == [State.STORAGE] * 3 + [State.LIVE]
    assert 0 < await own_store.run("TTL", names.rewrite_lease()) <= 60
    await own_store.run("DEL", names.rewrite_lease())  # the minute is over
    await asyncio.gather(*(job.step() for job in jobs))
    assert await rewrites(own_store) == 2
    assert await erasure.pending() == {}


async def test_a_rewrite_that_fails_is_tried_again_and_promises_nothing_before(
    own_store: RedisStore, tmp_path: Path
) -> None:
    scene = make_privacy(own_store)
    scene.clock.wall = NOW
    ann = await furnish(scene, "ann")
    receipt = await scene.privacy.erasure.erase(ann.id, "self")
    job = scene.privacy.storage_job(files_of(tmp_path / "data"))
    await own_store.run("CONFIG", "SET", "rdb-key-save-delay", "50000")

    await job.step(limit_s=0.05)
    assert (await scene.privacy.erasure.load(receipt.id) or receipt).state is State.LIVE
    await own_store.run("CONFIG", "SET", "rdb-key-save-delay", "0")
    await own_store.run("DEL", names.rewrite_lease())
    await job.step()

    assert (await scene.privacy.erasure.load(receipt.id) or receipt).state is State.STORAGE


async def test_the_job_goes_on_after_a_store_that_was_away_and_ends_when_cancelled(
    own_store: RedisStore, tmp_path: Path
) -> None:
    scene = make_privacy(own_store)
    scene.clock.wall = NOW
    ann = await furnish(scene, "ann")
    receipt = await scene.privacy.erasure.erase(ann.id, "self")
    watched = scene.parts.store
    watched.away = True
    with pytest.raises(StoreAway):
        await watched.run("PING")
    running = asyncio.create_task(
        scene.privacy.storage_job(files_of(tmp_path / "data")).run(poll_s=0.01)
    )
    await asyncio.sleep(0)
    watched.away = False
    seen = WatchedStore(own_store)

    for _ in range(1500):
        if b"erased_storage" in await seen.run("GET", names.receipt(receipt.id)):
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("the job did not go on")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
