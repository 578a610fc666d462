"""What a user, a token, a feature or the whole deployment may use at most."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
MOST_DOLLARS: Final = 1_000_000


class LimitSet(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of one subject; None: no limit of this kind.

    Minutes are those of UTC; days and months those of the configured time zone. Costs are US
    dollars; `faults_of` tells what is wrong with them. What a request may use is reserved before it
    is sent and settled after it.
    """

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent: Count | None = None
    cost_per_day_usd: Decimal | None = None
    cost_per_month_usd: Decimal | None = None


NO_LIMITS: Final = LimitSet()
LIMIT_NAMES: Final = LimitSet.__struct_fields__


def faults_of(limits: LimitSet) -> Iterator[tuple[str, str]]:
    """Yield (member, what is wrong with it): of dollars, which the type does not bound."""
    for name in ("cost_per_day_usd", "cost_per_month_usd"):
        dollars: Decimal | None = getattr(limits, name)
        if dollars is not None and not (dollars.is_finite() and 0 <= dollars <= MOST_DOLLARS):
            yield name, f"must be a number of dollars from 0 to {MOST_DOLLARS}"


def merge_limits(own: LimitSet, default: LimitSet) -> LimitSet:
    """Return a subject's own limits, and the default ones where it has none of a kind."""
    return _combine(own, default, lambda mine, _: mine)


def strictest_limits(one: LimitSet, other: LimitSet) -> LimitSet:
    """Return the lower limit of each kind."""
    return _combine(one, other, min)


def _combine(one: LimitSet, other: LimitSet, choose: Callable[[Any, Any], Any]) -> LimitSet:
    """Return what is given of each kind, and the choice between the two where both are."""

    def of(name: str) -> Any:
        first, second = getattr(one, name), getattr(other, name)
        if first is None or second is None:
            return second if first is None else first
        return choose(first, second)

    return LimitSet(*(of(name) for name in LIMIT_NAMES))
