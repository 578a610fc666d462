"""Books ledger rows into the user's slot: one script, idempotent per (request, attempt).

`book` only hands a row over, without waiting, so that it also works while a request is being
cancelled. A row that the store does not take is kept and tried again until it does.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from gateway import metrics
from gateway.accounting.cost import BUCKETS, buckets
from gateway.accounting.day_totals import (
    ADD_ROW,
    DEFAULT_RULES,
    MOST_USER_PLACES,
    BookingRules,
    row_arguments,
)
from gateway.accounting.measures import UNSURE, day_of
from gateway.accounting.rows import LedgerRow, anonymous
from gateway.accounting.totals import add_directly
from gateway.errors import StoreAway
from gateway.store import names
from gateway.store.base import Script, Store

KEEP_REQUEST_S = 35 * 86_400
KEEP_ROWS = 10_000
KEEP_ERASED_S = 400 * 86_400
"""How long totals and rows of an erased user are kept: as far back as the usage API looks."""

_RETRY_S = 0.5
_MOST_PENDING = 100_000

log = logging.getLogger("gateway.ledger")

BOOK = Script(
    "book",
    ADD_ROW
    + """
    local gone = redis.call('EXISTS', KEYS[4]) == 1
    if gone and ARGV[6] == '0' then return 'gone' end
    if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return false end
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'row', ARGV[2])
    redis.call('EXPIRE', KEYS[2], ARGV[3])
    local feature = add_row(KEYS[3], 8, tonumber(ARGV[7]))
    redis.call('EXPIRE', KEYS[3], ARGV[5])
    return feature
    """,
)
"""KEYS: the request's rows, the user's row log, the day's totals, the mark of a user who is gone.
ARGV: attempt, row, seconds to keep rows, rows to keep, seconds to keep totals, 1 if the row names
nobody, most places, then what `ADD_ROW` takes. Returns the feature it was booked under, nil if it
was booked before, `gone` if the user is gone and the row still names more."""


class Ledger:
    """The one place that writes usage. Owns the tasks that do it, so that shutdown can wait."""

    def __init__(
        self, store: Store, rules: Callable[[], BookingRules] = lambda: DEFAULT_RULES
    ) -> None:
        self._store = store
        self._rules = rules
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
        rules = self._rules()
        try:
            feature = await self._run(row, rules, names_nobody=False)
            if feature == "gone":
                row = anonymous(row)
                feature = await self._run(row, rules, names_nobody=True)
            if feature is not None:
                await add_directly(self._store, replace(row, feature=feature), rules)
        except StoreAway:
            return False
        return True

    async def _run(self, row: LedgerRow, rules: BookingRules, *, names_nobody: bool) -> str | None:
        keys = (
            names.usage_request(row.user_id, row.request_id),
            names.usage_rows(row.user_id),
            names.usage_day(row.user_id, day_of(row.time)),
            names.user_gone(row.user_id),
        )
        keep = (rules.keep_rows_s, KEEP_ROWS, rules.keep_totals_s)
        encoded = msgspec.json.encode(row)
        args = (row.attempt, encoded, *keep, int(names_nobody), MOST_USER_PLACES)
        reply = await self._store.script(BOOK, keys, (*args, *row_arguments(row, rules)))
        return None if reply is None else reply.decode()


def count(row: LedgerRow) -> None:
    """Add a row to the Prometheus metrics of its certainty (tokens and cost carry closed labels)."""
    metrics.ROWS.labels(row.provider_label, row.certainty.value).inc()
    for name, tokens in zip(BUCKETS, buckets(row.usage), strict=True):
        if tokens:
            metrics.TOKENS.labels(row.provider_label, row.model_label, name).inc(tokens)
    if row.cost_nano:
        metrics.COST_DOLLARS.labels(row.provider_label, row.model_label).inc(row.cost_nano / 1e9)
    if row.price_state in UNSURE and row.usage.total:
        metrics.UNPRICED.labels(row.provider_label, row.price_state.value).inc()
