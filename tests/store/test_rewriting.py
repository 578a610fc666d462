"""The server writes its files anew: real servers, real files."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from gateway.errors import StoreAway
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.store.client import RedisStore, connect
from gateway.store.embedded import EmbeddedStore
from gateway.store.rewriting import RewriteFailed, RewriteRefused, rewrite_files
from gateway.store.server_files import Files, files_of
from tests.waiting import async_wait_until

NOW = 4_000_000_000.0  # later than every file
SECRET = os.urandom(32)


class Own:
    """A server of its own, whose files and settings a test may spoil."""

    def __init__(self, server: EmbeddedStore, store: RedisStore, files: Files) -> None:
        self.server = server
        self.store = store
        self.files = files

    @property
    def folder(self) -> Path:
        return self.files.dir / "appendonlydir"

    def holds(self, secret: bytes) -> bool:
        """Whether any file of the server holds these bytes."""
        paths = [path for path in self.files.dir.rglob("*") if path.is_file()]
        return any(secret in path.read_bytes() for path in paths)

    async def facts(self) -> dict[str, str]:
        info = (await self.store.run("INFO", "persistence")).decode()
        return dict(line.split(":", 1) for line in info.splitlines() if ":" in line)


@pytest.fixture
async def own(own_server: EmbeddedStore, tmp_path: Path) -> AsyncIterator[Own]:
    """A server started for one test, with a connection."""
    async with await connect(own_server.url, timeout_s=5.0) as store:
        yield Own(own_server, store, files_of(tmp_path / "data"))


async def put_and_delete(own: Own) -> None:
    """Leave a secret in the files that is not in the store any more."""
    await own.store.run("SET", "secret", SECRET)
    await own.store.run("DEL", "secret")
    await async_wait_until(lambda: own.holds(SECRET))


async def test_after_a_rewrite_no_file_holds_what_was_deleted(own: Own) -> None:
    await put_and_delete(own)
    await own.store.run("SET", "kept", "x")

    await rewrite_files(own.store, own.files, now=NOW)

    assert not own.holds(SECRET)
    assert await own.store.run("GET", "kept") == b"x"
    assert len(list(own.folder.iterdir())) == 3  # manifest, base, increments


async def test_a_rewrite_that_was_under_way_before_does_not_count(own: Own) -> None:
    """It may have begun before the deletion: only one that begins afterwards will do."""
    await own.store.run("CONFIG", "SET", "rdb-key-save-delay", "20000")
    await own.store.run_many([("SET", f"k{n}", "x") for n in range(50)])
    await own.store.run("SET", "secret", SECRET)
    await own.store.run("BGREWRITEAOF")
    await own.store.run("DEL", "secret")
    assert (await own.facts())["aof_rewrite_in_progress"] == "1"
    await own.store.run("CONFIG", "SET", "rdb-key-save-delay", "0")

    await rewrite_files(own.store, own.files, now=NOW)

    assert (await own.facts())["aof_rewrites"] == "2"
    assert not own.holds(SECRET)


async def test_a_snapshot_that_somebody_took_is_replaced_too(own: Own) -> None:
    await own.store.run("SET", "secret", SECRET)
    await own.store.run("SAVE")
    await put_and_delete(own)

    await rewrite_files(own.store, own.files, now=NOW)

    assert not own.holds(SECRET)


async def test_a_server_elsewhere_that_takes_snapshots_takes_a_new_one(own: Own) -> None:
    await own.store.run("CONFIG", "SET", "save", "3600 1")
    await own.store.run("CONFIG", "SET", "appendonly", "no")
    before = await own.facts()

    await rewrite_files(own.store, None, now=NOW)

    after = await own.facts()
    assert int(after["rdb_saves"]) == int(before["rdb_saves"]) + 1
    assert after["aof_rewrites"] == before["aof_rewrites"]


async def test_a_server_elsewhere_without_files_has_nothing_to_do(own: Own) -> None:
    await own.store.run("CONFIG", "SET", "appendonly", "no")

    await rewrite_files(own.store, None, now=NOW)

    after = await own.facts()
    assert (after["rdb_saves"], after["aof_rewrites"]) == ("0", "0")


@pytest.mark.parametrize(
    ("forbidden", "named"),
    [("bgrewriteaof", "BGREWRITEAOF"), ("info", "INFO"), ("config|get", "BGSAVE")],
)
async def test_a_server_that_forbids_it_is_told_from_one_that_fails(
    own: Own, forbidden: str, named: str
) -> None:
    """As managed services do: by their own rules, which Redis calls ACLs."""
    await own.store.run("ACL", "SETUSER", "default", f"-{forbidden}", "-bgsave")

    with pytest.raises(RewriteRefused, match=named):
        await rewrite_files(own.store, None, now=NOW)


class Answering:
    """A store of one server that answers one command in its own way."""

    shown = "answering"

    def __init__(self, store: Store, command: str, answer: Exception) -> None:
        self._store = store
        self._command = command
        self._answer = answer

    async def run(self, *command: Argument) -> Any:
        if command[0] == self._command:
            raise self._answer
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        return await self._store.run_many(commands)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        return await self._store.script(script, keys, args)

    async def servers(self) -> Sequence[Server]:
        return (self,)

    def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        return self._store.scan(pattern, kind)

    async def aclose(self) -> None:
        await self._store.aclose()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            ResponseError("unknown command 'BGREWRITEAOF', with args beginning with: "),
            RewriteRefused,
        ),
        (ResponseError("Can't execute an AOF background rewriting."), RewriteFailed),
        (StoreAway("away"), RewriteFailed),  # it was not even begun
    ],
)
async def test_what_the_server_says_decides_whether_it_is_tried_again(
    own: Own, answer: Exception, outcome: type[Exception]
) -> None:
    with pytest.raises(outcome):
        await rewrite_files(Answering(own.store, "BGREWRITEAOF", answer), own.files, now=NOW)


async def test_a_server_that_dies_meanwhile_has_not_done_it(own: Own) -> None:
    await own.store.run("CONFIG", "SET", "rdb-key-save-delay", "20000")
    await own.store.run_many([("SET", f"k{n}", "x") for n in range(100)])
    waiting = asyncio.create_task(rewrite_files(own.store, None, now=NOW))
    for _ in range(500):
        if (await own.facts())["aof_rewrite_in_progress"] == "1":
            break
        await asyncio.sleep(0.01)
    pid = own.server.pid
    assert pid is not None

    os.killpg(pid, signal.SIGKILL)  # its child, which writes the file, with it
    await async_wait_until(lambda: own.server.pid is None)
    await asyncio.to_thread(own.server.revive)

    with pytest.raises(RewriteFailed, match="restarted"):
        await waiting


async def test_half_written_files_of_a_dead_server_are_removed(own: Own) -> None:
    dead = [
        own.files.dir / "temp-rewriteaof-bg-123.aof",
        own.files.dir / "temp-123.rdb",
        own.folder / "temp-rewriteaof-124.aof",
    ]
    for path in dead:
        path.write_bytes(SECRET)
    young = own.files.dir / "temp-125.rdb"
    young.write_bytes(b"x")
    os.utime(young, (NOW + 1, NOW + 1))

    await rewrite_files(own.store, own.files, now=NOW)

    assert not own.holds(SECRET)
    assert young.exists()


async def test_an_unknown_file_beside_the_servers_own_is_not_passed_over(
    own: Own,
) -> None:
    """It may be anything, so it is not removed; but nobody may say then that the bytes are gone."""
    copy = own.folder / "appendonly.aof.0.copy"
    copy.write_bytes(SECRET)

    with pytest.raises(RewriteFailed, match=r"appendonly\.aof\.0\.copy"):
        await rewrite_files(own.store, own.files, now=NOW, clear_limit_s=0.2)

    assert copy.exists()
