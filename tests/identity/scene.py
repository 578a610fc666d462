"""What the identity tests are played with: a clock that stands still, a store that counts."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.config.schema_providers import Timeouts
from gateway.config.snapshot import ProviderEntry
from gateway.errors import StoreAway
from gateway.identity.accounts import Accounts
from gateway.identity.admin_tokens import AdminTokens
from gateway.identity.provider_keys import Offer, ProviderKeys
from gateway.identity.user_tokens import UserTokens
from gateway.identity.users import Users
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.vault.key_ring import KeyRing
from gateway.vault.vault import Vault

KEK = bytes.fromhex("8d1f6a92c35be0477a1d94fe02b86c3359e7a1f04bd26c8811f39a5ee4720d6b")
PEPPER = bytes.fromhex("6ea30f58b7c1d24906fb8d35e27c914ab065df1e83c74920ab5e17d3680cf92d")
FINGERPRINT_KEY = bytes.fromhex("c2" * 16 + "3d" * 16)


class ManualClock:
    """Time that moves only when told; wall clock and monotonic apart."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self.wall = now
        self.steady = 1_000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_s(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class WatchedStore:
    """Passes everything on, notes what was asked, and can be away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[str] = []
        self.away = False

    async def run(self, *command: Argument) -> Any:
        self._note(str(command[0]))
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        self._note("+".join(str(command[0]) for command in commands))
        return await self._store.run_many(commands)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        self._note(script.name)
        return await self._store.script(script, keys, args)

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    async def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        self._note("SCAN")
        async for page in self._store.scan(pattern, kind):
            yield page

    async def aclose(self) -> None:
        await self._store.aclose()

    def _note(self, what: str) -> None:
        if self.away:
            raise StoreAway("The store is away.")
        self.asked.append(what)


class Scene(Struct, frozen=True):
    """One worker's identity parts over one store."""

    store: WatchedStore
    clock: ManualClock
    vault: Vault
    users: Users
    tokens: UserTokens
    admins: AdminTokens
    keys: ProviderKeys
    accounts: Accounts


def make_scene(store: Store, clock: ManualClock | None = None, **bounds: Any) -> Scene:
    """Build a worker; two of them over one store are two workers."""
    clock = clock or ManualClock()
    watched = WatchedStore(store)
    vault = Vault(KeyRing({1: KEK}, 1))
    return Scene(
        store=watched,
        clock=clock,
        vault=vault,
        users=Users(watched, vault, clock),
        tokens=UserTokens(watched, PEPPER, clock),
        admins=AdminTokens(watched, PEPPER, clock),
        keys=ProviderKeys(watched, vault, FINGERPRINT_KEY, clock),
        accounts=Accounts(watched, PEPPER, clock, **bounds),
    )


def provider(name: str, type_: str | None = None) -> ProviderEntry:
    return ProviderEntry(
        name=name,
        type=type_ or name,
        base_url=f"https://{name}.example",
        audience=name,
        label=name,
        key_required=True,
        timeouts=Timeouts(),
    )


CONFIGURED: Mapping[str, ProviderEntry] = {
    "corp": provider("corp", "openai_compatible"),
    **{
        name: provider(name)
        for name in ("openai", "anthropic", "azure", "bedrock", "vertex", "gemini")
    },
}
OFFER = Offer(CONFIGURED)


def bearer(token: str) -> str:
    return f"Bearer {token}"


def ending_in(end: bytes) -> Callable[[int], bytes]:
    """Bytes that are always the same but for their end: tokens and ids that look alike."""

    def alike(length: int) -> bytes:
        return b"\x77" * (length - len(end)) + end

    return alike
