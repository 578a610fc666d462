"""What personal context is made of: kinds with their fields and windows, and records."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from msgspec import Struct

from gateway.types.account import Scope


class Dating(StrEnum):
    """How the records of a kind stand in time."""

    SINGLE = "single"  # one record for ever, not in time: the profile
    NONE = "none"  # any number of records, not in time: pillars
    DAY = "day"  # each record belongs to a day, in the user's time zone
    WEEK = "week"  # each record belongs to an ISO week; its day is that week's Monday
    COMPUTED = "computed"  # never stored: made of other kinds or of the clock, at request time


class BreakpointPolicy(StrEnum):
    """Where the context block gets a cache breakpoint, of those its target still has free."""

    CLIENT = "client"  # where the client itself marks what is to be cached
    ALWAYS = "always"
    NEVER = "never"


class FieldType(StrEnum):
    """What a member of a record may hold."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TAGS = "tags"  # a list of short texts
    TIME = "time"  # "HH:MM", 24 hours


class Field(Struct, frozen=True):
    """One member of a kind's records. Lengths are characters; a bound that is None does not hold."""

    name: str
    type: FieldType
    required: bool = False
    max_length: int = 500  # of a text, or of each tag
    minimum: float | None = None
    maximum: float | None = None


class Kind(Struct, frozen=True):
    """A kind of context. `windows` maps each scope that includes it to the days it looks back.

    A window of None is everything there is (kinds not in time). `keeps_history_of` names a number
    field whose earlier values stay in the record, one a day, so that its trend can be told.
    A record holds at least one of `needs_one_of`, or of all fields where that is empty.
    `retention_days` is counted back from today in UTC; None keeps records until they are deleted.
    """

    name: str
    title: str  # its heading in the block
    dating: Dating
    fields: tuple[Field, ...] = ()
    windows: Mapping[Scope, int | None] = {}
    keeps_history_of: str | None = None
    retention_days: int | None = None
    max_records: int = 20_000
    needs_one_of: tuple[str, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether its records belong to days or weeks."""
        return self.dating in (Dating.DAY, Dating.WEEK)

    @property
    def stored(self) -> bool:
        """Whether it has records at all."""
        return self.dating is not Dating.COMPUTED

    @property
    def lowest_scope(self) -> Scope | None:
        """The lowest scope that includes it, None if none does."""
        return min(self.windows, key=lambda scope: scope.rank, default=None)


class HistoryPoint(Struct, frozen=True, array_like=True):
    """A value of a number field, and the day it was given; a history's last one is the current."""

    day: date
    value: float


class Record(Struct, frozen=True, omit_defaults=True):
    """One opened record. `id` is unique within its kind; `day` is None for kinds not in time.

    `fields` holds the members by name, validated against the kind when the record was written.
    """

    id: str
    day: date | None
    fields: Mapping[str, Any]
    history: tuple[HistoryPoint, ...] = ()

    def __repr__(self) -> str:
        return f"Record({self.day}, fields=[sealed])"
