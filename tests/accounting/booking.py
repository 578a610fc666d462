"""Booking rows in tests as a worker does: through a spool and its drainer."""

import asyncio
import secrets
import tempfile
from pathlib import Path

from gateway.accounting.day_totals import DEFAULT_RULES, BookingRules
from gateway.accounting.ledger import open_ledger
from gateway.accounting.rows import LedgerRow
from gateway.config.system_clock import SystemClock
from gateway.store.client import RedisStore


async def book(store: RedisStore, *rows: LedgerRow, rules: BookingRules = DEFAULT_RULES) -> None:
    """Book rows, in order, and wait until the store has them."""
    with tempfile.TemporaryDirectory() as home:
        worker = secrets.randbelow(1_000_000)
        ledger = open_ledger(Path(home), worker, store, SystemClock(), lambda: rules)
        job = asyncio.create_task(ledger.run())
        try:
            for row in rows:
                ledger.close(0, row, None)
            assert await ledger.settled(30)
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            ledger.aclose()
