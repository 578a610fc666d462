"""What the tests of limits are played with: users, requests, and a store whose clock can be set."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from gateway.accounting.limits.counters import USER
from gateway.accounting.limits.gate import Admission, Gate, Wanted
from gateway.accounting.limits.reserve import Reservation
from gateway.accounting.rows import LedgerRow, Status
from gateway.config.schema_limits import WhenStoreIsAway
from gateway.config.system_clock import SystemClock
from gateway.store import names
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.types.limits import NO_LIMITS, LimitSet
from gateway.types.usage import Certainty, Usage

LEASE_S = 60.0
FUTURE = datetime(2091, 11, 23, 12, tzinfo=UTC).timestamp()
"""A time of the store for tests that set it; later than now, or keys would be out of date at once."""


async def add_user(store: Store, user: str = "u", epoch: int = 1) -> None:
    """Let a user be there, as far as limits look."""
    await store.run("HSET", names.user(user), "epoch", epoch)


def wanted(
    request_id: str,
    limits: Mapping[str, LimitSet] | LimitSet,
    *,
    user: str = "u",
    epoch: int = 1,
    everyone: LimitSet = NO_LIMITS,
    tokens: int = 100,
    cost: int = 1_000,
    zone: tzinfo = UTC,
    lease_s: float = LEASE_S,
    when_away: WhenStoreIsAway = WhenStoreIsAway.LOCAL,
) -> Wanted:
    """A request of a user, who alone has limits unless told otherwise."""
    return Wanted(
        request_id=request_id,
        user_id=user,
        epoch=epoch,
        limits={USER: limits} if isinstance(limits, LimitSet) else limits,
        everyone=everyone,
        reserved=Reservation(tokens, cost),
        zone=zone,
        lease_s=lease_s,
        when_away=when_away,
    )


def gate_of(store: Store, waits_s: Sequence[float] = ()) -> Gate:
    """A gate that refuses at the first look."""
    return Gate(store, SystemClock(), waits_s)


async def let_in(gate: Gate, asked: Wanted) -> Admission:
    """Admit a request of a user whose epoch is as it says."""
    admission = await gate.admit(asked)
    assert isinstance(admission, Admission)
    return admission


def row_of(asked: Wanted, *, cost: int, tokens: int = 0, attempt: int = 1) -> LedgerRow:
    """What became of a request: what it really used."""
    return LedgerRow(
        request_id=asked.request_id,
        attempt=attempt,
        user_id=asked.user_id,
        token_id="t",  # an id
        time=FUTURE,
        provider="openai",
        model="m",
        status=Status.OK,
        certainty=Certainty.MEASURED,
        usage=Usage(output=tokens),
        cost_nano=cost,
    )


async def amounts(store: Store, pattern: str) -> dict[str, int]:
    """The counters of what is used whose keys match, by the end of their names."""
    keys: list[bytes] = await store.run("KEYS", f"gw:{{u:{pattern}")
    return {key.decode().rpartition("}:")[2]: int(await store.run("GET", key)) for key in keys}


async def held(store: Store, user: str = "u") -> dict[str, int]:
    """What is set aside in a slot."""
    flat: list[bytes] = await store.run("HGETALL", names.limit_held(user))
    return {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


async def is_free(store: Store, user: str = "u") -> bool:
    """Whether nothing at all is left of any hold in a slot."""
    keys = (names.limit_held(user), names.limit_leases(user), names.limit_parts(user))
    return int(await store.run("EXISTS", *keys)) == 0


class TimedStore:
    """Passes everything on to a store whose clock a test sets; a script is asked once at a time.

    Also notes which keys each script was given.
    """

    def __init__(self, store: Store, now: float = FUTURE) -> None:
        self._store = store
        self.now = now
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        self.seen.append((script.name, tuple(keys)))
        await self._store.run("SET", "test:now", int(self.now * 1_000_000))
        return await self._store.script(_timed(script), keys, args)

    async def run(self, *command: Argument) -> Any:
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        return await self._store.run_many(commands)

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        return self._store.scan(pattern, kind)

    async def aclose(self) -> None:
        await self._store.aclose()


def _timed(script: Script) -> Script:
    source = script.source.replace("redis.call('TIME')", "set_time()")
    return Script(
        script.name,
        """
        local function set_time()
          local now = tonumber(redis.call('GET', 'test:now'))
          return {math.floor(now / 1000000), now % 1000000}
        end
        """
        + source,
    )
