"""Keeps the KEK ring of one process: reports it, takes a changed one, promotes when all are ready.

A KEK is replaced while the gateway serves: the new id is *added* to the ring of every process, is
*promoted* to primary, all data keys are *rewrapped* under it (`rotation/`), the old id is
*retired*. No request may fail on the way. Why none does:

1. **A key is everywhere before it wraps.** A process wraps under a new primary only when every live
   process reports that it holds it (`vault/promotion.py`); until then it goes on with the old one,
   whatever its ring says, and looks again. A process announces itself *before* it reads its ring:
   who promotes either sees the announcement and waits, or had changed the ring before it, and then
   the newcomer reads the changed one. So whoever reads a data key can unwrap it.
2. **A key is taken away after its last use.** It is retired when every live process reports the new
   primary and no data key in the store is wrapped under the old one. A process sends its writes and
   its reports in order over one connection, so when a report with the new primary is there, all
   data keys that it wrapped under the old one are, too, and were found and rewrapped.
3. **Copies go on opening.** Rewrapping raises the user's epoch, so accounts in memory are read again
   at their next request. Requests in flight keep the copy they began with: the retired key opens
   for the longest time a request may take, and that an account is trusted without the store, and a
   minute more.
4. **Who was away cannot do harm.** A process that has not reached the store for `_LEASE_S`, less
   than the time after which its report is ignored, makes no new data key (503, as for anything that
   needs the store); when the store is back it reads its ring again before it reports. Where a data
   key is met whose id the ring lacks, the ring is read again before the answer is given (`catch_up`).

What stays: a request whose body takes longer to arrive than the grace of point 3 and that then seals
something, and a process that is halted for half a minute between wrapping a new data key and sending
it. Both would have to meet a whole rotation.
"""

import asyncio
import logging
import os
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway import metrics
from gateway.errors import ConfigError, RecordIntegrity, StoreAway
from gateway.store.base import Store
from gateway.types.clock import Clock
from gateway.vault.current_ring import CurrentRing
from gateway.vault.key_files import KeySources
from gateway.vault.key_reports import (
    REPORT_EVERY_S,
    STALE_S,
    KeyReport,
    drop_report,
    pid_space,
    write_report,
)
from gateway.vault.key_ring import KeyRing
from gateway.vault.promotion import ready_ring
from gateway.vault.registry import read_registry, register_keys
from gateway.vault.unlock import DeploymentKeys, Unlocked, read_ring_again, unlock
from gateway.vault.vault import DataKeys

_LEASE_S: Final = STALE_S - REPORT_EVERY_S
_PENDING_EVERY_S: Final = 0.5
_ASK_AGAIN_S: Final = 5.0
_LOOK_AGAIN_S: Final = 60.0

log = logging.getLogger("gateway.vault")


class RingKeeper:
    """The ring of one process. `open` it, give `rings` to the `Vault`, `aclose` it at the end.

    `who` is this process in messages to people. `grace_s` says for how long a retired key opens.
    """

    def __init__(
        self,
        store: Store,
        sources: KeySources,
        clock: Clock,
        who: str,
        grace_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._sources = sources
        self._clock = clock
        self._who = who
        self._process = os.urandom(8).hex()
        self._grace_s = grace_s
        self._changing = asyncio.Lock()
        self._changed = asyncio.Event()
        self._unlocked: Unlocked | None = None
        self._wanted: KeyRing | None = None
        self._rings: CurrentRing | None = None
        self._must_reread = False
        self._reported = self._asked = self._looked = float("-inf")
        self._said = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def rings(self) -> CurrentRing:
        """The ring in force. Only after `open`."""
        assert self._rings is not None  # noqa: S101  # a mistake of the caller
        return self._rings

    @property
    def wanted(self) -> KeyRing:
        """The ring as it was last read and found good: its primary may be yet to be promoted."""
        assert self._wanted is not None  # noqa: S101  # a mistake of the caller
        return self._wanted

    @property
    def ring_file(self) -> Path | None:
        """The file that the ring was read from, None where it came from elsewhere."""
        rereadable = self._unlocked is not None and self._unlocked.kek_rereadable
        return self._sources.kek.path if rereadable else None

    async def open(self, environ: MutableMapping[str, str]) -> Unlocked:
        """Announce this process, read and check the secrets, and report from now on.

        Raises ConfigError as `unlock` does, and StoreAway.
        """
        async with self._changing:
            await write_report(self._store, self._said_of(None))
            try:
                unlocked = await unlock(self._store, self._sources, environ, process=self._process)
                self._unlocked, self._wanted = unlocked, unlocked.wanted
                self._rings = CurrentRing(unlocked.keys.ring, self._clock)
                await self._report()
            except BaseException:
                await self._leave()
                raise
        self._task = asyncio.create_task(self._keep(), name="key-reports")
        return unlocked

    async def reload(self) -> None:
        """Read the ring again; one that may not be taken changes nothing and says why in the log.

        Refused: other bytes under an id that is there, a ring without an id that the store needs, a
        retired primary, and whatever is no ring. While the store is away it is put off.
        """
        async with self._changing:
            await self._take(reread=True)

    async def catch_up(self, data_keys: DataKeys) -> None:
        """Read the ring again if a user's data keys are wrapped under an id that it lacks."""
        if not self._lacks(data_keys):
            return
        async with self._changing:
            now = self._clock.monotonic()
            # Others may have waited for the same; and what no ring holds is not read for each time.
            if self._lacks(data_keys) and now - self._asked >= _ASK_AGAIN_S:
                self._asked = now
                await self._take(reread=True)

    async def aclose(self) -> None:
        """Stop reporting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._leave()

    def _lacks(self, data_keys: DataKeys) -> bool:
        ring = self.rings.for_opening
        try:
            return not all(ring.knows(wrapped) for wrapped in data_keys.wrapped.values())
        except RecordIntegrity:  # no ring opens what is no wrapped key
            return False

    async def _take(self, *, reread: bool) -> None:
        """Put the wanted ring in force as far as it may be; says in the log what came of it."""
        try:
            if reread and self._unlocked is not None and self._unlocked.kek_rereadable:
                self._must_reread = True
                wanted = await asyncio.to_thread(read_ring_again, self._sources.kek)
                self._refuse_other_bytes(wanted)
                self._must_reread = False
                await self._adopt(wanted)
            elif self._wanted is not None:
                await self._adopt(self._wanted)
        except ConfigError as error:
            self._must_reread = False
            self._say(logging.ERROR, f"key ring refused: {error}")
        except StoreAway:
            self._must_reread = True
            self._say(logging.WARNING, "key ring not read: the store is away; it will be")

    def _refuse_other_bytes(self, wanted: KeyRing) -> None:
        running, new = self.rings.ring.check_values(), wanted.check_values()
        for kek_id in running.keys() & new.keys():
            if running[kek_id] != new[kek_id]:
                raise ConfigError(
                    f"the bytes of key id {kek_id} have changed; a new key needs a new id",
                    self._sources.kek.setting,
                )

    async def _adopt(self, wanted: KeyRing) -> None:
        """Take a ring into use, with the primary that may wrap by now. Raises ConfigError, StoreAway."""
        unlocked = self._unlocked
        assert unlocked is not None  # noqa: S101  # `open` was first
        ring = await ready_ring(self._store, wanted, self.rings.ring, self._process)
        keys = DeploymentKeys(ring, unlocked.keys.pepper, unlocked.keys.receipt_key)
        await register_keys(self._store, ring.primary, keys.check_values(), self._sources)
        self._wanted = wanted
        self.rings.take(ring, self._grace_s())
        self._changed.set()
        ids = ", ".join(map(str, ring.ids))
        waiting = (
            ""
            if ring.primary == wanted.primary
            else (f"; {wanted.primary} is to be it once every process holds it")
        )
        self._say(logging.INFO, f"key ring: ids {ids}; {ring.primary} is the primary{waiting}")
        await self._report()

    def _say(self, level: int, message: str) -> None:
        """Log a message, once as long as nothing else is to be said."""
        if message != self._said:
            self._said = message
            log.log(level, "%s", message)

    async def _report(self) -> None:
        sent, ring = self._clock.monotonic(), self.rings.ring
        await write_report(self._store, self._said_of(ring))
        self._reported = sent
        self.rings.renew(sent + _LEASE_S)
        metrics.KEK_PRIMARY.set(ring.primary)

    def _said_of(self, ring: KeyRing | None) -> KeyReport:
        """Return the report of a ring, or that none was read yet."""
        return KeyReport(
            who=self._who,
            process=self._process,
            primary=ring.primary if ring else 0,
            held=ring.check_values() if ring else {},
            pid=os.getpid(),
            pid_space=pid_space(),
        )

    @property
    def _pending(self) -> bool:
        return self._wanted is not None and self._wanted.primary != self.rings.ring.primary

    async def _keep(self) -> None:
        while True:
            rest_s = _PENDING_EVERY_S if self._pending else REPORT_EVERY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._changed.wait()
                    self._changed.clear()  # and rest anew, perhaps for less
                    continue
            try:
                await self.look()
            except StoreAway:
                continue  # no lease is renewed meanwhile
            except Exception:  # the loop must outlive whatever the store says
                log.exception("the key ring could not be reported")

    async def look(self) -> None:
        """Compare our ring with what the store says of KEKs, then report it.

        Done every few seconds from `open` on. Raises StoreAway.
        """
        async with self._changing:
            now = self._clock.monotonic()
            registry, ring = await read_registry(self._store), self.rings.ring
            ids = registry.needed.keys() | registry.added.keys()
            behind = not ids <= set(ring.ids) or ring.primary in registry.retired
            if behind and now - self._looked >= _LOOK_AGAIN_S:
                self._looked, self._must_reread = now, True
            if self._must_reread or now - self._reported >= _LEASE_S:
                await self._take(reread=True)
            elif self._pending:
                await self._take(reread=False)
            if self.rings.ring.primary not in registry.retired:
                await self._report()

    async def _leave(self) -> None:
        with suppress(StoreAway):
            await drop_report(self._store, self._process)
