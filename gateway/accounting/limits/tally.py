"""What a booked row adds to the counters of its request. Pure, and the same at every replay.

A request fixes its tally when it is let in: which subjects, and the minute, day and month that it
counts in whenever it ends. The tally travels with each of its rows, so that whoever books a row,
also for a worker that has died, knows where to.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.accounting.limits.counters import EVERYONE, EVERYONES_SLOT, USER, Measure
from gateway.accounting.limits.windows import Window, Windows
from gateway.accounting.rows import LedgerRow
from gateway.store import names
from gateway.types.limits import LimitSet

_GRACE_S: Final = 3_600
"""How long a counter is kept beyond its window: nobody asks for it any more."""


class Tally(Struct, frozen=True, array_like=True):
    """Where a request's rows count.

    `costs` are the user's subjects whose cost is counted, `tokens` those whose tokens of the
    minute are, `everyone_tokens` whether everyone's are. `held` are the slots (`user`, `all`) in
    which something is set aside for the request.
    """

    windows: Windows
    costs: tuple[str, ...] = (USER,)
    tokens: tuple[str, ...] = ()
    everyone_tokens: bool = False
    held: tuple[str, ...] = ()


class Charge(Struct, frozen=True):
    """An addition to one counter. `until` is when its key may be forgotten (Unix seconds)."""

    key: str
    amount: int
    until: int


def tally_of(
    limits: Mapping[str, LimitSet],
    everyone: LimitSet,
    windows: Windows,
    held: tuple[str, ...] = (),
) -> Tally:
    """Return the tally of a request, from the limits of its subjects.

    The costs of the user and of everyone are counted without a limit too: one that is set in the
    middle of a month knows what the month has cost so far.
    """
    costs = (
        subject
        for subject, each in limits.items()
        if subject == USER or (each.cost_per_day_usd, each.cost_per_month_usd) != (None, None)
    )
    tokens = (subject for subject, each in limits.items() if each.tokens_per_minute is not None)
    return Tally(windows, tuple(costs), tuple(tokens), everyone.tokens_per_minute is not None, held)


def without_user(tally: Tally | None) -> Tally | None:
    """Return a tally in which only everyone's counters are left: of a user who is gone."""
    return None if tally is None else replace(tally, costs=(), tokens=())


def charges_of_user(tally: Tally | None, row: LedgerRow) -> tuple[Charge, ...]:
    """Return what a row adds in its user's slot."""
    if tally is None:
        return ()
    return tuple(_charges(tally.windows, row.user_id, tally.costs, tally.tokens, row))


def charges_of_everyone(tally: Tally | None, row: LedgerRow) -> tuple[Charge, ...]:
    """Return what a row adds in everyone's slot."""
    if tally is None:
        return ()
    tokens = (EVERYONE,) if tally.everyone_tokens else ()
    return tuple(_charges(tally.windows, EVERYONES_SLOT, (EVERYONE,), tokens, row))


def _charges(
    windows: Windows, slot: str, costs: tuple[str, ...], tokens: tuple[str, ...], row: LedgerRow
) -> Iterator[Charge]:
    def charge(subject: str, measure: Measure, window: Window, amount: int) -> Charge:
        key = names.limit_used(slot, subject, measure.value, window.name)
        return Charge(key, amount, window.end + _GRACE_S)

    cost, used = row.cost_nano or 0, row.usage.total
    for subject in costs if cost else ():
        yield charge(subject, Measure.COST_DAY, windows.day, cost)
        yield charge(subject, Measure.COST_MONTH, windows.month, cost)
    for subject in tokens if used else ():
        yield charge(subject, Measure.TOKENS, windows.minute, used)
