"""Brings spools to the store: this worker's own, and those of writers that have died.

    read ──► by user, in order ──► apply ──► add to everyone's totals ──► note how far
                                     │                │
                                    gap: the store lost its tail ──► catch up, then go on

Bookings of one user are applied in the order in which they were written; those of different users
side by side. What users were booked is added to the deployment's totals in the order of the spool. While the store is away nothing is lost and nothing is read on. A store that has lost
its last moments (killed, failed over, restored) is given them again from the segments, which are
kept for `KEEP_S`; the watermarks of `apply.py` make that exact.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from redis.exceptions import ResponseError

from gateway import metrics
from gateway.accounting.day_totals import DEFAULT_RULES, BookingRules
from gateway.accounting.limits.gate import release
from gateway.accounting.spool.apply import KEEP_S
from gateway.accounting.spool.booker import Booker
from gateway.accounting.spool.dead import discard_old, take_over
from gateway.accounting.spool.place import SpoolDir, adopt
from gateway.accounting.spool.source import Source
from gateway.accounting.spool.store_mark import StoreMark
from gateway.accounting.spool.writer import SpoolWriter
from gateway.errors import StoreAway
from gateway.store.base import Store
from gateway.types.clock import Clock

GATHER_S: Final = 0.003
"""How long a booking waits for others to travel with."""

REST_S: Final = 0.25
"""How long the drainer rests while the store is away."""

TEND_S: Final = 1.0
FLUSH_S: Final = 0.1

_EMPTIED: Final = (
    "the store was emptied, or is another one than before: users, tokens, provider keys and context "
    "that only it had are lost, restore a backup; usage is given to it again from the spools"
)

log = logging.getLogger("gateway.spool")


class Drainer:
    """Owns the spools of one worker, and the tasks that empty them.

    `store_life` tells which life of the store answers: it grows when another server process does.
    """

    def __init__(  # noqa: PLR0913  # built once, by `app.py`
        self,
        store: Store,
        clock: Clock,
        root: Path,
        own: SpoolDir,
        writer: SpoolWriter,
        store_life: Callable[[], int],
        rules: Callable[[], BookingRules] = lambda: DEFAULT_RULES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._root = root
        self._writer = writer
        self._sources = [Source(own, is_own=True)]
        self._emptied: list[Source] = []  # of dead writers: kept for a store that loses its tail
        self._booker = Booker(store, clock, rules)
        self._store_life = store_life
        self._emptyings = 0
        self._life_seen = self._life()
        self._mark = StoreMark(store, root)
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def backlog(self) -> int:
        """How many bookings were read and not applied."""
        return sum(len(rows) for source in self._sources for rows in source.waiting.values())

    def wake(self) -> None:
        """Say that something was written."""
        self._idle.clear()
        self._woken.set()

    def _life(self) -> tuple[int, int]:
        """Tell which life of the store we deal with: another process, or emptied in between."""
        return self._store_life(), self._emptyings

    def note(self) -> None:
        """Write down how far the own spool is drained, at the end."""
        with contextlib.suppress(OSError):
            for source in self._sources:
                source.note_drained()

    async def settled(self, limit_s: float) -> bool:
        """Wait until everything written so far is in the store; False if that took too long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), limit_s)
        return self._idle.is_set()

    async def run(self) -> None:
        """Drain until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._drain_for_ever())
            tasks.create_task(self._flush_for_ever())
            tasks.create_task(self._tend_for_ever())

    async def _drain_for_ever(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(GATHER_S)
            self._woken.clear()
            try:
                await self._drain_all()
            except (StoreAway, OSError) as error:
                log.warning("the ledger waits: %s", type(error).__name__)
                await asyncio.sleep(REST_S)
                self._woken.set()
                continue
            if not self._woken.is_set():
                self._idle.set()

    async def _drain_all(self) -> None:
        life = self._life()
        if life != self._life_seen:
            for source in (*self._emptied, *self._sources):
                await self._booker.catch_up(source)
            self._life_seen = life
        for source in tuple(self._sources):
            if source.is_fresh:
                await self._booker.catch_up(source)
                source.is_fresh = False
            while source.waiting or source.released or source.advance():
                await self._apply(source)
            if not source.is_own:
                self._sources.remove(source)
                self._emptied.append(source)

    async def _apply(self, source: Source) -> None:
        """Apply what waits; what could not be is still waiting when this raises StoreAway."""
        users = list(source.waiting)
        ends = await asyncio.gather(
            *(self._apply_user(source, user) for user in users), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        if any(source.waiting.values()):  # a gap
            await self._booker.catch_up(source)
            for user, bookings in source.waiting.items():
                await self._booker.book(source, user, bookings, source.booked, force=True)
        if not await self._booker.add_up(source, source.booked):
            await self._booker.catch_up(source)
            await self._booker.add_up(source, source.booked, force=True)
        source.booked.clear()
        source.waiting.clear()
        await asyncio.gather(
            *(release(self._store, each.user_id, each.hold, each.tally) for each in source.released)
        )
        source.released.clear()

    async def _apply_user(self, source: Source, user: str) -> None:
        bookings = source.waiting[user]
        source.waiting[user] = await self._booker.book(source, user, bookings, source.booked)

    # --- the disk, and the dead ---------------------------------------------------------------

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._writer.retry_held()
            descriptor = self._writer.take_unflushed()
            if descriptor is None:
                continue
            try:
                await asyncio.to_thread(self._writer.flush, descriptor)
            except OSError as error:
                self._writer.abandon(os.strerror(error.errno or 0))
            finally:
                os.close(descriptor)

    async def _tend_for_ever(self) -> None:
        while True:
            try:
                await self._take_over()
                await self._tidy()
            except OSError as error:
                log.warning("spools cannot be tended: %s", os.strerror(error.errno or 0))
            await self._look_at_store()
            if self._life() != self._life_seen:
                self.wake()
            metrics.SPOOL_BACKLOG.set(self.backlog + self._writer.held)
            await asyncio.sleep(TEND_S)

    async def _look_at_store(self) -> None:
        """Say loudly that the store has lost everything, and have it given all that is kept here."""
        with contextlib.suppress(StoreAway, ResponseError):
            if await self._mark.has_changed():
                metrics.STORE_EMPTIED.inc()
                log.error(_EMPTIED)
                self._emptyings += 1
                self.wake()

    async def _take_over(self) -> None:
        """Take over the spools of writers that have died. Raises OSError."""
        held = {source.place.writer for source in (*self._sources, *self._emptied)}
        for place in await asyncio.to_thread(adopt, self._root, held):
            try:
                self._sources.append(await asyncio.to_thread(take_over, place))
            except OSError:
                place.release()  # to be tried again, by whoever comes first
                raise
            log.warning("took over the spool %s of a worker that ended", place.writer)
            self.wake()

    async def _tidy(self) -> None:
        """Note how far each spool is done, and delete what need not be kept any longer."""
        before = self._clock.now() - KEEP_S
        for source in (*self._sources, *self._emptied):
            with contextlib.suppress(OSError):
                source.note_drained()
                await asyncio.to_thread(discard_old, source, before)
        for source in tuple(self._emptied):
            if not source.place.segments():
                self._emptied.remove(source)
                with contextlib.suppress(OSError):
                    source.place.remove()
