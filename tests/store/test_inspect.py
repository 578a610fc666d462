"""Servers that could lose data."""

from gateway.store.client import connect
from gateway.store.embedded import EmbeddedStore
from gateway.store.inspect import find_faults


async def test_our_own_server_has_no_faults(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url) as store:
        assert await find_faults(store) == []


async def test_what_could_lose_data_is_named(own_server: EmbeddedStore) -> None:
    async with await connect(own_server.url) as store:
        await store.run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        await store.run("CONFIG", "SET", "appendonly", "no")
        faults = " ".join(await find_faults(store))
        assert "allkeys-lru" in faults
        assert "appendonly no" in faults
        await store.run("REPLICAOF", "127.0.0.1", "1")
        assert "replica" in " ".join(await find_faults(store))
