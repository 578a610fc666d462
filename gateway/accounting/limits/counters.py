"""Which counters a request touches, and by how much. Pure.

A counter is what a subject uses of one measure in one window. `used` is what was booked, `held`
what is set aside for requests on their way; a request is let in while `used + held` and its own
amount stay within the limit. What is not limited is not counted here.

    subject   `user`, `token:<id>`, `feature:<name>`; in everyone's slot `all`
    window    `m29923920`, `d2026-11-23`, `M2026-11`; `now` for what is running
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from gateway.accounting.limits.reserve import Reservation
from gateway.accounting.limits.windows import Window, Windows
from gateway.types.limits import LimitSet

USER: Final = "user"
EVERYONE: Final = "all"
EVERYONES_SLOT: Final = ""
"""Stands for a user's id in the names of what is everyone's."""

NANO: Final = 1_000_000_000
RUNNING: Final = Window("now", 0, 0)


class Measure(StrEnum):
    """What is counted; costs in nano-dollars."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENT = "concurrent"
    COST_DAY = "cost_day"
    COST_MONTH = "cost_month"


class Counter(Struct, frozen=True):
    """One counter that a request touches: its limit, and what the request may add."""

    subject: str
    measure: Measure
    window: Window
    limit: int
    amount: int

    @property
    def field(self) -> str:
        """Its name among what is held."""
        return f"{self.subject}:{self.measure.value}:{self.window.name}"

    @property
    def is_cost(self) -> bool:
        """Whether it counts nano-dollars."""
        return self.measure in (Measure.COST_DAY, Measure.COST_MONTH)


class Standing(Struct, frozen=True):
    """A counter as the store has it: once the request is let in, or as it was refused."""

    counter: Counter
    used: int
    held: int

    @property
    def left(self) -> int:
        """How much is left."""
        return max(0, self.counter.limit - self.used - self.held)

    @property
    def is_full(self) -> bool:
        """Whether the request does not fit."""
        return self.used + self.held + self.counter.amount > self.counter.limit

    @property
    def is_full_of_held(self) -> bool:
        """Whether the request would fit if those on their way used nothing."""
        return self.is_full and self.used + self.counter.amount <= self.counter.limit


def token_subject(token_id: str) -> str:
    """Return the subject of a token's counters."""
    return f"token:{token_id}"


def feature_subject(feature: str) -> str:
    """Return the subject of a feature's counters."""
    return f"feature:{feature}"


def counters_of(
    limits: Mapping[str, LimitSet], reserved: Reservation, windows: Windows
) -> tuple[Counter, ...]:
    """Return the counters of a request, of subjects by their limits."""

    def of(subject: str, limit_set: LimitSet) -> Iterator[Counter]:
        for measure, window, limit, amount in (
            (Measure.REQUESTS, windows.minute, limit_set.requests_per_minute, 1),
            (Measure.TOKENS, windows.minute, limit_set.tokens_per_minute, reserved.tokens),
            (Measure.CONCURRENT, RUNNING, limit_set.concurrent, 1),
            (Measure.COST_DAY, windows.day, nano(limit_set.cost_per_day_usd), reserved.cost_nano),
            (
                Measure.COST_MONTH,
                windows.month,
                nano(limit_set.cost_per_month_usd),
                reserved.cost_nano,
            ),
        ):
            if limit is not None:
                yield Counter(subject, measure, window, limit, amount)

    return tuple(counter for subject, each in limits.items() for counter in of(subject, each))


def nano(dollars: Decimal | None) -> int | None:
    """Return dollars in nano-dollars."""
    return None if dollars is None else int(dollars * NANO)
