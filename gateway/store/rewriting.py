"""Has the server write its files anew, and waits until the old ones are gone.

An append-only file goes on holding what was deleted until it is rewritten, a snapshot until the next
one is taken. What is asked and what comes back is the same from Redis 6 and every Valkey on (their
documentation of INFO, BGREWRITEAOF and BGSAVE, 2026-11). A single server is meant, or the masters of
a Cluster one after the other: replicas keep files of their own.
"""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from redis.exceptions import NoPermissionError, ResponseError

from gateway.errors import StoreAway
from gateway.store.base import Server, Store
from gateway.store.server_files import Files

LIMIT_S: Final = 3600.0
POLL_S: Final = 0.1
SLOWEST_POLL_S: Final = 2.0
CLEAR_LIMIT_S: Final = 30.0
_UNDER_WAY: Final = (
    "aof_rewrite_in_progress",
    "aof_rewrite_scheduled",
    "rdb_bgsave_in_progress",
)
_BUSY: Final = ("already in progress", "child process is active")
_REFUSALS: Final = ("unknown command", "not allowed", "disabled", "not supported", "denied")
_TEMPORARY: Final = re.compile(r"temp-(rewriteaof-(bg-)?)?\d+\.(aof|rdb)")
_LISTED: Final = re.compile(r'^file ("?)(?P<name>.+?)\1 seq \d+ type (?P<type>[bih])', re.MULTILINE)


class RewriteRefused(Exception):
    """The server will not do it, now or later; the message says what it refuses."""


class RewriteFailed(Exception):
    """It did not come to a good end this time; the message says why."""


async def rewrite_files(
    store: Store,
    files: Files | None,
    *,
    now: float,
    limit_s: float = LIMIT_S,
    clear_limit_s: float = CLEAR_LIMIT_S,
) -> None:
    """Return when none of the server's files holds anything that was deleted before this call.

    `files` is where they are, for the embedded server; `now` is Unix seconds, as the times of files
    are. Raises RewriteRefused, RewriteFailed, StoreAway.
    """
    deadline = asyncio.get_running_loop().time() + limit_s
    servers = await store.servers()
    for server in servers:
        await _rewrite_server(server, files, deadline)
    if {each.shown for each in await store.servers()} != {each.shown for each in servers}:
        raise RewriteFailed("other servers hold the keys than at the beginning")
    if files is not None:
        await _await_clear(files, now, clear_limit_s)


async def _rewrite_server(server: Server, files: Files | None, deadline: float) -> None:
    rewriting = _Rewriting(server, deadline)
    facts = await rewriting.settle()
    if facts.get("aof_enabled") == "1":
        await rewriting.do("BGREWRITEAOF", "aof_last_bgrewrite_status", "aof_rewrites")
    if await _takes_snapshots(server, facts, files):
        await rewriting.do("BGSAVE", "rdb_last_bgsave_status", "rdb_saves")


class _Rewriting:
    """The wait for one server, which must stay the same process all the while."""

    def __init__(self, server: Server, deadline: float) -> None:
        self._server = server
        self._deadline = deadline
        self._run_id: str | None = None

    async def do(self, command: str, status: str, counter: str) -> None:
        """Have files written by one command, and wait for the end."""
        before = await self.settle()
        answered = True
        try:
            await self._server.run(command)
        except ResponseError as error:
            # Nothing was under way just before: what is now began late enough for our purpose.
            if not any(text in str(error).lower() for text in _BUSY):
                raise _judge(error, command) from None
        except StoreAway:
            answered = False  # forking a large server takes longer than answers otherwise may
        after = await self.settle()
        if not answered and after.get(counter) == before.get(counter):
            raise RewriteFailed(f"the server did not answer {command}")
        if after.get(status) != "ok":
            raise RewriteFailed(f"the server could not finish {command}; its log says why")

    async def settle(self) -> dict[str, str]:
        """Return what the server says of itself once nothing is being written."""
        pause_s = POLL_S
        while True:
            facts = await self._ask()
            if not any(facts.get(name, "0") != "0" for name in _UNDER_WAY):
                return facts
            await self._rest(pause_s)
            pause_s = min(pause_s * 1.5, SLOWEST_POLL_S)

    async def _ask(self) -> dict[str, str]:
        while True:
            try:
                parts = await self._server.run_many([("INFO", "server"), ("INFO", "persistence")])
            except StoreAway:
                await self._rest(SLOWEST_POLL_S)
                continue
            except ResponseError as error:
                raise _judge(error, "INFO") from None
            facts = _read_facts(b"\n".join(parts))
            run_id = facts.get("run_id")
            if self._run_id not in (None, run_id):
                raise RewriteFailed("the server was restarted meanwhile")
            self._run_id = run_id
            return facts

    async def _rest(self, seconds: float) -> None:
        if asyncio.get_running_loop().time() > self._deadline:
            raise RewriteFailed("it takes too long")
        await asyncio.sleep(seconds)


async def _takes_snapshots(server: Server, facts: dict[str, str], files: Files | None) -> bool:
    """Whether there may be a snapshot that has to be replaced."""
    if files is not None:  # ours takes none; somebody may have had it take one
        return (files.dir / "dump.rdb").exists()
    if facts.get("rdb_saves", "0") != "0":
        return True
    try:
        answer: Any = await server.run("CONFIG", "GET", "save")
    except ResponseError:
        return True  # it will not tell
    return bool(answer[1:] != [b""])


async def _await_clear(files: Files, begun: float, limit_s: float) -> None:
    """Wait until only the files in use are there; remove those that a dead server left half done."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while left := await asyncio.to_thread(_leftovers, files, begun):
        if asyncio.get_running_loop().time() > deadline:
            raise RewriteFailed(f"there are files in {files.dir} that are not in use: {left}")
        await asyncio.sleep(POLL_S)


def _leftovers(files: Files, begun: float) -> list[str]:
    folder = files.dir / "appendonlydir"
    for place in (files.dir, folder):
        _remove_if(place, lambda entry: _is_dead(entry, begun))
    left = set(os.listdir(folder))
    listed: set[str] = set()
    for manifest in (name for name in left if name.endswith(".manifest")):
        text = (folder / manifest).read_text(errors="replace")
        listed |= {m["name"] for m in _LISTED.finditer(text) if m["type"] != "h"} | {manifest}
    return sorted(left - listed)


def _remove_if(place: Path, judge: Callable[["os.DirEntry[str]"], bool]) -> None:
    with os.scandir(place) as entries:
        for entry in [entry for entry in entries if judge(entry)]:
            os.unlink(entry.path)


def _is_dead(entry: "os.DirEntry[str]", begun: float) -> bool:
    """Whether a half-written file is older than the rewriting that has just ended well."""
    return bool(_TEMPORARY.fullmatch(entry.name)) and entry.stat().st_mtime < begun


def _read_facts(info: bytes) -> dict[str, str]:
    lines = info.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _judge(error: ResponseError, command: str) -> Exception:
    text = str(error).lower()
    if isinstance(error, NoPermissionError) or any(part in text for part in _REFUSALS):
        return RewriteRefused(f"The store refuses {command}.")
    return RewriteFailed(f"the server did not take {command}; its log says why")
