"""The kinds of personal context: those built in, as data, and those of the config file. Pure.

The order of the table is the order in which kinds are rendered: who the user is, what day it is,
what lasts, then the days, then what sums them up; the operator's own kinds follow as the file has
them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from gateway.config.schema import Config
from gateway.config.schema_context import FieldConfig, KindConfig, Windows
from gateway.types.account import Scope
from gateway.types.context import Dating, Field, FieldType, Kind

_TWELVE_WEEKS: Final = 84
_TAG_LENGTH: Final = 50
_TEXT_LENGTH: Final = 500
_DATING: Final = MappingProxyType({"none": Dating.NONE, "day": Dating.DAY, "week": Dating.WEEK})


def _text(name: str, max_length: int, *, required: bool = False) -> Field:
    return Field(name, FieldType.TEXT, required=required, max_length=max_length)


def _rating(name: str) -> Field:
    return Field(name, FieldType.NUMBER, minimum=-1_000, maximum=1_000)


def _from(lowest: Scope, window: int | None = None) -> Mapping[Scope, int | None]:
    """Return the windows of a kind that this scope and deeper ones show, all alike."""
    return MappingProxyType({scope: window for scope in Scope if scope.rank >= lowest.rank})


_KINDS: Final = (
    Kind("profile", "Profile", Dating.SINGLE, windows=_from(Scope.MINIMAL), max_records=1),
    Kind("date", "Date", Dating.COMPUTED, windows=_from(Scope.MINIMAL)),
    Kind(
        "pillars",
        "Life areas",
        Dating.NONE,
        (_text("name", 100, required=True), _rating("score"), _text("note", 1_000)),
        _from(Scope.STANDARD),
        keeps_history_of="score",
    ),
    Kind(
        "feels",
        "Feelings",
        Dating.DAY,
        (
            Field("time", FieldType.TIME),
            _rating("mood"),
            _text("label", 100),
            _text("note", 1_000),
        ),
        _from(Scope.STANDARD, 7),
        needs_one_of=("mood", "label", "note"),
    ),
    Kind(
        "entries",
        "Journal",
        Dating.DAY,
        (
            Field("time", FieldType.TIME),
            _text("title", 200),
            _text("text", 20_000, required=True),
            Field("tags", FieldType.TAGS, max_length=_TAG_LENGTH),
        ),
        _from(Scope.STANDARD, 7),
    ),
    Kind(
        "habits",
        "Habits",
        Dating.DAY,
        (
            _text("habit", 100, required=True),
            Field("done", FieldType.BOOLEAN),
            Field("amount", FieldType.NUMBER),
            _text("unit", 20),
            _text("note", 500),
        ),
        _from(Scope.COMPREHENSIVE, _TWELVE_WEEKS),
    ),
    Kind(
        "weekly_recaps",
        "Weekly recaps",
        Dating.WEEK,
        (_text("title", 200), _text("text", 5_000, required=True)),
        _from(Scope.COMPREHENSIVE, _TWELVE_WEEKS),
    ),
    Kind(
        "patterns",
        "Patterns",
        Dating.COMPUTED,
        windows=_from(Scope.COMPREHENSIVE, _TWELVE_WEEKS),
    ),
)

BUILTIN_KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""The kinds that are there without a word in the config file, by name, in the order of rendering."""


def compile_kinds(config: Config) -> Mapping[str, Kind]:
    """Return the kinds of a checked configuration by name, in the order of rendering.

    Kinds that are switched off are not in it, built-in ones included.
    """
    said = config.context.kinds
    builtin = {name: _tuned(kind, said.get(name)) for name, kind in BUILTIN_KINDS.items()}
    own = {name: _own(name, each) for name, each in said.items() if name not in BUILTIN_KINDS}
    off = {name for name, each in said.items() if not each.enabled}
    return MappingProxyType({n: kind for n, kind in (builtin | own).items() if n not in off})


def compile_windows(windows: Windows) -> Mapping[Scope, int | None]:
    """Return the days that each scope looks back, None for everything; other scopes are not in it."""
    said = {scope: getattr(windows, scope.value) for scope in Scope if scope is not Scope.NONE}
    return MappingProxyType(
        {
            scope: window if isinstance(window, int) else None
            for scope, window in said.items()
            if window is not None
        }
    )


def looks_back(kind: Kind) -> bool:
    """Whether the windows of a built-in kind are days: dated ones, and those computed from them."""
    return kind.dated or any(window is not None for window in kind.windows.values())


def _tuned(kind: Kind, said: KindConfig | None) -> Kind:
    if said is None:
        return kind
    windows = kind.windows if said.windows is None else compile_windows(said.windows)
    return replace(
        kind,
        windows=windows,
        retention_days=said.retention_days or kind.retention_days,
        max_records=said.max_records or kind.max_records,
    )


def _own(name: str, said: KindConfig) -> Kind:
    kind = Kind(
        name,
        said.title or name.replace("_", " ").capitalize(),
        _DATING[said.dated or "none"],
        tuple(_field(member, each) for member, each in said.fields.items()),
    )
    return _tuned(kind, said)


def _field(name: str, said: FieldConfig) -> Field:
    usual = _TAG_LENGTH if said.type is FieldType.TAGS else _TEXT_LENGTH
    return Field(
        name,
        said.type,
        required=said.required,
        max_length=said.max_length or usual,
        minimum=said.minimum,
        maximum=said.maximum,
    )
