"""What a row adds to the totals of its day, and under which names. Pure.

    <provider> <model> <feature> <key source> <certainty> <measure>   →  an integer

The names are separated by a control character that is taken out of them. Totals of an attempt's
certainty stand apart, so that what was estimated can always be told from what was measured.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from gateway.accounting.cost import BUCKETS, buckets
from gateway.accounting.rows import LedgerRow
from gateway.types.models import PriceState

FIELD_SEPARATOR: Final = "\x1f"
ATTEMPTS: Final = "attempts"
COST: Final = "cost_nano"
UNSURE: Final[Mapping[PriceState, str]] = {
    PriceState.UNKNOWN: "unpriced",
    PriceState.CEILING: "at_ceiling",
    PriceState.APPROXIMATE: "approximate",
}
"""What an attempt with tokens counts as when its cost is not that of a known price."""

MEASURES: Final = frozenset((*BUCKETS, *UNSURE.values(), ATTEMPTS, COST))
OTHER: Final = "other"
_LONGEST_NAME: Final = 200


class Place(Struct, frozen=True, order=True):
    """Where an attempt stands in totals, beside its day and its user."""

    provider: str
    model: str
    feature: str
    key_source: str
    certainty: str


class Amount(Struct, frozen=True):
    """One field of a day's totals as it was read."""

    place: Place
    measure: str
    value: int


def place_of(row: LedgerRow) -> Place:
    """Return where a row stands."""
    names = (row.provider, row.model, row.feature, row.key_source, row.certainty.value)
    return Place(*(_plain(name) for name in names))


def amounts_of(row: LedgerRow) -> dict[str, int]:
    """Return what a row adds, by measure. Every row adds an attempt."""
    amounts = {name: n for name, n in zip(BUCKETS, buckets(row.usage), strict=True) if n}
    amounts[ATTEMPTS] = 1
    if row.cost_nano:
        amounts[COST] = row.cost_nano
    unsure = UNSURE.get(row.price_state)
    if unsure is not None and row.usage.total:
        amounts[unsure] = 1
    return amounts


def read_field(field: bytes, value: bytes) -> Amount | None:
    """Return a field of a day's totals; None for one that is something else, or nothing of ours."""
    try:
        *names, measure = field.decode().split(FIELD_SEPARATOR)
        if len(names) != len(Place.__struct_fields__) or measure not in MEASURES:
            return None
        return Amount(Place(*names), measure, int(value))
    except ValueError:  # put there by hand
        return None


def day_of(unix_s: float) -> str:
    """Return the UTC day of a time as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d")


def _plain(name: str) -> str:
    return name[:_LONGEST_NAME].replace(FIELD_SEPARATOR, " ")
