"""Versions of what is stored."""

import pytest

from gateway.errors import ConfigError
from gateway.store import names
from gateway.store.base import Store
from gateway.store.client import RedisStore
from gateway.store.schema import ensure_schema


async def to_two(store: Store) -> None:
    await store.run("RPUSH", "steps", "two")


async def to_three(store: Store) -> None:
    await store.run("RPUSH", "steps", "three")


async def fail(store: Store) -> None:
    raise RuntimeError("cut short")


async def test_an_empty_store_is_marked_with_the_newest_version(store: RedisStore) -> None:
    assert await ensure_schema(store, (to_two, to_three)) == 3
    assert await store.run("GET", names.schema()) == b"3"
    assert await store.run("EXISTS", "steps") == 0


async def test_an_older_store_is_lifted_step_by_step_and_once(store: RedisStore) -> None:
    await ensure_schema(store, ())
    for _ in range(2):
        assert await ensure_schema(store, (to_two, to_three)) == 3
    assert await store.run("LRANGE", "steps", 0, -1) == [b"two", b"three"]


async def test_a_lift_cut_short_goes_on_where_it_stopped(store: RedisStore) -> None:
    await ensure_schema(store, ())
    with pytest.raises(RuntimeError):
        await ensure_schema(store, (to_two, fail))
    assert await store.run("GET", names.schema()) == b"2"
    await ensure_schema(store, (fail, to_three))
    assert await store.run("LRANGE", "steps", 0, -1) == [b"two", b"three"]


async def test_a_newer_store_is_refused_and_left_alone(store: RedisStore) -> None:
    await store.run("SET", names.schema(), "4")
    with pytest.raises(ConfigError, match=r"schema 4.*up to schema 3"):
        await ensure_schema(store, (to_two, to_three))
    assert await store.run("GET", names.schema()) == b"4"


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1.5"])
async def test_an_unreadable_version_is_refused(store: RedisStore, text: str) -> None:
    await store.run("SET", names.schema(), text)
    with pytest.raises(ConfigError, match="unreadable"):
        await ensure_schema(store)
