"""The store as local commands open it."""

from pathlib import Path

import pytest

from gateway.errors import StoreAway
from gateway.store import names
from gateway.store.embedded import EmbeddedStore, use_embedded
from gateway.store.local import open_local_store


async def test_a_command_alone_starts_the_store_and_stops_it(tmp_path: Path) -> None:
    async with open_local_store(tmp_path) as store:
        await store.run("SET", "kept", "yes")
        assert await store.run("GET", names.schema()) == b"1"
    probe = use_embedded(tmp_path)
    try:
        async with open_local_store(tmp_path) as store:
            assert await store.run("GET", "kept") == b"yes"
    finally:
        assert probe.release()


async def test_a_command_beside_a_gateway_uses_its_store_and_leaves_it(
    own_server: EmbeddedStore, tmp_path: Path
) -> None:
    pid = own_server.pid
    async with open_local_store(tmp_path / "data") as store:
        assert (await store.run("CLIENT", "LIST")).count(b"\n") == 1
    assert own_server.pid == pid


async def test_a_url_is_used_instead_of_the_directory(
    redis_server: EmbeddedStore, tmp_path: Path
) -> None:
    async with open_local_store(tmp_path / "unused", redis_server.url) as store:
        assert await store.run("PING") == b"PONG"
    assert not (tmp_path / "unused").exists()


async def test_a_url_where_nothing_answers_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreAway, match=r"none\.sock"):
        async with open_local_store(tmp_path, f"unix://{tmp_path}/none.sock"):
            pass
