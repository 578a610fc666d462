"""Masters of a Cluster that die, hang and come back."""

import asyncio
import time

import pytest

from gateway.errors import StoreAway
from gateway.store.client import RedisStore, connect
from tests.store.cluster_scene import ClusterMaker, RunningCluster, RunningNode
from tests.waiting import async_wait_until


def one_of_each(cluster: RunningCluster) -> dict[int, str]:
    """Return for each master, by its port, a key that it holds."""
    found: dict[int, str] = {}
    for n in range(60):
        found.setdefault(cluster.owner_of(f"{{u:{n}}}").port, f"gw:{{u:{n}}}:x")
    assert len(found) == 3
    return found


async def until_answered(store: RedisStore, key: str, limit_s: float = 20.0) -> None:
    """Ask until there is an answer."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            await store.run("INCR", key)
        except StoreAway:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        else:
            return


async def is_away(store: RedisStore, key: str) -> float:
    """Return how long it took to be told that the store is away."""
    begun = time.monotonic()
    with pytest.raises(StoreAway):
        await store.run("INCR", key)
    return time.monotonic() - begun


async def test_users_of_living_masters_go_on_while_those_of_a_dead_one_wait(
    make_cluster: ClusterMaker,
) -> None:
    cluster = make_cluster(coverage=False)
    keys = one_of_each(cluster)
    dead = cluster.masters[0]  # the one that the URL names
    gone = keys.pop(dead.port)
    async with await connect(cluster.url) as store:
        await store.run("INCR", gone)
        epoch = store.epoch
        dead.kill()
        await async_wait_until(lambda: not store.healthy)
        for _ in range(20):
            for key in keys.values():
                await store.run("INCR", key)
        await store.ping()
        await async_wait_until(lambda: store.serves)  # as soon as the others are agreed
        took_s = [await is_away(store, gone) for _ in range(5)]
        assert max(took_s) < 1.0  # no hanging: the first may wait for its own timeout
        with pytest.raises(StoreAway):
            _ = [page async for page in store.scan("*")]  # what is found would not be all
        assert len([page async for page in store.scan(keys.popitem()[1][:-1] + "*")]) == 1

        await asyncio.to_thread(dead.start)
        await until_answered(store, gone)
        await async_wait_until(lambda: store.healthy)
        assert store.epoch == epoch + 1  # so that it is given again what it may have lost
        assert int(await store.run("GET", gone)) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_a_replica_that_takes_over_is_found(make_cluster: ClusterMaker, how: str) -> None:
    cluster = make_cluster(replicas=True)
    keys = one_of_each(cluster)
    async with await connect(cluster.url) as store:
        for master in (cluster.masters[0], cluster.masters[1]):
            key = keys[master.port]
            await store.run("SET", key, 1)
            await _until_copied(master, key)
            epoch = store.epoch
            master.kill() if how == "killed" else master.pause()
            await is_away(store, key)
            await until_answered(store, key)
            assert store.epoch > epoch
            assert int(await store.run("GET", key)) >= 2
            await async_wait_until(lambda: store.healthy)
            await asyncio.to_thread(master.start if how == "killed" else master.resume)
        for key in keys.values():
            await until_answered(store, key)
        shown = {server.shown for server in await store.servers()}
        serving = (cluster.masters[2], cluster.replicas[0], cluster.replicas[1])
        assert shown == {f"redis://127.0.0.1:{node.port}" for node in serving}


@pytest.mark.slow
async def test_a_planned_failover_costs_no_call(make_cluster: ClusterMaker) -> None:
    cluster = make_cluster(replicas=True)
    keys = one_of_each(cluster)
    key = keys[cluster.masters[1].port]
    async with await connect(cluster.url, timeout_s=5.0) as store:
        epoch, counted = store.epoch, 0
        await asyncio.to_thread(cluster.replicas[1].ask, "CLUSTER FAILOVER")
        while store.epoch == epoch:
            counted += 1
            assert await store.run("INCR", key) == counted
        assert await store.run("INCR", key) == counted + 1


@pytest.mark.slow
async def test_a_cluster_that_cannot_serve_is_away_and_recovers(make_cluster: ClusterMaker) -> None:
    """With `cluster-require-full-coverage` one dead master stops the others too."""
    cluster = make_cluster()
    keys = one_of_each(cluster)
    async with await connect(cluster.url) as store:
        cluster.masters[2].kill()
        key = keys[cluster.masters[1].port]
        await _until_away(store, key)
        assert await is_away(store, key) < 0.5
        await async_wait_until(lambda: not store.serves)
        await asyncio.to_thread(cluster.masters[2].start)
        for each in keys.values():
            await until_answered(store, each)
        await async_wait_until(lambda: store.healthy and store.serves)


@pytest.mark.slow
async def test_slots_given_away_by_force_are_another_life(make_cluster: ClusterMaker) -> None:
    """As `--cluster fix` does for a master that does not come back: its keys are lost."""
    cluster = make_cluster(coverage=False)
    keys = one_of_each(cluster)
    dead, heir = cluster.masters[2], cluster.masters[1]
    async with await connect(cluster.url) as store:
        await store.run("INCR", keys[dead.port])
        epoch = store.epoch
        dead.kill()
        await is_away(store, keys[dead.port])
        for node in cluster.masters[:2]:
            node.ask("CLUSTER FORGET", dead.id)
        first, last = 16_384 * 2 // 3, 16_383
        heir.ask("CLUSTER ADDSLOTSRANGE", first, last)
        heir.ask("CLUSTER BUMPEPOCH")
        await until_answered(store, keys[dead.port])
        assert await store.run("GET", keys[dead.port]) == b"1"
        assert store.epoch > epoch
        assert len(await store.servers()) == 2


@pytest.mark.slow
async def test_a_cluster_that_is_not_there_yet_is_found_when_it_comes(
    make_cluster: ClusterMaker,
) -> None:
    cluster = make_cluster(coverage=False)
    keys = one_of_each(cluster)
    cluster.masters[0].kill()
    async with await connect(cluster.url) as store:
        assert (store.healthy, store.mode) == (False, None)
        await asyncio.to_thread(cluster.masters[0].start)
        await async_wait_until(lambda: store.healthy)
        assert store.mode == "cluster"
        for key in keys.values():
            await until_answered(store, key)


async def _until_copied(master: RunningNode, key: str) -> None:
    assert await asyncio.to_thread(master.ask, "WAIT", 1, 5_000) == 1


async def _until_away(store: RedisStore, key: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await store.run("INCR", key)
            except StoreAway:
                return
            await asyncio.sleep(0.02)
