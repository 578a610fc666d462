"""Lets requests in within their limits: sets aside what they may use, and tells what is left.

    the user's slot: user, token, feature; the epoch, the time ──► everyone's slot ──► let in
                      │                                                 │
                      another epoch, another time: nothing is done      refused: the first is undone

While the store is away the operator's policy holds: this process counts by itself, nobody is let in,
or nobody counts.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final

from msgspec import Struct
from redis.exceptions import ResponseError

from gateway import metrics
from gateway.accounting.limits.counters import (
    EVERYONE,
    EVERYONES_SLOT,
    USER,
    Counter,
    Standing,
    counters_of,
)
from gateway.accounting.limits.local import LocalCounters
from gateway.accounting.limits.refusals import check_can_fit, rate_headers, refusal
from gateway.accounting.limits.reserve import Reservation
from gateway.accounting.limits.slots import (
    Answer,
    Verdict,
    admit_in,
    read_standings,
    release_in,
    undo_in,
)
from gateway.accounting.limits.tally import Tally, tally_of
from gateway.accounting.limits.windows import Windows, windows_at
from gateway.config.schema_limits import WhenStoreIsAway
from gateway.errors import GatewayError, StoreAway
from gateway.store.base import Store
from gateway.types.clock import Clock
from gateway.types.limits import LimitSet

WAITS_S: Final = (0.015, 0.06)
"""How long a request waits for another look, where only reservations are in its way: those of
requests that have just ended are on their way to be settled."""

_MOST_TRIES: Final = 4

log = logging.getLogger("gateway.limits")


class Wanted(Struct, frozen=True):
    """What a request asks for: as whom, under which limits, and how much it may use.

    `epoch` is the user's as the caller knows it. `limits` are those of the subjects `user`,
    `token:<id>` and `feature:<name>`. `lease_s` is how long the request can run at most.
    """

    request_id: str
    user_id: str
    epoch: int
    limits: Mapping[str, LimitSet]
    everyone: LimitSet
    reserved: Reservation
    zone: tzinfo
    lease_s: float
    when_away: WhenStoreIsAway


class Admission(Struct, frozen=True):
    """A request that was let in, at `now` (Unix seconds, by the store's clock): what is left now.

    `tally` goes with each row of the request. `is_local`: without the store.
    """

    wanted: Wanted
    standings: tuple[Standing, ...]
    tally: Tally
    now: float
    is_local: bool = False

    def headers(self) -> dict[str, str]:
        """Return the `x-ratelimit-*` headers."""
        return rate_headers(self.standings, self.now)


class Stale(Struct, frozen=True):
    """Nobody was let in: the user has another epoch than the caller thinks. None: no such user."""

    epoch: int | None


class _Refused(Struct, frozen=True):
    """No room: by which counter, and the error that says so."""

    standing: Standing
    error: GatewayError


class Gate:
    """Admits requests. One per worker; it knows how far its clock is from the store's."""

    def __init__(self, store: Store, clock: Clock, waits_s: Sequence[float] = WAITS_S) -> None:
        self._store = store
        self._clock = clock
        self._waits_s = tuple(waits_s)
        self._local = LocalCounters()
        self._holding: set[str] = set()
        self._ahead_s: float | None = None  # the store's clock over our monotonic one

    def now(self) -> float:
        """Return the time (Unix seconds) by the store's clock, as far as it is known."""
        if self._ahead_s is None:
            return self._clock.now()
        return self._clock.monotonic() + self._ahead_s

    async def admit(self, wanted: Wanted) -> Admission | Stale:
        """Let a request in, or do nothing at all.

        Raises ExceedsLimit, RateLimited, BudgetSpent; StoreAway if the store does not count.
        """
        try:
            found = await self._try(wanted)
            for wait_s in self._waits_s:
                if not (isinstance(found, _Refused) and found.standing.is_full_of_held):
                    break
                await asyncio.sleep(wait_s)
                found = await self._try(wanted)
        except ResponseError:  # what is stored there is none of ours
            log.error("limits of user %s cannot be checked: the store refuses", wanted.user_id)  # noqa: TRY400
            raise StoreAway(_AWAY) from None
        if isinstance(found, _Refused):
            _count(found.standing)
            raise found.error
        if isinstance(found, Admission):
            self._note(found)
        return found

    async def look(self, wanted: Wanted) -> tuple[Standing, ...]:
        """Return how a request's counters stand, without letting it in. Raises StoreAway."""
        windows = windows_at(self.now(), wanted.zone)
        own = await read_standings(self._store, wanted.user_id, _own(wanted, windows))
        shared = await read_standings(self._store, EVERYONES_SLOT, _shared(wanted, windows))
        return own + shared

    def admit_away(self, wanted: Wanted) -> Admission:
        """Decide without the store, as the operator says.

        For users whom the caller knows well enough. Raises StoreAway, ExceedsLimit, RateLimited,
        BudgetSpent.
        """
        metrics.LIMITS_UNCHECKED.labels(wanted.when_away.value).inc()
        if wanted.when_away is WhenStoreIsAway.REFUSE:
            raise StoreAway(_AWAY)
        now = self.now()
        windows = windows_at(now, wanted.zone)
        tally = self._tally(wanted, windows)
        if wanted.when_away is WhenStoreIsAway.ALLOW:
            return Admission(wanted, (), tally, now, is_local=True)
        counters = (*_own(wanted, windows), *_shared(wanted, windows))
        check_can_fit(counters)
        standings, full = self._local.admit(
            wanted.request_id, wanted.user_id, counters, now + wanted.lease_s, now
        )
        if full is not None:
            _count(full)
            raise refusal(full, standings, now, wanted.zone)
        admission = Admission(wanted, standings, tally, now, is_local=True)
        self._note(admission)
        return admission

    def end(self, admission: Admission) -> None:
        """Note that a request has ended, for what this process counts by itself.

        What is held in the store is released behind the request's rows (`spool`).
        """
        self._local.end(admission.wanted.request_id)
        self._holding.discard(admission.wanted.request_id)
        metrics.RESERVATIONS_HELD.set(len(self._holding))

    async def undo(self, admission: Admission) -> None:
        """Take an admission back as if it had never been. Never raises; its lease ends by itself."""
        self.end(admission)
        counters = [standing.counter for standing in admission.standings]
        shared = [counter for counter in counters if counter.subject == EVERYONE]
        own = [counter for counter in counters if counter.subject != EVERYONE]
        await self._undo(admission.wanted.user_id, admission.wanted.request_id, own)
        await self._undo(EVERYONES_SLOT, admission.wanted.request_id, shared)

    def _note(self, admission: Admission) -> None:
        if admission.tally.held:
            self._holding.add(admission.wanted.request_id)
            metrics.RESERVATIONS_HELD.set(len(self._holding))

    async def _try(self, wanted: Wanted) -> Admission | Stale | _Refused:
        for _ in range(_MOST_TRIES):
            windows = windows_at(self.now(), wanted.zone)
            own, shared = _own(wanted, windows), _shared(wanted, windows)
            check_can_fit((*own, *shared))
            answer = await self._ask(wanted, wanted.user_id, own, windows)
            standings = answer.standings
            if answer.verdict is Verdict.ANOTHER_EPOCH:
                return Stale(answer.epoch)
            if answer.verdict is Verdict.ADMITTED and shared:
                answer = await self._ask_for_everyone(wanted, own, shared, windows)
                standings += answer.standings
            if answer.verdict is Verdict.REFUSED and answer.full is not None:
                return _Refused(
                    answer.full, refusal(answer.full, standings, answer.now, wanted.zone)
                )
            if answer.verdict is Verdict.ADMITTED:
                self._local.learn(
                    wanted.request_id, wanted.user_id, standings, answer.now + wanted.lease_s
                )
                return Admission(wanted, standings, self._tally(wanted, windows), answer.now)
        raise StoreAway("The limits cannot be checked: the store's clock does not stand still.")

    async def _ask_for_everyone(
        self,
        wanted: Wanted,
        own: Sequence[Counter],
        shared: Sequence[Counter],
        windows: Windows,
    ) -> Answer:
        """Ask everyone's slot behind the user's, and undo what that one did unless both let it in."""
        admitted = False
        try:
            answer = await self._ask(wanted, EVERYONES_SLOT, shared, windows)
            admitted = answer.verdict is Verdict.ADMITTED
            return answer
        finally:
            if not admitted:
                await self._undo(wanted.user_id, wanted.request_id, own)

    async def _ask(
        self, wanted: Wanted, slot: str, counters: Sequence[Counter], windows: Windows
    ) -> Answer:
        """Ask one slot. A caller who is cancelled meanwhile leaves nothing behind."""
        epoch = None if slot == EVERYONES_SLOT else wanted.epoch
        try:
            answer = await admit_in(
                self._store, slot, wanted.request_id, epoch, counters, windows, wanted.lease_s
            )
        except asyncio.CancelledError:
            await self._undo(slot, wanted.request_id, counters)
            raise
        self._ahead_s = answer.now - self._clock.monotonic()
        return answer

    async def _undo(self, slot: str, hold: str, counters: Sequence[Counter]) -> None:
        if counters:
            with contextlib.suppress(StoreAway, ResponseError):
                await undo_in(self._store, slot, hold, counters)

    def _tally(self, wanted: Wanted, windows: Windows) -> Tally:
        holding = {USER: _own(wanted, windows), EVERYONE: _shared(wanted, windows)}
        held = tuple(name for name, counters in holding.items() if counters)
        return tally_of(wanted.limits, wanted.everyone, windows, held)


async def release(store: Store, user_id: str, hold: str, tally: Tally | None) -> None:
    """Release what a request holds, in whichever slots it does; harmless when repeated.

    Raises StoreAway.
    """
    slots = {USER: user_id, EVERYONE: EVERYONES_SLOT}
    for name in tally.held if tally is not None else ():
        with contextlib.suppress(ResponseError):  # what is stored there is none of ours
            await release_in(store, slots[name], hold)


def _count(full: Standing) -> None:
    kind = full.counter.subject.partition(":")[0]
    metrics.LIMIT_REFUSALS.labels(full.counter.measure.value, kind).inc()


def _own(wanted: Wanted, windows: Windows) -> tuple[Counter, ...]:
    return counters_of(wanted.limits, wanted.reserved, windows)


def _shared(wanted: Wanted, windows: Windows) -> tuple[Counter, ...]:
    return counters_of({EVERYONE: wanted.everyone}, wanted.reserved, windows)


_AWAY: Final = "The limits cannot be checked at the moment. Try again later."
