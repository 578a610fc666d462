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
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from redis.exceptions import ResponseError

from gateway import metrics
from gateway.accounting.day_totals import DEFAULT_RULES, BookingRules
from gateway.accounting.limits.gate import release
from gateway.accounting.measures import day_of
from gateway.accounting.spool.apply import KEEP_S, MOST_ROWS, apply_rows
from gateway.accounting.spool.dead import discard_old, take_over
from gateway.accounting.spool.frames import Closed
from gateway.accounting.spool.place import SpoolDir, adopt
from gateway.accounting.spool.source import Source, bookings_from
from gateway.accounting.spool.writer import SpoolWriter
from gateway.accounting.totals import add_up, mark_field
from gateway.errors import StoreAway
from gateway.store import names
from gateway.store.base import Store
from gateway.types.clock import Clock

GATHER_S: Final = 0.003
"""How long a booking waits for others to travel with."""

REST_S: Final = 0.25
"""How long the drainer rests while the store is away."""

TEND_S: Final = 1.0
FLUSH_S: Final = 0.1

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
        self._rules = rules
        self._store_life = store_life
        self._life_seen = store_life()
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
        life = self._store_life()
        if life != self._life_seen:
            for source in (*self._emptied, *self._sources):
                await self._catch_up(source)
            self._life_seen = life
        for source in tuple(self._sources):
            if source.is_fresh:
                await self._catch_up(source)
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
            await self._catch_up(source)
            for user, bookings in source.waiting.items():
                await self._book(source, user, bookings, source.booked, force=True)
        if not await self._add_up(source, source.booked):
            await self._catch_up(source)
            await self._add_up(source, source.booked, force=True)
        source.booked.clear()
        source.waiting.clear()
        await asyncio.gather(
            *(release(self._store, each.user_id, each.hold, each.tally) for each in source.released)
        )
        source.released.clear()

    async def _apply_user(self, source: Source, user: str) -> None:
        bookings = source.waiting[user]
        source.waiting[user] = await self._book(source, user, bookings, source.booked)

    async def _book(
        self,
        source: Source,
        user: str,
        bookings: list[Closed],
        booked: dict[int, Closed],
        *,
        force: bool = False,
    ) -> list[Closed]:
        """Book rows of a user, into `booked` too; returns those that were refused because of a gap."""
        writer = source.place.writer
        for start in range(0, len(bookings), MOST_ROWS):
            part = bookings[start : start + MOST_ROWS]
            try:
                applied = await apply_rows(
                    self._store,
                    writer,
                    part,
                    now=self._clock.now(),
                    rules=self._rules(),
                    force=force,
                )
            except ResponseError:  # what is stored there is none of ours
                metrics.ROWS_FAILED.inc(len(part))
                log.error("rows of user %s cannot be booked: the store refuses them", user)  # noqa: TRY400
                booked.update((booking.seq, booking) for booking in part)  # they were sold
                continue
            booked.update((booking.seq, booking) for booking in applied.bookings)
            if applied.mark < part[-1].seq:
                return [booking for booking in bookings if booking.seq > applied.mark]
        return []

    async def _add_up(
        self, source: Source, booked: dict[int, Closed], *, force: bool = False
    ) -> bool:
        """Add to everyone's totals; False if these lack something that was added before."""
        spool, known = source.place.writer, source.added
        try:
            return await add_up(self._store, spool, booked, known, self._rules(), force=force)
        except ResponseError:  # what is stored there is none of ours
            metrics.ROWS_FAILED.inc(len(booked))
            log.error("the deployment's totals cannot be kept: the store refuses them")  # noqa: TRY400
            return True

    # --- a store that lost its tail -----------------------------------------------------------

    async def _catch_up(self, source: Source) -> None:
        """Give the store again what it has lost: from the last segment that it has whole, on."""
        segments = source.place.segments()
        start = len(segments)
        while start > 0:
            start -= 1
            bookings = await asyncio.to_thread(bookings_from, source.place, segments[start])
            if bookings and await self._has_first_of_each(source, bookings):
                break
        replayed = 0
        for number in segments[start:]:
            by_user: dict[str, list[Closed]] = {}
            booked: dict[int, Closed] = {}
            for booking in await asyncio.to_thread(bookings_from, source.place, number):
                by_user.setdefault(booking.row.user_id, []).append(booking)
            for user, rows in by_user.items():
                await self._book(source, user, rows, booked, force=True)
                replayed += len(rows)
            await self._add_up(source, booked, force=True)
        if replayed:
            log.warning("spool %s: %d rows given to the store again", source.place.writer, replayed)
            metrics.SPOOL_REPLAYED.inc(replayed)

    async def _has_first_of_each(self, source: Source, bookings: Iterable[Closed]) -> bool:
        """Whether the store has the first booking of each user and day: then it has all before."""
        first: dict[str, int] = {}
        first_of_day: dict[str, int] = {}
        for booking in bookings:
            first.setdefault(booking.row.user_id, booking.seq)
            first_of_day.setdefault(day_of(booking.row.time), booking.seq)
        spool = source.place.writer
        wanted = [(names.usage_marks(user), spool, seq) for user, seq in first.items()]
        wanted += [
            (names.totals_day(day), mark_field(spool), seq) for day, seq in first_of_day.items()
        ]
        marks = await asyncio.gather(*(self._read_mark(key, field) for key, field, _ in wanted))
        return all(mark >= seq for mark, (_, _, seq) in zip(marks, wanted, strict=True))

    async def _read_mark(self, key: str, field: str) -> float:
        try:
            mark = await self._store.run("HGET", key, field)
            return 0 if mark is None else int(mark.split()[0])
        except (ResponseError, ValueError):
            return math.inf  # none of ours: giving it anything again would not mend it

    # --- the disk, and the dead ---------------------------------------------------------------

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._writer.retry_held()
            descriptor = self._writer.take_unflushed()
            if descriptor is None:
                continue
            try:
                await asyncio.to_thread(os.fdatasync, descriptor)
            except OSError as error:
                self._writer.abandon(os.strerror(error.errno or 0))
            finally:
                os.close(descriptor)

    async def _tend_for_ever(self) -> None:
        while True:
            for place in await asyncio.to_thread(adopt, self._root):
                self._sources.append(await asyncio.to_thread(take_over, place))
                log.warning("took over the spool %s of a worker that ended", place.writer)
                self.wake()
            await self._tidy()
            if self._store_life() != self._life_seen:
                self.wake()
            metrics.SPOOL_BACKLOG.set(self.backlog + self._writer.held)
            await asyncio.sleep(TEND_S)

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
