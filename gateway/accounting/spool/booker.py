"""Books a spool's rows in the store, and gives a store that has lost some what it lacks."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable

from redis.exceptions import ResponseError

from gateway import metrics
from gateway.accounting.day_totals import BookingRules
from gateway.accounting.measures import day_of
from gateway.accounting.spool.apply import MOST_ROWS, apply_rows
from gateway.accounting.spool.frames import Closed
from gateway.accounting.spool.source import Source, bookings_from
from gateway.accounting.totals import add_up, mark_field
from gateway.store import names
from gateway.store.base import Store
from gateway.types.clock import Clock

log = logging.getLogger("gateway.spool")


class Booker:
    """Brings bookings of a source to their users and to everyone's totals. Raises StoreAway."""

    def __init__(self, store: Store, clock: Clock, rules: Callable[[], BookingRules]) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules

    async def book(
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

    async def add_up(
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

    async def catch_up(self, source: Source) -> None:
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
                await self.book(source, user, rows, booked, force=True)
                replayed += len(rows)
            await self.add_up(source, booked, force=True)
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
