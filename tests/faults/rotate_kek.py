"""The KEK is replaced under load, and the command that does it is killed on the way (B-10).

    python -m tests.faults.rotate_kek --users 10000 --rate 200

A real gateway over its embedded store, the sandbox as provider, and `gateway rotate-kek` as a
process of its own, killed with SIGKILL at several points and called again. Prints figures; exits
with 1 if a request failed or a data key was left behind.
"""

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.cli.local import Local, open_local
from gateway.identity.changes import NewUser, UserChange
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange
from gateway.sandbox.server import start_sandbox
from gateway.store import names
from gateway.store.client import RedisStore, connect
from gateway.types.account import USER_NEEDS
from gateway.vault.codec import Kind, read_key_id
from gateway.vault.key_ring import read_key_ring
from gateway.vault.registry import read_registry
from tests.faults.load import Call, Load
from tests.journeys.running import RunningGateway, environment, start_gateway

SECRET = "sk-load-0123456789abcdefWXYZ"
_BATCH = 250
_POLL_S = 0.001


class Point(Struct, frozen=True):
    """Where the command is killed: when this holds of the ring file's text and of the marks."""

    name: str
    ids: int
    primary: int
    cursor: bool = False

    def is_reached(self, ring: tuple[int, int], marks: dict[bytes, bytes]) -> bool:
        return ring == (self.ids, self.primary) and self.cursor == (b"cursor:2" in marks)


POINTS = (
    Point("added", 2, 1),
    Point("promoted", 2, 2),
    Point("rewrapping", 2, 2, cursor=True),
)


class Result(Struct, frozen=True):
    """What a run came to. Times are seconds, latencies milliseconds."""

    users: int
    rate: float
    requests: int
    failures: dict[str, int]
    killed_at: list[str]
    under_old_at_kill: int
    last_run_s: float
    last_run: dict[str, Any]
    left: int
    ring: tuple[int, ...]
    registry: tuple[list[int], list[int]]
    kek_ids: list[int]
    p50_ms: tuple[float, float]  # before the rotation, and during it
    p99_ms: tuple[float, float]


async def make_users(home: Path, count: int) -> list[tuple[str, str]]:
    """Make users with a provider key and a preference; return ids and tokens."""
    async with open_local(home / "gateway.yaml", home / "data") as local:
        made: list[tuple[str, str]] = []
        while len(made) < count:
            size = min(_BATCH, count - len(made))
            made += await asyncio.gather(*(_make_user(local) for _ in range(size)))
    return made


async def _make_user(local: Local) -> tuple[str, str]:
    configured = local.snapshot.providers.keys()
    user = await local.users.create(NewUser(), configured)
    await local.provider_keys.put(user.id, "openai", KeyChange(secret=SECRET), local.offer)
    change = UserChange(preferences={"provider": "openai", "default_model": "sandbox-echo"})
    await local.users.change(user.id, change, configured)
    minted = await local.tokens.mint(user.id, TokenRequest("load", allows=USER_NEEDS))
    return user.id, minted.token.reveal()


class Scene:
    """A gateway under load whose KEK is replaced."""

    def __init__(self, gateway: RunningGateway, users: list[tuple[str, str]], rate: float) -> None:
        self._gateway = gateway
        self._users = users
        self._rate = rate
        self._chance = random.Random(7)  # the same order at every run
        self._ring = gateway.home / "data" / "keys" / "kek.json"

    async def run(self, before_s: float) -> Result:
        """Load the gateway for a while, then rotate under the load until it is done."""
        socket = self._gateway.home / "data" / "store" / "store.sock"
        async with await connect(f"unix://{socket}", timeout_s=10.0) as store:
            ended = asyncio.Event()
            load = Load(self._gateway.url, self._next_call, self._rate)
            running = asyncio.create_task(load.run(ended))
            try:
                await asyncio.sleep(before_s)
                return await self._rotate(store, load, ended, running)
            finally:
                ended.set()
                await running

    async def _rotate(
        self, store: RedisStore, load: Load, ended: asyncio.Event, running: "asyncio.Task[None]"
    ) -> Result:
        begun = time.monotonic()
        killed, under_old = [], 0
        for point in POINTS:
            if await self._kill_at(store, point):
                killed.append(point.name)
                under_old = (await self._kek_ids(store)).count(1)
        started = time.monotonic()
        process = await self._start()
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        took, over = time.monotonic() - started, time.monotonic()
        await asyncio.sleep(0.3)  # requests after it, too
        ended.set()
        await running
        ring, registry = read_key_ring(self._ring.read_text(), "ring"), await read_registry(store)
        ids = await self._kek_ids(store)
        return Result(
            users=len(self._users),
            rate=self._rate,
            requests=load.sent,
            failures=dict(load.failures),
            killed_at=killed,
            under_old_at_kill=under_old,
            last_run_s=took,
            last_run=json.loads(output),
            left=sum(each != ring.primary for each in ids),
            ring=ring.ids,
            registry=(sorted(registry.needed), sorted(registry.retired)),
            kek_ids=sorted(set(ids)),
            p50_ms=(load.percentile_ms(0.5, 0, begun), load.percentile_ms(0.5, begun, over)),
            p99_ms=(load.percentile_ms(0.99, 0, begun), load.percentile_ms(0.99, begun, over)),
        )

    async def _kill_at(self, store: RedisStore, point: Point) -> bool:
        """Start the command and kill it at a point; False if it was done before."""
        process = await self._start()
        while process.returncode is None:
            flat = await store.run("HGETALL", names.kek_rotation())
            ring = read_key_ring(self._ring.read_text(), "ring")
            marks = dict(zip(flat[::2], flat[1::2], strict=True))
            if point.is_reached((len(ring.ids), ring.primary), marks):
                process.send_signal(signal.SIGKILL)
                await process.communicate()
                return True
            await asyncio.sleep(_POLL_S)
        return False

    async def _start(self) -> asyncio.subprocess.Process:
        home = self._gateway.home
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "rotate-kek", "--json"),
            *("--config", str(home / "gateway.yaml"), "--data-dir", str(home / "data")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )

    async def _kek_ids(self, store: RedisStore) -> list[int]:
        """The KEK id of every data key, of the users made beforehand and of those made since."""
        members = await store.run("ZRANGE", names.users(), 0, -1)
        users = [member.decode().partition(":")[2] for member in members]
        found = await asyncio.gather(*(store.run("HVALS", names.user_deks(u)) for u in users))
        return [read_key_id(wrapped, Kind.WRAPPED_DEK) for deks in found for wrapped in deks]

    def _next_call(self, number: int) -> Call:
        """Mostly chat; also writes that seal something, and new users, who need a data key."""
        _, token = self._chance.choice(self._users)
        if number % 20 == 7:
            profile = {"name": f"turn {number}"}
            return Call("PUT", "/v1/me/context/profile", token, profile)
        if number % 20 == 13:
            return Call("PUT", "/v1/me/providers/openai", token, {"secret": f"{SECRET}{number}"})
        if number % 20 == 17:
            return Call("POST", "/admin/v1/users", self._gateway.admin_token, {})
        messages = [{"role": "user", "content": "Hello"}]
        return Call("POST", "/v1/chat/completions", token, {"messages": messages})


def run(home: Path, users: int, rate: float, *, workers: int = 2, before_s: float = 2.0) -> Result:
    """Build the scene in `home` and play it."""
    with start_sandbox() as sandbox, start_gateway(home, sandbox.url, workers=workers) as it:
        made = asyncio.run(make_users(home, users))
        return asyncio.run(Scene(it, made, rate).run(before_s))


def main() -> int:
    """Play the scene at full size, and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gwtest-") as folder:
        result = run(Path(folder), given.users, given.rate, workers=given.workers)
    for name in Result.__struct_fields__:
        print(f"{name:18} {getattr(result, name)}")
    return 1 if result.failures or result.left or len(result.ring) != 1 else 0


if __name__ == "__main__":
    sys.exit(main())
