"""The `context` section of the config file: how deep requests may look, and at what."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.types.account import Scope
from gateway.types.context import BreakpointPolicy, FieldType

Tokens = Annotated[int, Meta(ge=50, le=1_000_000)]
Window = int | str | None
"""Days back from today, `all` for kinds not in time, None: the scope leaves the kind out."""


class AboveCeiling(StrEnum):
    """What becomes of a request for a deeper scope than a ceiling allows."""

    REFUSE = "refuse"  # 403: the application learns that it cannot have what it asked for
    LOWER = "lower"  # answered at the ceiling, with a warning


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """Most tokens of context at each scope; the profile and the date count, but always stay."""

    minimal: Tokens = 500
    standard: Tokens = 3_000
    comprehensive: Tokens = 10_000

    def of(self, scope: Scope) -> int:
        """Return the budget of a scope in tokens; 0 for none."""
        return 0 if scope is Scope.NONE else int(getattr(self, scope.value))


class Windows(Struct, frozen=True, forbid_unknown_fields=True):
    """How far back each scope looks; a scope that is left out does not show the kind."""

    minimal: Window = None
    standard: Window = None
    comprehensive: Window = None


class FieldConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One member of an operator's kind. `max_length` is in characters, of a text or of each tag."""

    type: FieldType = FieldType.TEXT
    required: bool = False
    max_length: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    minimum: float | None = None
    maximum: float | None = None


class KindConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of the operator's own, or what differs for a built-in one of the same name.

    Of a built-in kind `title`, `dated` and `fields` are fixed.
    """

    enabled: bool = True
    title: str | None = None
    dated: Literal["none", "day", "week"] | None = None
    fields: Mapping[str, FieldConfig] = {}
    windows: Windows | None = None
    retention_days: Annotated[int, Meta(ge=1, le=36_600)] | None = None
    max_records: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class ContextConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The operator's word on personal context.

    `max_record_bytes` bounds a record's JSON as it is sealed; with its history it must stay below
    the 1 MiB that the vault seals.
    """

    default_scope: Scope = Scope.MINIMAL
    ceiling: Scope = Scope.COMPREHENSIVE
    above_ceiling: AboveCeiling = AboveCeiling.REFUSE
    budgets: Budgets = Budgets()
    cache_breakpoint: BreakpointPolicy = BreakpointPolicy.CLIENT
    max_record_bytes: Annotated[int, Meta(ge=1_024, le=1_000_000)] = 128 * 1024
    max_bulk_records: Annotated[int, Meta(ge=1, le=100_000)] = 5_000
    kinds: Mapping[str, KindConfig] = {}
