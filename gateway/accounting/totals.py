"""Adds what users were booked to the deployment's totals, once per booking.

Users' rows and the deployment's totals lie in different slots, so this is a second script, run
after the user's. The totals of a day keep the number of the last booking of each spool that they
have: the same bookings may be given again. Bookings of a spool are added in order. Whoever adds
remembers what it added last; where the store has less, it has lost something (`add_up` tells), and
is given that first.
"""

from collections.abc import MutableMapping, Sequence
from typing import Final

from gateway.accounting.day_totals import ADD_ROW, MOST_PLACES, BookingRules, row_arguments
from gateway.accounting.limits.charging import CHARGE, ChargeArguments
from gateway.accounting.limits.tally import charges_of_everyone
from gateway.accounting.measures import day_of
from gateway.accounting.spool.frames import Closed
from gateway.store import names
from gateway.store.base import Argument, Script, Store

MOST_ROWS: Final = 50
"""Rows in one call: bounds what a script does at a time."""

_MOST_DAYS_KNOWN: Final = 64

ADD_UP: Final = Script(
    "add_up",
    ADD_ROW
    + CHARGE
    + """
    local day, mark_field, most = KEYS[1], ARGV[1], tonumber(ARGV[4])
    local mark, at = tonumber(redis.call('HGET', day, mark_field) or '0'), 6
    if mark < tonumber(ARGV[2]) then return mark end
    local before = mark
    for n = 1, tonumber(ARGV[5]) do
      local seq = tonumber(ARGV[at])
      if seq > mark then
        add_row(day, at + 1, most)
        charge(after_row(at + 1))
        mark = seq
      end
      at = after_charges(after_row(at + 1))
    end
    if mark > before then
      redis.call('HSET', day, mark_field, string.format('%d', mark))
      redis.call('EXPIRE', day, ARGV[3])
    end
    return mark
    """,
)
"""KEYS: the day's totals, then what `CHARGE` takes. ARGV: the spool's field, the booking that the store must have (0: none), seconds to
keep the totals, most places, how many rows, and per row its number and what `ADD_ROW` and
`CHARGE` take.
Returns the mark as it is then; where that is below the one it must have, nothing was added."""


async def add_up(
    store: Store,
    spool: str,
    bookings: MutableMapping[int, Closed],
    known: MutableMapping[str, int],
    rules: BookingRules,
    *,
    force: bool = False,
) -> bool:
    """Add bookings of one spool; False if the store lacks some that were added before.

    What is added is taken out of `bookings`, which are by their numbers. `known` is, by day, the last booking that was added to it, and is brought up to date. `force`
    adds over such a gap. Days are independent of each other. Raises StoreAway.
    """
    by_day: dict[str, list[Closed]] = {}
    for seq in sorted(bookings):
        by_day.setdefault(day_of(bookings[seq].row.time), []).append(bookings[seq])
    for day, of_day in by_day.items():
        for start in range(0, len(of_day), MOST_ROWS):
            part = of_day[start : start + MOST_ROWS]
            must_have = 0 if force else known.get(day, 0)
            mark = await _add_part(store, spool, day, part, must_have, rules)
            if mark < must_have:
                return False
            _note(known, day, mark)
            for booking in part:
                del bookings[booking.seq]
    return True


def mark_field(spool: str) -> str:
    """Return the field of a day's totals that tells the last booking of a spool in them."""
    return f"mark:{spool}"


async def _add_part(
    store: Store,
    spool: str,
    day: str,
    bookings: Sequence[Closed],
    must_have: int,
    rules: BookingRules,
) -> int:
    keep = (rules.keep_totals_s, MOST_PLACES)
    charged = ChargeArguments(1)
    args: list[Argument] = [mark_field(spool), must_have, *keep, len(bookings)]
    for booking in bookings:
        args.append(booking.seq)
        args += row_arguments(booking.row, None)
        args += charged.of(charges_of_everyone(booking.tally, booking.row))
    return int(await store.script(ADD_UP, [names.totals_day(day), *charged.keys], args))


def _note(known: MutableMapping[str, int], day: str, mark: int) -> None:
    known[day] = mark
    while len(known) > _MOST_DAYS_KNOWN:
        del known[min(known)]
