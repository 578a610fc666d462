"""A real Cluster of three masters: where commands go, and what happens while slots move."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot
from redis.exceptions import ResponseError

from gateway.errors import StoreAway
from gateway.store.base import Script
from gateway.store.client import RedisStore, connect
from gateway.store.inspect import find_faults
from gateway.store.rewriting import rewrite_files
from tests.store.cluster_scene import ClusterMaker, RunningCluster, RunningNode
from tests.waiting import async_wait_until

ADD = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])")
BOTH = Script(
    "both", "redis.call('INCR', KEYS[1]) redis.call('INCR', KEYS[2]) return redis.call('TIME')"
)


@pytest.fixture
async def whole(cluster: RunningCluster) -> AsyncIterator[RedisStore]:
    """A store on the shared Cluster, which is empty."""
    cluster.flush()
    async with await connect(cluster.url, timeout_s=5.0) as store:
        yield store


async def keys_of(store: RedisStore, pattern: str, kind: str | None = None) -> list[bytes]:
    """Return every key of a pattern, as often as it was met."""
    return [key async for page in store.scan(pattern, kind) for key in page]


async def test_any_node_leads_to_all_masters(cluster: RunningCluster) -> None:
    for node in cluster.masters:
        async with await connect(f"redis://127.0.0.1:{node.port}", timeout_s=5.0) as store:
            assert (store.mode, store.healthy, store.epoch) == ("cluster", True, 3)
            await store.ping()
            found = {server.shown for server in await store.servers()}
            assert found == {f"redis://127.0.0.1:{each.port}" for each in cluster.masters}


async def test_every_key_is_on_the_master_of_its_slot(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    for n in range(60):
        assert await whole.run("SET", f"gw:{{u:{n}}}:x", n) == b"OK"
        replies = await whole.run_many([("INCR", f"gw:{{u:{n}}}:x"), ("DEL", f"gw:{{u:{n}}}:y")])
        assert replies == [n + 1, 0]
        assert await whole.script(ADD, [f"gw:{{u:{n}}}:x"], [2]) == n + 3
    sizes = [node.ask("DBSIZE") for node in cluster.masters]
    assert sum(sizes) == 60
    assert min(sizes) > 5


async def test_a_commands_own_error_is_raised_as_from_one_server(whole: RedisStore) -> None:
    await whole.run("SET", "a", "text")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await whole.run("LPUSH", "a", 1)
    with pytest.raises(ResponseError, match="same slot"):
        await whole.script(BOTH, ["a", "b"], [])
    assert whole.healthy


async def test_a_scan_finds_the_keys_of_all_masters(whole: RedisStore) -> None:
    expected = {f"gw:{{u:{n}}}:deks".encode() for n in range(3_000)}
    await asyncio.gather(*(whole.run("HSET", key, "1", "x") for key in expected))
    await whole.run("SET", "gw:{u:text}:deks", "x")
    await whole.run("SET", "other", "x")
    assert set(await keys_of(whole, "gw:*:deks", "hash")) == expected
    assert len(await keys_of(whole, "*")) >= 3_002


async def test_a_scan_of_a_user_asks_only_the_master_of_the_user(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    await asyncio.gather(*(whole.run("SET", f"gw:{{u:ann}}:{n}", "x") for n in range(20)))
    for node in cluster.masters:
        node.ask("CONFIG RESETSTAT")
    assert len(await keys_of(whole, "gw:{u:ann}:*")) == 20
    scanned = [node for node in cluster.masters if "cmdstat_scan" in str(node.ask("INFO ALL"))]
    assert scanned == [cluster.owner_of("{u:ann}")]


async def test_every_master_writes_its_files_anew(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    secrets = [f"sekrit-{n}" for n in range(30)]
    for n, secret in enumerate(secrets):
        await whole.run("SET", f"gw:{n}", secret)
        await whole.run("DEL", f"gw:{n}")

    def left() -> list[str]:
        files = [path for path in cluster.home.rglob("appendonly*") if path.is_file()]
        text = b"".join(path.read_bytes() for path in files)
        return [secret for secret in secrets if secret.encode() in text]

    await async_wait_until(lambda: len(left()) == 30)
    await rewrite_files(whole, None, now=0.0)
    await async_wait_until(lambda: left() == [])  # old files are unlinked a moment later


async def test_faults_are_told_of_each_master(cluster: RunningCluster, whole: RedisStore) -> None:
    assert await find_faults(whole) == []
    bad = cluster.masters[1]
    bad.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    (fault,) = await find_faults(whole)
    bad.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert f"127.0.0.1:{bad.port} evicts keys" in fault


async def test_a_login_is_used_at_every_master_and_shown_at_none(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    for node in cluster.masters:
        node.ask("ACL", "SETUSER", "gate", "on", ">pass-of-gate", "~*", "+@all", "-info")
    url = cluster.url.replace("redis://", "redis://gate:pass-of-gate@")
    async with await connect(url, timeout_s=5.0) as store:  # INFO is forbidden, MOVED is not
        for n in range(20):
            assert await store.run("SET", f"k{n}", n) == b"OK"
        assert store.mode == "cluster"
        clients = [node.ask("CLIENT", "LIST") for node in cluster.masters]
        assert all(b"user=gate" in each for each in clients)
        assert "pass-of-gate" not in "".join(each.shown for each in await store.servers())
    async with await connect(url.replace("pass-of-gate", "wrong")) as store:
        assert not store.healthy
    for node in cluster.masters:
        node.ask("ACL", "DELUSER", "gate")


async def test_a_slot_that_moved_is_followed_within_the_call(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    await whole.run("SET", "gw:{u:ann}:a", "1")
    slot = key_slot(b"u:ann")
    source = cluster.owner_of("{u:ann}")
    target = next(node for node in cluster.masters if node is not source)
    epoch = whole.epoch
    cluster.move(slot, source, target)
    assert await whole.run_many([("GET", "gw:{u:ann}:a"), ("INCR", "gw:{u:ann}:a")]) == [b"1", 2]
    assert await whole.script(ADD, ["gw:{u:ann}:a"], [1]) == 3
    assert source.ask("CLUSTER COUNTKEYSINSLOT", slot) == 0
    cluster.move(slot, target, source)
    assert await whole.run("GET", "gw:{u:ann}:a") == b"3"
    assert whole.epoch == epoch  # nothing was lost


async def test_while_a_slot_moves_each_key_is_found_where_it_is(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    keys = [f"gw:{{u:ann}}:{n}" for n in range(10)]
    for n, key in enumerate(keys):
        await whole.run("SET", key, n)
    slot = key_slot(b"u:ann")
    source = cluster.owner_of("{u:ann}")
    target = next(node for node in cluster.masters if node is not source)
    cluster.begin_move(slot, source, target)
    assert cluster.move_keys(slot, source, target, count=5) == 5

    values = [await whole.run("GET", key) for key in keys]
    assert values == [str(n).encode() for n in range(10)]
    assert await whole.run_many([("INCR", key) for key in keys]) == list(range(1, 11))
    assert await whole.run("SET", "gw:{u:ann}:new", "x") == b"OK"
    found = {key.decode() for key in await keys_of(whole, "gw:{u:ann}:*")}
    assert found == {*keys, "gw:{u:ann}:new"}
    assert {key.decode() for key in await keys_of(whole, "gw:*")} == found

    while cluster.move_keys(slot, source, target):
        pass
    cluster.end_move(slot, source, target)
    assert await whole.run_many([("INCR", key) for key in keys]) == list(range(2, 12))
    cluster.move(slot, target, source)


async def test_a_script_on_keys_that_are_apart_waits_until_they_are_together(
    cluster: RunningCluster, whole: RedisStore
) -> None:
    keys = ["gw:{u:ann}:a", "gw:{u:ann}:b"]
    for key in keys:
        await whole.run("SET", key, 1)
    slot = key_slot(b"u:ann")
    source = cluster.owner_of("{u:ann}")
    target = next(node for node in cluster.masters if node is not source)
    cluster.begin_move(slot, source, target)
    assert cluster.move_keys(slot, source, target, count=1) == 1

    async with await connect(cluster.url, timeout_s=0.1) as hasty:
        with pytest.raises(StoreAway):
            await hasty.script(BOTH, keys, [])
    waiting = asyncio.create_task(whole.script(BOTH, keys, []))
    await asyncio.sleep(0)
    cluster.move_keys(slot, source, target)
    cluster.end_move(slot, source, target)
    await waiting
    assert [await whole.run("GET", key) for key in keys] == [b"2", b"2"]
    cluster.move(slot, target, source)


async def test_moving_slots_under_load_loses_no_call_and_doubles_none(
    make_cluster: ClusterMaker,
) -> None:
    """Users' slots go to and fro between masters, and to one that joins, while each counts."""
    cluster = make_cluster()
    users = [f"u:{n}" for n in range(9)]
    done = dict.fromkeys(users, 0)
    stop = asyncio.Event()
    async with await connect(cluster.url, timeout_s=5.0) as store:

        async def count(user: str) -> None:
            key = f"gw:{{{user}}}:n"
            while not stop.is_set():
                assert await store.script(ADD, [key], [1]) == done[user] + 1
                done[user] += 1

        counting = [asyncio.create_task(count(user)) for user in users]
        places: list[RunningNode] = [*cluster.masters, await asyncio.to_thread(cluster.add_empty)]
        for turn in range(2):
            for n, user in enumerate(users):
                source = await asyncio.to_thread(cluster.owner_of, f"{{{user}}}")
                target = places[(places.index(source) + 1 + (n + turn) % 3) % 4]
                slot = key_slot(user.encode())
                await asyncio.to_thread(cluster.move, slot, source, target)
        stop.set()
        await asyncio.gather(*counting)
        assert min(done.values()) > 10
        for user in users:
            assert int(await store.run("GET", f"gw:{{{user}}}:n")) == done[user]
        await async_wait_until(lambda: store.healthy)
        assert len(await store.servers()) == 4


@pytest.mark.slow
async def test_a_scan_misses_no_key_of_slots_that_move_meanwhile(
    make_cluster: ClusterMaker,
) -> None:
    cluster = make_cluster()
    expected = {f"gw:{{u:{n % 40}}}:{n}".encode() for n in range(4_000)}
    async with await connect(cluster.url, timeout_s=5.0) as store:
        await asyncio.gather(*(store.run("SET", key, "x") for key in expected))

        async def shift() -> None:
            for n in range(40):
                source = await asyncio.to_thread(cluster.owner_of, f"{{u:{n}}}")
                target = cluster.masters[(cluster.masters.index(source) - 1) % 3]
                await asyncio.to_thread(cluster.move, key_slot(f"u:{n}".encode()), source, target)

        shifting = asyncio.create_task(shift())
        scans = 0
        while not shifting.done():
            assert set(await keys_of(store, "gw:*")) == expected
            scans += 1
        await shifting
        assert scans > 1


@pytest.mark.slow
async def test_slots_that_the_servers_move_by_themselves_cost_no_call(
    make_cluster: ClusterMaker,
) -> None:
    """Valkey 9 moves whole ranges at once, without ASK (CLUSTER MIGRATESLOTS)."""
    cluster = make_cluster()
    try:
        cluster.masters[0].ask("CLUSTER GETSLOTMIGRATIONS")
    except ResponseError:
        pytest.skip("this server cannot")
    slot = key_slot(b"u:0")
    source = cluster.owner_of("{u:0}")
    target = next(node for node in cluster.masters if node is not source)
    async with await connect(cluster.url, timeout_s=5.0) as store:
        expected = {f"gw:{{u:0}}:{n}".encode() for n in range(2_000)}
        await asyncio.gather(*(store.run("SET", key, "x") for key in expected))
        source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id)
        count = 0
        while await asyncio.to_thread(cluster.owner_of, "{u:0}") is source:
            count += 1
            assert await store.script(ADD, ["{u:0}:n"], [1]) == count
            assert set(await keys_of(store, "gw:{u:0}:*")) == expected
        assert await store.script(ADD, ["{u:0}:n"], [1]) == count + 1
        assert set(await keys_of(store, "gw:*")) == expected
