"""Books ledger rows into the user's slot: one script, idempotent per (request, attempt).

`book` only hands a row over, without waiting, so that it also works while a request is being
cancelled. A row that the store does not take is kept and tried again until it does.
"""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime

import msgspec

from gateway import metrics
from gateway.accounting.cost import BUCKETS, buckets
from gateway.accounting.rows import LedgerRow
from gateway.errors import StoreAway
from gateway.store import names
from gateway.store.base import Argument, Script, Store
from gateway.types.usage import Certainty

KEEP_REQUEST_S = 35 * 86_400
KEEP_ROWS = 10_000
_RETRY_S = 0.5
_MOST_PENDING = 100_000
FIELD_SEPARATOR = "\x1f"

log = logging.getLogger("gateway.ledger")

# KEYS: the request's rows, the user's row log, the day's totals.
# ARGV: attempt, row, seconds to keep the request's rows, rows to keep, then (field, increment)…
BOOK = Script(
    "book",
    """
    if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'row', ARGV[2])
    for i = 5, #ARGV, 2 do redis.call('HINCRBY', KEYS[3], ARGV[i], ARGV[i + 1]) end
    return 1
    """,
)


class Ledger:
    """The one place that writes usage. Owns the tasks that do it, so that shutdown can wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: deque[LedgerRow] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retry: asyncio.Task[None] | None = None

    def book(self, row: LedgerRow) -> "asyncio.Task[None]":
        """Hand a row over. Await the task to know that it was tried; it never raises."""
        task = asyncio.get_running_loop().create_task(self._book(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def backlog(self) -> int:
        """How many rows the store has not taken yet."""
        return len(self._pending)

    async def settle(self, limit_s: float) -> None:
        """Wait until everything handed over is booked, at most `limit_s` seconds."""
        waiting = {*self._tasks, *({self._retry} if self._retry else ())}
        if waiting:
            await asyncio.wait(waiting, timeout=limit_s)
        for task in waiting:
            task.cancel()
        if self._pending:
            log.error("rows not booked at shutdown: %d", len(self._pending))

    async def _book(self, row: LedgerRow) -> None:
        count(row)
        if await self._apply(row):
            return
        if len(self._pending) >= _MOST_PENDING:
            metrics.ROWS_FAILED.inc()
            log.error("ledger backlog is full: a row of request %s is lost", row.request_id)
            return
        self._pending.append(row)
        if self._retry is None or self._retry.done():
            self._retry = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        while self._pending:
            if await self._apply(self._pending[0]):
                self._pending.popleft()
            else:
                await asyncio.sleep(_RETRY_S)

    async def _apply(self, row: LedgerRow) -> bool:
        keys = (
            names.usage_request(row.user_id, row.request_id),
            names.usage_rows(row.user_id),
            names.usage_day(row.user_id, day_of(row.time)),
        )
        args: list[Argument] = [row.attempt, msgspec.json.encode(row), KEEP_REQUEST_S, KEEP_ROWS]
        for field, increment in increments(row).items():
            args += (field, increment)
        try:
            await self._store.script(BOOK, keys, args)
        except StoreAway:
            return False
        return True


def day_of(unix_s: float) -> str:
    """Return the UTC day of a time as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d")


def increments(row: LedgerRow) -> dict[str, int]:
    """Return what a row adds to its day's totals, by field: provider, model, feature, measure."""
    measures = {name: n for name, n in zip(BUCKETS, buckets(row.usage), strict=True) if n}
    measures["attempts"] = 1
    if row.certainty is not Certainty.ABORTED:
        measures["requests"] = 1
    if row.certainty is Certainty.ESTIMATED:
        measures["estimated"] = 1
    if row.cost_nano:
        measures["cost_nano"] = row.cost_nano
    elif row.cost_nano is None and row.usage.total:
        measures["unpriced"] = 1
    place = (row.provider, row.model, row.feature)
    prefix = FIELD_SEPARATOR.join(name.replace(FIELD_SEPARATOR, " ") for name in place)
    return {f"{prefix}{FIELD_SEPARATOR}{name}": value for name, value in measures.items()}


def count(row: LedgerRow) -> None:
    """Add a row to the Prometheus metrics of its certainty (tokens and cost carry closed labels)."""
    metrics.ROWS.labels(row.provider_label, row.certainty.value).inc()
    for name, tokens in zip(BUCKETS, buckets(row.usage), strict=True):
        if tokens:
            metrics.TOKENS.labels(row.provider_label, row.model_label, name).inc(tokens)
    if row.cost_nano:
        metrics.COST_DOLLARS.labels(row.provider_label, row.model_label).inc(row.cost_nano / 1e9)
    elif row.cost_nano is None and row.usage.total:
        metrics.UNPRICED.labels(row.provider_label).inc()
