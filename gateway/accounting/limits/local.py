"""Counts by itself while the store is away: one process's view, from where the store left off.

What the store last said of a counter is remembered, so that a budget that was spent stays spent.
Each process counts on alone from there.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gateway.accounting.limits.counters import (
    EVERYONE,
    EVERYONES_SLOT,
    Counter,
    Measure,
    Standing,
)

_Key = tuple[str, str]  # user id, subject:measure:window
MOST_COUNTERS: Final = 50_000
MOST_RUNNING: Final = 50_000


class _Hold(Struct, frozen=True):
    """What one request on its way has set aside here, until when at most."""

    until: float
    parts: tuple[tuple[_Key, int], ...]


class LocalCounters:
    """Counters and holds in memory; the least recent counters are forgotten beyond a bound."""

    def __init__(self) -> None:
        self._used: OrderedDict[_Key, int] = OrderedDict()
        self._holds: OrderedDict[str, _Hold] = OrderedDict()

    def learn(self, hold: str, user_id: str, standings: Sequence[Standing], until: float) -> None:
        """Take over what the store says, a request let in just now included.

        What others have set aside counts as used: nobody will tell what becomes of it.
        """
        parts = []
        for standing in standings:
            key = _key(user_id, standing.counter)
            if standing.counter.measure is Measure.CONCURRENT:
                parts.append((key, standing.counter.amount))
            else:
                self._set(key, standing.used + standing.held)
        if parts:
            self._enter(hold, _Hold(until, tuple(parts)))

    def admit(
        self, hold: str, user_id: str, counters: Sequence[Counter], until: float, now: float
    ) -> tuple[tuple[Standing, ...], Standing | None]:
        """Let a request in if all its counters have room; else do nothing, and return which has none."""
        self._forget(now)
        standings = self._standings(user_id, counters)
        full = next((standing for standing in standings if standing.is_full), None)
        if full is not None:
            return standings, full
        parts = []
        for counter in counters:
            key = _key(user_id, counter)
            if counter.measure is Measure.REQUESTS:
                self._set(key, self._used.get(key, 0) + counter.amount)
            else:
                parts.append((key, counter.amount))
        self._enter(hold, _Hold(until, tuple(parts)))
        return self._standings(user_id, counters), None

    def end(self, hold: str) -> None:
        """Turn what a request held into use, but for the place it took among others.

        Without the store nobody adds up what was really used: the reservation stands for it.
        """
        ended = self._holds.pop(hold, None)
        for key, amount in ended.parts if ended else ():
            if f":{Measure.CONCURRENT}:" not in key[1]:
                self._set(key, self._used.get(key, 0) + amount)

    def _standings(self, user_id: str, counters: Sequence[Counter]) -> tuple[Standing, ...]:
        keys = [_key(user_id, counter) for counter in counters]
        held = dict.fromkeys(keys, 0)
        for hold in self._holds.values():
            for key, amount in hold.parts:
                if key in held:
                    held[key] += amount
        return tuple(
            Standing(counter, self._used.get(key, 0), held[key])
            for counter, key in zip(counters, keys, strict=True)
        )

    def _set(self, key: _Key, used: int) -> None:
        self._used[key] = used
        self._used.move_to_end(key)
        if len(self._used) > MOST_COUNTERS:
            self._used.popitem(last=False)

    def _enter(self, hold: str, held: _Hold) -> None:
        self._holds[hold] = held
        if len(self._holds) > MOST_RUNNING:
            self.end(next(iter(self._holds)))

    def _forget(self, now: float) -> None:
        for hold in [hold for hold, held in self._holds.items() if held.until < now]:
            self.end(hold)


def _key(user_id: str, counter: Counter) -> _Key:
    owner = EVERYONES_SLOT if counter.subject == EVERYONE else user_id
    return owner, counter.field
