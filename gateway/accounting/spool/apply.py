"""Books one user's rows in the store: one script in the user's slot, exactly once per row.

The store keeps, per user and spool, the number of the last booking it has applied (a watermark).
The script does nothing below it, and raises it in the same step as the totals; so the same rows may
be given again and again. A booking that says it follows another one is refused (`gap`) where the
watermark is lower than that: the store has lost its tail, and must be given what it lost first.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.accounting.day_totals import (
    ADD_ROW,
    DEFAULT_RULES,
    MOST_USER_PLACES,
    BookingRules,
    row_arguments,
)
from gateway.accounting.limits.charging import CHARGE, ChargeArguments
from gateway.accounting.limits.tally import charges_of_user, without_user
from gateway.accounting.measures import OTHER, day_of
from gateway.accounting.rows import anonymous
from gateway.accounting.spool.frames import Closed
from gateway.store import names
from gateway.store.base import Argument, Script, Store

KEEP_S: Final = 35 * 86_400
"""How long drained segments are kept. A watermark outlives its segments."""

MARK_KEEP_S: Final = KEEP_S + 5 * 86_400
KEEP_ROWS: Final = 10_000
MOST_MARKS: Final = 64
MOST_ROWS: Final = 50
"""Rows in one call: bounds what a script does at a time."""

APPLY: Final = Script(
    "apply_rows",
    ADD_ROW
    + CHARGE
    + """
    local marks, log = KEYS[1], KEYS[2]
    if ARGV[11] == '0' and redis.call('EXISTS', KEYS[3]) == 1 then return {-1, ''} end
    local spool, today, force = ARGV[1], tonumber(ARGV[2]), ARGV[3]
    local mark = tonumber((redis.call('HGET', marks, spool) or '0'):match('^%d+'))
    local before, at, renamed = mark, 12, {}
    for n = 1, tonumber(ARGV[8]) do
      local seq, previous = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
      local attempt, row = ARGV[at + 2], ARGV[at + 3]
      local request, day, sums = KEYS[2 + 2 * n], KEYS[3 + 2 * n], at + 4
      if seq > mark then
        if mark < previous and force == '0' then break end
        redis.call('HSET', request, attempt, row)
        redis.call('EXPIRE', request, ARGV[4])
        redis.call('XADD', log, 'MAXLEN', '~', ARGV[6], '*', 'row', row)
        renamed[n] = add_row(day, sums, tonumber(ARGV[10])) == ARGV[sums + 2] and '0' or '1'
        redis.call('EXPIRE', day, ARGV[5])
        charge(after_row(sums))
        mark = seq
      else
        renamed[n] = was_renamed(day, sums) and '1' or '0'
      end
      at = after_charges(after_row(sums))
    end
    if mark > before then
      redis.call('HSET', marks, spool, string.format('%d %d', mark, today))
      redis.call('EXPIRE', marks, ARGV[7])
      redis.call('EXPIRE', log, ARGV[4])
      local time = redis.call('TIME')
      local oldest_row = (tonumber(time[1]) - tonumber(ARGV[4])) * 1000
      redis.call('XTRIM', log, 'MINID', string.format('%.0f', math.max(oldest_row, 0)))
      if redis.call('HLEN', marks) > tonumber(ARGV[9]) then
        local all = redis.call('HGETALL', marks)
        local oldest = today - math.floor(tonumber(ARGV[7]) / 86400)
        for i = 1, #all, 2 do
          local day = tonumber(all[i + 1]:match('%d+$'))
          if day < oldest then redis.call('HDEL', marks, all[i]) end
        end
      end
    end
    return {mark, table.concat(renamed)}
    """,
)
"""KEYS: the user's watermarks, the user's row log, the mark of a user who is gone, then per row the
request's rows and the day's totals, then what `CHARGE` takes. ARGV: spool, today (days since 1970), 1 to apply across gaps,
seconds to keep rows, seconds to keep totals, rows to keep, seconds to keep watermarks, how many
rows, most watermarks, most places, 1 if the rows name nobody; then per row its number, its
predecessor's, attempt, row, and what `ADD_ROW` and `CHARGE` take. Returns the watermark as it is then: rows
above it were refused because of a gap; and per row up to it 1 if its feature was booked as `other`.
The watermark is -1, and nothing is booked, if the user is gone and the rows still name more."""

_GONE: Final = -1


class Applied(Struct, frozen=True):
    """How far a user's bookings are applied, and those up to there under their booked features."""

    mark: int
    bookings: Sequence[Closed]


async def apply_rows(
    store: Store,
    spool: str,
    bookings: Sequence[Closed],
    *,
    now: float,
    rules: BookingRules = DEFAULT_RULES,
    force: bool = False,
) -> Applied:
    """Book rows of one user, ascending and at most `MOST_ROWS`.

    Where the watermark is below the last booking's number, the store lacks what came before the
    next one. `force` books over such a gap. Of a user who is gone, rows are booked without what
    names anybody. Raises StoreAway.
    """
    head = (spool, int(now // 86_400), int(force), rules.keep_rows_s, rules.keep_totals_s)
    mark, renamed = await _run(store, head, bookings, rules, names_nobody=False)
    if mark == _GONE:
        bookings = [_unnamed(each) for each in bookings]
        mark, renamed = await _run(store, head, bookings, rules, names_nobody=True)
    # Up to the refused ones there is a digit for each.
    applied = [
        replace(booking, row=replace(booking.row, feature=OTHER)) if flag == "1" else booking
        for booking, flag in zip(bookings, renamed, strict=False)
    ]
    return Applied(mark, applied)


def _unnamed(booking: Closed) -> Closed:
    return replace(booking, row=anonymous(booking.row), tally=without_user(booking.tally))


async def _run(
    store: Store,
    head: Sequence[Argument],
    bookings: Sequence[Closed],
    rules: BookingRules,
    *,
    names_nobody: bool,
) -> tuple[int, str]:
    user_id = bookings[0].row.user_id
    keys = [names.usage_marks(user_id), names.usage_rows(user_id), names.user_gone(user_id)]
    charged = ChargeArguments(len(keys) + 2 * len(bookings))
    bounds = (KEEP_ROWS, MARK_KEEP_S, len(bookings), MOST_MARKS, MOST_USER_PLACES)
    args: list[Argument] = [*head, *bounds, int(names_nobody)]
    for booking in bookings:
        row = booking.row
        keys += (
            names.usage_request(user_id, row.request_id),
            names.usage_day(user_id, day_of(row.time)),
        )
        args += (booking.seq, booking.previous, row.attempt, msgspec.json.encode(row))
        args += row_arguments(row, rules)
        args += charged.of(charges_of_user(booking.tally, row))
    keys += charged.keys
    mark, renamed = await store.script(APPLY, keys, args)
    return int(mark), renamed.decode()
