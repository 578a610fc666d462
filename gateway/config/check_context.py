"""The checks of the `context` section: budgets, and kinds with their fields and windows. Pure."""

import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from typing import Final

from gateway.config.kinds import BUILTIN_KINDS, looks_back
from gateway.config.schema_context import Budgets, ContextConfig, FieldConfig, KindConfig, Windows
from gateway.errors import ConfigError
from gateway.types.account import Scope
from gateway.types.context import Dating, FieldType, Kind

_MOST_KINDS: Final = 64
_MOST_FIELDS: Final = 32
_MOST_DAYS: Final = 3_660
_LONGEST_TITLE: Final = 60
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
# Names that stand for something else: in a route's place of a kind, and beside a record's fields.
_TAKEN_KINDS: Final = frozenset({"preview"})
_TAKEN_FIELDS: Final = frozenset({"id", "date", "week", "history", "records"})
_ALL: Final = "all"
_DEPTHS: Final = (Scope.MINIMAL, Scope.STANDARD, Scope.COMPREHENSIVE)


def check_context(context: ContextConfig) -> Iterator[ConfigError]:
    """Yield every fault of the section."""
    yield from _check_budgets(context.budgets)
    if len(context.kinds) > _MOST_KINDS:
        yield ConfigError(f"has more than {_MOST_KINDS} kinds", "context.kinds")
    for name, kind in context.kinds.items():
        path = f"context.kinds.{name}"
        if name in BUILTIN_KINDS:
            yield from _check_tuned(BUILTIN_KINDS[name], kind, path)
        elif not _NAME.fullmatch(name) or name in _TAKEN_KINDS:
            yield ConfigError(_name_fault(name, _TAKEN_KINDS), path)
        else:
            yield from _check_own(name, kind, path)


def _check_budgets(budgets: Budgets) -> Iterator[ConfigError]:
    for lower, deeper in pairwise(_DEPTHS):
        if budgets.of(lower) > budgets.of(deeper):
            yield ConfigError(
                f"must not be below the budget of '{lower.value}'",
                f"context.budgets.{deeper.value}",
            )


def _check_tuned(builtin: Kind, said: KindConfig, path: str) -> Iterator[ConfigError]:
    fixed = {"title": said.title, "dated": said.dated, "fields": said.fields}
    for key, value in fixed.items():
        if value:
            yield ConfigError("is fixed for a built-in kind", f"{path}.{key}")
    if builtin.dating in (Dating.SINGLE, Dating.COMPUTED) and said.max_records is not None:
        yield ConfigError("this kind has no number of records", f"{path}.max_records")
    in_days = looks_back(builtin)
    yield from _check_windows(said.windows, f"{path}.windows", in_days=in_days)
    longest = _longest(said.windows) if said.windows is not None else _longest_of(builtin)
    yield from _check_retention(said, longest, path, dated=builtin.dated)


def _check_own(name: str, said: KindConfig, path: str) -> Iterator[ConfigError]:
    dated = said.dated in ("day", "week")
    if said.title is not None and not _is_title(said.title):
        yield ConfigError(f"must be 1 to {_LONGEST_TITLE} printable characters", f"{path}.title")
    if not said.fields:
        close = get_close_matches(name, BUILTIN_KINDS, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        yield ConfigError(f"'{name}' is no built-in kind, so it needs fields{hint}", path)
    if len(said.fields) > _MOST_FIELDS:
        yield ConfigError(f"has more than {_MOST_FIELDS} fields", f"{path}.fields")
    for member, field in said.fields.items():
        yield from _check_field(member, field, f"{path}.fields.{member}")
    if said.windows is None:
        example = "{comprehensive: 30}" if dated else "{comprehensive: all}"
        yield ConfigError(
            f"is missing; say which scopes show it, such as {example}", f"{path}.windows"
        )
    yield from _check_windows(said.windows, f"{path}.windows", in_days=dated)
    yield from _check_retention(said, _longest(said.windows), path, dated=dated)


def _check_field(name: str, field: FieldConfig, path: str) -> Iterator[ConfigError]:
    if not _NAME.fullmatch(name) or name in _TAKEN_FIELDS:
        yield ConfigError(_name_fault(name, _TAKEN_FIELDS), path)
    if field.max_length is not None and field.type not in (FieldType.TEXT, FieldType.TAGS):
        yield ConfigError("only texts and tags have a length", f"{path}.max_length")
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    for key, bound in bounds.items():
        if bound is not None and field.type is not FieldType.NUMBER:
            yield ConfigError("only numbers have bounds", f"{path}.{key}")
        elif bound is not None and not math.isfinite(bound):
            yield ConfigError("must be a finite number", f"{path}.{key}")
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        yield ConfigError("must not exceed maximum", f"{path}.minimum")


def _check_windows(windows: Windows | None, path: str, *, in_days: bool) -> Iterator[ConfigError]:
    """Judge each window, and that a deeper scope shows no less: a ceiling must be a ceiling."""
    if windows is None:
        return
    said = {scope: getattr(windows, scope.value) for scope in _DEPTHS}
    cure = f"a number of days from 1 to {_MOST_DAYS}" if in_days else "'all': it has no days"
    faults = [
        ConfigError(f"must be {cure}, or left out", f"{path}.{scope.value}")
        for scope, window in said.items()
        if window is not None and not _is_window(window, in_days=in_days)
    ]
    yield from faults
    if faults:
        return
    for lower, deeper in pairwise(_DEPTHS):
        if _reach(said[lower]) > _reach(said[deeper]):
            yield ConfigError(f"must not show less than '{lower.value}'", f"{path}.{deeper.value}")


def _is_window(window: int | str, *, in_days: bool) -> bool:
    if isinstance(window, int):
        return in_days and 1 <= window <= _MOST_DAYS
    return not in_days and window == _ALL


def _reach(window: int | str | None) -> float:
    """Return how much a window shows, for comparison."""
    if window is None:
        return 0
    return window if isinstance(window, int) else math.inf


def _check_retention(
    said: KindConfig, longest: int, path: str, *, dated: bool
) -> Iterator[ConfigError]:
    if said.retention_days is None:
        return
    if not dated:
        yield ConfigError("only records with a day or a week can age", f"{path}.retention_days")
    elif said.retention_days < longest:
        yield ConfigError(
            f"must not be shorter than the longest window, {longest} days", f"{path}.retention_days"
        )


def _longest(windows: Windows | None) -> int:
    if windows is None:
        return 0
    given = (windows.minimal, windows.standard, windows.comprehensive)
    return max((window for window in given if isinstance(window, int)), default=0)


def _longest_of(kind: Kind) -> int:
    return max((window for window in kind.windows.values() if window is not None), default=0)


def _is_title(title: str) -> bool:
    return 1 <= len(title) <= _LONGEST_TITLE and title.isprintable() and bool(title.strip())


def _name_fault(name: str, taken: frozenset[str]) -> str:
    if name in taken:
        return f"'{name}' stands for something else; choose another name"
    return "a name has up to 32 lower-case letters, digits and '_', beginning with a letter"
