"""Asks the store about the counters of one slot: a user's, or everyone's.

All keys of a call carry the slot's hash tag.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from gateway.accounting.limits.counters import Counter, Measure, Standing
from gateway.accounting.limits.scripts import ADMIT, RELEASE, UNDO
from gateway.accounting.limits.windows import Windows
from gateway.store import names
from gateway.store.base import Argument, Store

_GRACE_S: Final = 60


class Verdict(Enum):
    """What became of a request to be let in."""

    ADMITTED = 0
    ANOTHER_EPOCH = -1
    ANOTHER_TIME = -2
    REFUSED = 1


class Answer(Struct, frozen=True):
    """What a slot says. `now` is the store's time (Unix seconds), `full` the counter that refused."""

    verdict: Verdict
    epoch: int | None
    now: float
    standings: tuple[Standing, ...] = ()
    full: Standing | None = None


async def admit_in(  # noqa: PLR0913  # one call of one script
    store: Store,
    slot: str,
    hold: str,
    epoch: int | None,
    counters: Sequence[Counter],
    windows: Windows,
    lease_s: float,
) -> Answer:
    """Ask a slot to let a request in. `epoch` None: of no user. Raises StoreAway, ResponseError."""
    keys = [names.user(slot), *_hold_keys(slot), *(_used_key(slot, each) for each in counters)]
    args: list[Argument] = [hold, "" if epoch is None else epoch, int(lease_s * 1000)]
    args += (windows.start, windows.end, len(counters))
    for counter in counters:
        mode = "count" if counter.measure is Measure.REQUESTS else "hold"
        until = counter.window.end + _GRACE_S
        args += (counter.field, counter.limit, counter.amount, mode, until)
    return _read(counters, await store.script(ADMIT, keys, args))


async def undo_in(store: Store, slot: str, hold: str, counters: Sequence[Counter]) -> None:
    """Take back that a request was let in. Raises StoreAway, ResponseError."""
    counted = [each for each in counters if each.measure is Measure.REQUESTS]
    keys = (*_hold_keys(slot), *(_used_key(slot, each) for each in counted))
    await store.script(UNDO, keys, (hold, *(each.amount for each in counted)))


async def release_in(store: Store, slot: str, hold: str) -> None:
    """Release what a request holds. Raises StoreAway, ResponseError."""
    await store.script(RELEASE, _hold_keys(slot), (hold,))


async def read_standings(
    store: Store, slot: str, counters: Sequence[Counter]
) -> tuple[Standing, ...]:
    """Return counters as they are. Raises StoreAway, ResponseError."""
    if not counters:
        return ()
    used, held = await store.run_many(
        [
            ("MGET", *(_used_key(slot, each) for each in counters)),
            ("HMGET", names.limit_held(slot), *(each.field for each in counters)),
        ]
    )
    return _standings(counters, used, held)


def _hold_keys(slot: str) -> tuple[str, str, str]:
    return names.limit_leases(slot), names.limit_parts(slot), names.limit_held(slot)


def _used_key(slot: str, counter: Counter) -> str:
    return names.limit_used(slot, counter.subject, counter.measure.value, counter.window.name)


def _read(counters: Sequence[Counter], reply: Sequence[Any]) -> Answer:
    epoch, time_ms, code, *amounts = reply
    standings = _standings(counters, *amounts) if amounts else ()
    verdict = Verdict.REFUSED if code > 0 else Verdict(code)
    full = standings[code - 1] if code > 0 else None
    return Answer(verdict, None if epoch is None else int(epoch), time_ms / 1000, standings, full)


def _standings(
    counters: Sequence[Counter], used: Sequence[Any], held: Sequence[Any]
) -> tuple[Standing, ...]:
    return tuple(
        Standing(counter, int(booked or 0), int(aside or 0))
        for counter, booked, aside in zip(counters, used, held, strict=True)
    )
