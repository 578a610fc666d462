"""The kinds of context as compiled from the config: built in, tuned, and the operator's own."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.catalogue.lookup import Catalogue
from gateway.config.check import check
from gateway.config.kinds import BUILTIN_KINDS, compile_kinds
from gateway.config.parse import parse
from gateway.config.schema import Config
from gateway.config.secrets import Secrets
from gateway.config.snapshot import compile_config
from gateway.types.account import Scope
from gateway.types.context import Dating, Field, FieldType, Kind

ROOT = Path(__file__).parents[2]
MINIMAL, STANDARD, COMPREHENSIVE = Scope.MINIMAL, Scope.STANDARD, Scope.COMPREHENSIVE


def kinds_of(kinds: dict[str, Any]) -> dict[str, Kind]:
    config = parse({"context": {"kinds": kinds}})
    assert check(config) == []
    return dict(compile_kinds(config))


def test_as_delivered_each_scope_shows_what_the_contract_says() -> None:
    windows = {name: dict(kind.windows) for name, kind in compile_kinds(Config()).items()}
    assert windows == {
        "profile": {MINIMAL: None, STANDARD: None, COMPREHENSIVE: None},
        "date": {MINIMAL: None, STANDARD: None, COMPREHENSIVE: None},
        "pillars": {STANDARD: None, COMPREHENSIVE: None},
        "feels": {STANDARD: 7, COMPREHENSIVE: 7},
        "entries": {STANDARD: 7, COMPREHENSIVE: 7},
        "habits": {COMPREHENSIVE: 84},
        "weekly_recaps": {COMPREHENSIVE: 84},
        "patterns": {COMPREHENSIVE: 84},
    }


def test_built_in_kinds_come_first_and_in_one_order_whatever_the_file_says() -> None:
    own = {"fields": {"a": {}}, "windows": {"comprehensive": "all"}}
    kinds = kinds_of({"zoo": own, "feels": {}, "about": own, "profile": {}})
    assert [*kinds] == [*BUILTIN_KINDS, "zoo", "about"]


def test_a_built_in_kind_is_tuned_where_the_file_says_so_and_stays_otherwise() -> None:
    kinds = kinds_of(
        {
            "entries": {"windows": {"comprehensive": 30}, "retention_days": 90, "max_records": 5},
            "feels": {"retention_days": 7},
            "patterns": {"windows": {"standard": 28, "comprehensive": 56}},
        }
    )
    entries, delivered = kinds["entries"], BUILTIN_KINDS["entries"]
    assert (dict(entries.windows), entries.retention_days) == ({COMPREHENSIVE: 30}, 90)
    assert entries.max_records == 5
    assert (entries.fields, entries.title) == (delivered.fields, delivered.title)
    assert entries.dating is Dating.DAY
    assert kinds["feels"].windows == BUILTIN_KINDS["feels"].windows
    assert kinds["feels"].max_records == BUILTIN_KINDS["feels"].max_records
    assert dict(kinds["patterns"].windows) == {STANDARD: 28, COMPREHENSIVE: 56}
    assert kinds["habits"] == BUILTIN_KINDS["habits"]


def test_a_kind_that_is_switched_off_is_not_there() -> None:
    own = {"enabled": False, "fields": {"a": {}}, "windows": {"minimal": None}}
    kinds = kinds_of({"feels": {"enabled": False}, "orders": own})
    assert [*kinds] == [name for name in BUILTIN_KINDS if name != "feels"]


def test_an_operators_kind_is_as_the_file_describes_it() -> None:
    kind = kinds_of(
        {
            "support_tickets": {
                "title": "Tickets (open)",
                "dated": "day",
                "fields": {
                    "subject": {"required": True, "max_length": 80},
                    "labels": {"type": "tags"},
                    "urgency": {"type": "number", "minimum": 1, "maximum": 5},
                    "at": {"type": "time"},
                    "open": {"type": "boolean"},
                },
                "windows": {"standard": 30, "comprehensive": 365},
                "retention_days": 400,
                "max_records": 1_000,
            }
        }
    )["support_tickets"]
    assert kind == Kind(
        "support_tickets",
        "Tickets (open)",
        Dating.DAY,
        (
            Field("subject", FieldType.TEXT, required=True, max_length=80),
            Field("labels", FieldType.TAGS, max_length=50),
            Field("urgency", FieldType.NUMBER, minimum=1, maximum=5),
            Field("at", FieldType.TIME),
            Field("open", FieldType.BOOLEAN),
        ),
        {STANDARD: 30, COMPREHENSIVE: 365},
        retention_days=400,
        max_records=1_000,
    )


def test_an_operators_kind_needs_only_fields_and_windows() -> None:
    kind = kinds_of(
        {"side_notes": {"fields": {"note": None}, "windows": {"comprehensive": "all"}}}
    )["side_notes"]
    assert (kind.title, kind.dating) == ("Side notes", Dating.NONE)
    assert kind.fields == (Field("note", FieldType.TEXT, max_length=500),)
    assert dict(kind.windows) == {COMPREHENSIVE: None}
    assert (kind.retention_days, kind.max_records) == (None, 20_000)
    assert kinds_of({"log": {"dated": "week", "fields": {"a": {}}, "windows": {}}})["log"].dated


def test_a_snapshot_has_the_kinds_of_its_config() -> None:
    config = parse({"context": {"kinds": {"feels": {"enabled": False}}}})
    snapshot = compile_config(config, Secrets(), Catalogue.load())
    assert snapshot.kinds == compile_kinds(config)
    with pytest.raises(TypeError):
        snapshot.kinds["x"] = BUILTIN_KINDS["feels"]  # type: ignore[index]
    with pytest.raises(TypeError):
        snapshot.kinds["entries"].windows[MINIMAL] = 3  # type: ignore[index]


def test_a_fields_name_is_in_no_kind_twice_and_never_one_that_is_taken() -> None:
    for kind in BUILTIN_KINDS.values():
        names = [field.name for field in kind.fields]
        assert len(names) == len(set(names))
        assert {"id", "date", "week", "history", "records"}.isdisjoint(names)
        assert {*kind.needs_one_of, *filter(None, [kind.keeps_history_of])} <= set(names)


def test_the_pages_describe_every_built_in_kind() -> None:
    page = (ROOT / "gateway/context/README.md").read_text(encoding="utf-8")
    rows = {row[1]: row[2] for row in re.finditer(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)}
    for name, kind in BUILTIN_KINDS.items():
        if not kind.stored:
            assert f"`{name}`" in page
            continue
        for field in kind.fields:
            shown = f"`{field.name}`"
            if field.required:
                shown = f"**{shown}**"
            if field.type in (FieldType.TEXT, FieldType.TAGS):
                shown += f" ({field.max_length:,}"
            assert shown in rows[name]
    page = (ROOT / "config/README.md").read_text(encoding="utf-8")
    for name, kind in BUILTIN_KINDS.items():
        row = re.search(rf"^\| {name} \| .+ \| (.+) \|$", page, re.MULTILINE)
        assert row is not None
        told = ["every scope" if len(kind.windows) == 3 else ", ".join(kind.windows)]
        told += [f"{days} days" if days else "all" for days in {*kind.windows.values()}]
        assert row[1] == ": ".join(told)
