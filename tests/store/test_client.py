"""What a caller sees of the store: replies, errors, and the difference between the two."""

import asyncio
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from gateway.errors import StoreAway
from gateway.store.base import Script
from gateway.store.client import RedisStore, connect
from gateway.store.control import ask
from gateway.store.embedded import EmbeddedStore
from tests.store.killing import kill_server
from tests.waiting import async_wait_until

ADD = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])")


async def test_replies_come_undecoded_and_in_order(store: RedisStore) -> None:
    replies = await store.run_many(
        [("SET", "a", "1"), ("INCRBY", "a", 4), ("GET", "a"), ("GET", "none"), ("KEYS", "*")]
    )
    assert replies == [b"OK", 5, b"5", None, [b"a"]]
    assert await store.run_many([]) == []


async def test_maps_come_as_flat_lists_on_every_server(store: RedisStore) -> None:
    await store.run("HSET", "h", "field", b"\xff\x00", "n", 1.5)
    assert await store.run("HGETALL", "h") == [b"field", b"\xff\x00", b"n", b"1.5"]


async def test_a_commands_own_error_is_raised_and_the_store_goes_on(store: RedisStore) -> None:
    await store.run("SET", "a", "text")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await store.run("LPUSH", "a", 1)
    assert await store.run("GET", "a") == b"text"
    assert store.healthy


async def test_of_many_commands_all_run_although_one_fails(store: RedisStore) -> None:
    with pytest.raises(ResponseError, match="not an integer"):
        await store.run_many([("SET", "a", "x"), ("INCR", "a"), ("SET", "b", "y")])
    assert await store.run("GET", "b") == b"y"


async def test_a_script_unknown_to_the_server_is_sent_whole(store: RedisStore) -> None:
    assert await store.script(ADD, ["n"], [2]) == 2
    await store.run("SCRIPT", "FLUSH")
    assert await store.script(ADD, ["n"], [3]) == 5
    await store.run("SCRIPT", "FLUSH")
    assert await store.run("SCRIPT", "EXISTS", "0" * 40) == [0]


async def test_a_known_script_travels_as_its_digest(store: RedisStore) -> None:
    await store.script(ADD, ["n"], [1])
    await store.run("CONFIG", "RESETSTAT")
    await store.script(ADD, ["n"], [1])
    stats = (await store.run("INFO", "commandstats")).decode()
    assert "cmdstat_evalsha:" in stats
    assert "cmdstat_eval:" not in stats


async def test_a_scripts_own_error_reply_is_raised(store: RedisStore) -> None:
    script = Script("refuse", "return redis.error_reply('NOBUDGET spent')")
    with pytest.raises(ResponseError, match="NOBUDGET spent"):
        await store.script(script, ["n"], [])


async def test_another_server_process_raises_the_epoch(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url) as store:
        first = (store.run_id, store.epoch)
        ask(own_server.socket, "CLIENT", "KILL", "TYPE", "normal")
        await async_wait_until(lambda: store.healthy)
        assert (store.run_id, store.epoch) == first
        kill_server(own_server)
        own_server.revive()
        await async_wait_until(lambda: store.epoch == first[1] + 1)
        assert store.run_id != first[0]


async def test_a_server_out_of_memory_is_away_for_writes_only(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url) as store:
        await store.run("SET", "a", "1")
        await store.run("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreAway, match="memory"):
            await store.run("SET", "b", "1")
        assert await store.run("GET", "a") == b"1"
        await store.run("CONFIG", "SET", "maxmemory", "0")
        assert await store.run("SET", "b", "1") == b"OK"


async def test_a_replica_is_away_and_dialled_again(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url) as store:
        ask(own_server.socket, "REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreAway):
            await store.run("SET", "a", "1")
        ask(own_server.socket, "REPLICAOF", "NO", "ONE")
        await async_wait_until(lambda: store.healthy)
        assert await store.run("SET", "a", "1") == b"OK"


async def test_a_wrong_password_is_never_shown(own_server: EmbeddedStore) -> None:
    ask(own_server.socket, "CONFIG", "SET", "requirepass", "right-one")
    try:
        wrong = own_server.url.replace("unix://", "unix://:wrong-one@")
        async with await connect(wrong) as store:
            assert not store.healthy
            with pytest.raises(StoreAway) as caught:
                await store.ping()
            assert "wrong-one" not in f"{caught.value!r}{store.address!r}{caught.value.__cause__!r}"
        async with await connect(wrong.replace("wrong-one", "right-one")) as store:
            assert await store.run("SET", "a", "1") == b"OK"
            await store.run("CONFIG", "SET", "requirepass", "")
    finally:
        assert ask(own_server.socket, "PING") == b"PONG"


async def test_a_store_that_is_not_there_is_unhealthy_at_once(tmp_path: Path) -> None:
    async with await connect(f"unix://{tmp_path}/none.sock") as store:
        assert not store.healthy
        with pytest.raises(StoreAway):
            await store.ping()


async def test_what_was_queued_is_sent_before_closing(
    store: RedisStore, redis_server: EmbeddedStore
) -> None:
    closing = await connect(redis_server.url)
    tasks = [asyncio.ensure_future(closing.run("INCR", "n")) for _ in range(100)]
    await asyncio.sleep(0)
    await closing.aclose()
    assert sorted(await asyncio.gather(*tasks)) == list(range(1, 101))
    with pytest.raises(StoreAway):
        await closing.ping()
