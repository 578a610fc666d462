"""The one place that writes usage: into this worker's spool at once, and from there into the store.

    open  ──► spool        before an attempt is sent
    close ──► spool        before the last byte of its answer goes out
                 └──► drainer ──► store, exactly once (`spool/`)

Nothing here waits, so it works while a request is being cancelled, and nothing is lost when this
process dies: whoever takes the spool over closes what was left open with what was known of it.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from gateway.accounting.counting import count
from gateway.accounting.day_totals import BookingRules
from gateway.accounting.limits.tally import Tally
from gateway.accounting.rows import LedgerRow
from gateway.accounting.spool.drain import Drainer
from gateway.accounting.spool.place import SpoolDir, create
from gateway.accounting.spool.writer import SpoolWriter
from gateway.errors import ConfigError
from gateway.store.client import RedisStore
from gateway.types.clock import Clock
from gateway.types.usage import Usage

PROGRESS_S: Final = 1.0
"""How often it is written down how far the answers have come that are being streamed."""

READ_LIMIT_S: Final = 0.25
"""How long somebody who reads usage waits for what this worker has just written."""

log = logging.getLogger("gateway.ledger")


class Reached(Struct, frozen=True):
    """How far an attempt has come: what to book if nothing more is heard of it."""

    usage: Usage
    cost_nano: int | None


class Ledger:
    """Writes the usage of one worker. Make it with `open_ledger`; `run` is its job."""

    def __init__(self, place: SpoolDir, writer: SpoolWriter, drainer: Drainer) -> None:
        self._place = place
        self._writer = writer
        self._drainer = drainer
        self._watched: dict[int, Callable[[], Reached]] = {}
        self._written: dict[int, Usage] = {}

    @property
    def backlog(self) -> int:
        """How many bookings the store has not taken yet."""
        return self._drainer.backlog + self._writer.held

    def open(self, row: LedgerRow, tally: Tally | None) -> int:
        """Note that an attempt is about to be sent; returns the number to close it with."""
        return self._writer.open(row, tally)

    def watch(self, opening: int, reached: Callable[[], Reached]) -> None:
        """Write down how far an attempt has come, now and every second, until it is closed."""
        self._watched[opening] = reached
        self._note(opening, reached())

    def close(self, opening: int, row: LedgerRow, tally: Tally | None) -> None:
        """Book an attempt. From here on its row is safe from everything but the disk's end."""
        self._watched.pop(opening, None)
        self._written.pop(opening, None)
        count(row)
        self._writer.close_attempt(opening, row, tally)
        self._drainer.wake()

    def release(self, user_id: str, hold: str, tally: Tally) -> None:
        """Give back what a request holds of limits, behind its rows."""
        self._writer.release(user_id, hold, tally)
        self._drainer.wake()

    async def settled(self, limit_s: float = READ_LIMIT_S) -> bool:
        """Wait until what was written so far is in the store; False if that took too long."""
        return await self._drainer.settled(limit_s)

    async def run(self) -> None:
        """Bring the spool to the store, and take over those of the dead, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._drainer.run())
            tasks.create_task(self._note_progress())

    def aclose(self) -> None:
        """Close the spool; what the store has not taken, the next worker brings to it."""
        if self.backlog:
            log.warning("bookings left in the spool: %d", self.backlog)
        self._writer.aclose()
        self._drainer.note()
        self._place.release()

    async def _note_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            for opening, reached in list(self._watched.items()):
                self._note(opening, reached())

    def _note(self, opening: int, now: Reached) -> None:
        if now.usage != self._written.get(opening):
            self._writer.progress(opening, now.usage, now.cost_nano)
            self._written[opening] = now.usage


def open_ledger(
    root: Path,
    worker: int,
    store: RedisStore,
    clock: Clock,
    rules: Callable[[], BookingRules],
    *,
    always_flush: bool = False,
) -> Ledger:
    """Return the ledger of a worker, with a new spool below `root`.

    Raises ConfigError where the spool cannot be written: usage would be lost.
    """
    name = f"w{worker}-{int(clock.now() * 1000):x}-{secrets.token_hex(4)}"
    try:
        place = create(root, name)
        writer = SpoolWriter(place, always_flush=always_flush)
        writer.begin()
    except OSError as error:
        raise ConfigError(f"the spool in {root} cannot be written: {error.strerror}") from None
    drainer = Drainer(store, clock, root, place, writer, lambda: store.epoch, rules)
    return Ledger(place, writer, drainer)
