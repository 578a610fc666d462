"""Deletes context records that are older than their kind is kept.

A sweep goes over all users, oldest account first, once a day and whenever the rules have changed.
Where it has come is kept in the store, so that whoever comes next goes on from there; a lease keeps
workers from sweeping at the same time, and ends by itself if its holder dies. What is past its time
is not read any more in any case: a sweep that is late shows nobody anything.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct

from gateway import metrics
from gateway.context.keeping import oldest_days
from gateway.errors import StoreAway
from gateway.store import names
from gateway.store.base import Script, Store
from gateway.types.clock import Clock
from gateway.types.context import Kind

log = logging.getLogger("gateway.retention")

_BATCH: Final = 64  # users at a time; the store does them one by one, others between them
_AT_ONCE: Final = 500
_LEASE_MS: Final = 60_000
_LOOK_S: Final = 300.0

TAKE_LEASE: Final = Script(
    "retention_lease",
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""",
)
"""KEYS: lease. ARGV: who asks, milliseconds. Returns 1 if it is the asker's now, anew or still."""

GIVE_LEASE: Final = Script(
    "retention_give",
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1",
)
"""KEYS: lease. ARGV: who had it."""

DROP_RECORDS: Final = Script(
    "retention_drop",
    """
local dropped, full = 0, 0
for k = 1, #KEYS, 2 do
  local before = '(' .. ARGV[1 + (k + 1) / 2]
  local old = redis.call('ZRANGE', KEYS[k + 1], '-inf', before, 'BYSCORE', 'LIMIT', 0, ARGV[1])
  if #old > 0 then
    redis.call('HDEL', KEYS[k], unpack(old))
    redis.call('ZREM', KEYS[k + 1], unpack(old))
  end
  dropped = dropped + #old
  if #old == tonumber(ARGV[1]) then full = 1 end
end
return {dropped, full}
""",
)
"""KEYS: records and days of each kind, of one user. ARGV: most records of a kind at a time, then the
oldest day kept of each kind. Returns how many records were deleted, and 1 if there may be more."""


class Sweep(Struct, frozen=True):
    """What a sweep did. `finished` is False where it stopped before the last user."""

    users: int = 0
    records: int = 0
    finished: bool = True


class RetentionSweep:
    """Sweeps for one worker. `kinds` returns the kinds of the configuration in force."""

    def __init__(
        self,
        store: Store,
        kinds: Callable[[], Mapping[str, Kind]],
        clock: Clock,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._clock = clock
        self._name = random_bytes(8).hex()

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Sweep at once and then each day, until `stop` is set or the task is cancelled.

        Waits while the store is away.
        """
        stop = stop or asyncio.Event()
        while not stop.is_set():
            try:
                done = await self.sweep_once(stop)
            except StoreAway:
                log.warning("the retention sweep waits for the store")
            except Exception:  # one bad round must not end the job
                log.exception("the retention sweep failed; it is tried again later")
            else:
                if done is not None and done.records:
                    log.info(
                        "deleted records past their retention",
                        extra={"fields": {"records": done.records, "users": done.users}},
                    )
            try:
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
            except TimeoutError:
                continue

    async def sweep_once(self, stop: asyncio.Event | None = None) -> Sweep | None:
        """Do today's sweep, or what is left of it; None if it is done or another worker's.

        Ends early, to be gone on with later, when `stop` is set or the lease was lost. Raises
        StoreAway: then it is gone on with later too.
        """
        oldest = oldest_days(self._kinds(), self._clock.now())
        if not oldest or await self._is_done(oldest) or not await self._take_lease():
            return None
        try:
            return await self._go_on(oldest, stop)
        finally:
            await self._give_lease()

    async def _go_on(self, oldest: Mapping[str, date], stop: asyncio.Event | None) -> Sweep:
        after = await self._begin(oldest)
        users = records = 0
        while True:
            low = "-" if after is None else b"(" + after
            batch: list[bytes] = await self._store.run(
                "ZRANGE", names.users(), low, "+", "BYLEX", "LIMIT", 0, _BATCH
            )
            if not batch:
                await self._store.run("HSET", names.retention_sweep(), "done", "1")
                return Sweep(users, records)
            records += await self._drop_of(batch, oldest)
            users += len(batch)
            after = batch[-1]
            await self._store.run("HSET", names.retention_sweep(), "after", after)
            if (stop is not None and stop.is_set()) or not await self._take_lease():
                return Sweep(users, records, finished=False)

    async def _drop_of(self, members: Sequence[bytes], oldest: Mapping[str, date]) -> int:
        # Sent together: commands of one moment share a pipeline.
        ids = [member.rpartition(b":")[2].decode() for member in members]
        results = await asyncio.gather(
            *(self._drop(user_id, oldest) for user_id in ids), return_exceptions=True
        )
        for user_id, result in zip(ids, results, strict=True):
            if isinstance(result, StoreAway):
                raise result
            if isinstance(result, Exception):  # of one user: it must not save all who come after
                log.error("could not sweep the records of %s", user_id, exc_info=result)
        dropped = sum(result for result in results if isinstance(result, int))
        metrics.CONTEXT_EXPIRED.inc(dropped)
        return dropped

    async def _drop(self, user_id: str, oldest: Mapping[str, date]) -> int:
        keys: list[str] = []
        for kind in oldest:
            keys += (names.context(user_id, kind), names.context_days(user_id, kind))
        days = [day.toordinal() for day in oldest.values()]
        total, more = 0, 1
        while more:
            dropped, more = await self._store.script(DROP_RECORDS, keys, [_AT_ONCE, *days])
            total += dropped
        return total

    async def _is_done(self, oldest: Mapping[str, date]) -> bool:
        run, done = await self._store.run("HMGET", names.retention_sweep(), "run", "done")
        return bool(done == b"1" and run == self._run_of(oldest))

    async def _begin(self, oldest: Mapping[str, date]) -> bytes | None:
        """Return the last user done by this run, None where it begins now."""
        key = names.retention_sweep()
        run, after = await self._store.run("HMGET", key, "run", "after")
        if run == self._run_of(oldest):
            return bytes(after) if after else None
        await self._store.run("HSET", key, "run", self._run_of(oldest), "after", "", "done", "0")
        return None

    def _run_of(self, oldest: Mapping[str, date]) -> bytes:
        """Name a sweep by its day and its rules: other rules on the same day are another sweep."""
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        rules = ",".join(f"{kind}<{day}" for kind, day in sorted(oldest.items()))
        return f"{today} {sha256(rules.encode()).hexdigest()[:16]}".encode()

    async def _take_lease(self) -> bool:
        key = [names.retention_lease()]
        return bool(await self._store.script(TAKE_LEASE, key, [self._name, _LEASE_MS]))

    async def _give_lease(self) -> None:
        try:
            await self._store.script(GIVE_LEASE, [names.retention_lease()], [self._name])
        except StoreAway:  # it ends by itself
            log.debug("the retention lease was left to expire")
