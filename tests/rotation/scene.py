"""What rotation is played with: workers over one store and one ring file, and a store that dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.context.source import ContextSource
from gateway.identity.accounts import Accounts
from gateway.identity.changes import NewUser
from gateway.identity.provider_keys import KeyChange, ProviderKeys
from gateway.identity.user_tokens import UserTokens
from gateway.identity.users import Users
from gateway.rotation.kek import KekRotation, Step, Surroundings, find_rotation
from gateway.rotation.rewrap import Rewrapped
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.types.clock import Clock
from gateway.vault.keeper import RingKeeper
from gateway.vault.key_files import KeySources, SecretSource
from gateway.vault.key_ring import KeyRing, read_key_ring
from gateway.vault.vault import Vault
from tests.context.scene import NAME_KEY
from tests.identity.scene import FINGERPRINT_KEY, OFFER, PEPPER, ManualClock

SECRET = "sk-test-0123456789abcdefWXYZ"
GRACE_S = 100.0


class Crash(BaseException):
    """The process ends here, as by kill -9: nothing catches it, nothing is tidied up."""


class MortalStore:
    """Passes everything on until it is told to die: then every later call is a crash.

    `calls_left` counts the calls that still go through; the last of them takes effect in the store,
    and its reply never arrives.
    """

    def __init__(self, store: Store, calls_left: int | None = None) -> None:
        self._store = store
        self.calls_left = calls_left
        self.calls = 0

    async def run(self, *command: Argument) -> Any:
        return await self._pass(self._store.run(*command))

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        replies: list[Any] = await self._pass(self._store.run_many(commands))
        return replies

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        return await self._pass(self._store.script(script, keys, args))

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    async def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        async for page in self._store.scan(pattern, kind):
            yield await self._pass(_given(page))

    async def aclose(self) -> None:
        await self._store.aclose()

    async def _pass(self, reply: Any) -> Any:
        self.calls += 1
        if self.calls_left is None:
            return await reply
        self.calls_left -= 1
        if self.calls_left < 0:
            reply.close()
            raise Crash
        value = await reply
        if self.calls_left == 0:
            raise Crash
        return value


async def _given(page: list[bytes]) -> list[bytes]:
    return page


class InterposedStore:
    """Passes everything on, and does something else first: `before` gets a script's name or the
    first command's words, and how many calls there have been."""

    def __init__(self, store: Store, before: Callable[[str, int], Awaitable[None]]) -> None:
        self._store = store
        self._before = before
        self._busy = False
        self.calls = 0

    async def run(self, *command: Argument) -> Any:
        await self._interpose(" ".join(str(word) for word in command[:2]))
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """One by one, so that there is a moment between them."""
        return [await self.run(*command) for command in commands]

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        await self._interpose(script.name)
        return await self._store.script(script, keys, args)

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    async def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        await self._interpose(f"SCAN {pattern}")
        async for page in self._store.scan(pattern, kind):
            yield page

    async def aclose(self) -> None:
        await self._store.aclose()

    async def _interpose(self, what: str) -> None:
        if not self._busy:
            self.calls += 1
            self._busy = True
            await self._before(what, self.calls)
            self._busy = False


class WorkerScene(Struct, frozen=True):
    """What one worker has of keys."""

    keeper: RingKeeper
    vault: Vault
    users: Users
    tokens: UserTokens
    keys: ProviderKeys
    accounts: Accounts
    context: ContextSource

    async def new_user(self) -> str:
        """Make a user with a provider key."""
        user = await self.users.create(NewUser())
        await self.keys.put(user.id, "openai", KeyChange(secret=SECRET), OFFER)
        return user.id

    async def opens(self, user_id: str) -> bool:
        """Whether the user's provider key opens here, read as a request reads it."""
        account = await self.accounts.load(user_id)
        return self.keys.open_key(account, "openai").secret.reveal() == SECRET


def sources(home: Path) -> KeySources:
    """The secrets of a data directory, made on the first run."""
    keys = home / "keys"
    return KeySources(
        kek=SecretSource("keys.kek", keys / "kek.json", generate=True),
        pepper=SecretSource("keys.pepper", keys / "pepper", generate=True),
        receipt=SecretSource("keys.receipt", keys / "receipt.key", generate=True),
    )


def ring_on_disk(home: Path) -> KeyRing:
    return read_key_ring((home / "keys" / "kek.json").read_text(), "keys.kek")


@asynccontextmanager
async def worker(
    store: Store, home: Path, who: str = "worker", clock: Clock | None = None
) -> AsyncIterator[WorkerScene]:
    """Start a worker's keys over a store and a data directory."""
    clock = clock or ManualClock()
    keeper = RingKeeper(store, sources(home), clock, who, lambda: GRACE_S)
    await keeper.open({})
    vault = Vault(keeper.rings)
    try:
        yield WorkerScene(
            keeper=keeper,
            vault=vault,
            users=Users(store, vault, clock),
            tokens=UserTokens(store, PEPPER, clock),
            keys=ProviderKeys(store, vault, FINGERPRINT_KEY, clock),
            accounts=Accounts(store, PEPPER, clock, on_read=keeper.catch_up),
            context=ContextSource(store, vault, NAME_KEY),
        )
    finally:
        await keeper.aclose()


def surroundings(
    store: Store,
    scene: WorkerScene,
    home: Path,
    others: Sequence[WorkerScene] = (),
    told: Callable[[int, int], None] = lambda done, total: None,
    wait_s: float = 5.0,
) -> Surroundings:
    """What a command has that rotates beside `others`, which it can signal."""
    tasks: set[asyncio.Task[None]] = set()

    def reload() -> None:
        for other in others:
            task = asyncio.ensure_future(other.keeper.reload())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    return Surroundings(
        store=store,
        vault=scene.vault,
        keeper=scene.keeper,
        source=sources(home).kek,
        clock=_RunningClock(),
        reload=reload,
        progress=told,
        wait_s=wait_s,
    )


async def rotate_kek(store: Store, home: Path, *others: WorkerScene) -> Rewrapped:
    """Rotate as the command does: from a process of its own."""
    async with worker(store, home, "command") as command:
        under_way = await rotation(store, command, home, others)
        done = Rewrapped()
        for step in Step:
            done += await under_way.do(step)
        return done


async def rotation(*args: Any, **options: Any) -> KekRotation:
    return await find_rotation(surroundings(*args, **options))


class _RunningClock(ManualClock):
    """Time that runs: what a rotation waits by."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
