"""Faults of the `context` section, each with its path in the file and what to do instead."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config.check import check
from gateway.config.parse import parse
from gateway.config.yaml_text import read_yaml
from gateway.errors import ConfigFaults

OWN: dict[str, Any] = {"fields": {"note": {}}, "windows": {"comprehensive": "all"}}
DAILY: dict[str, Any] = {"dated": "day", "fields": {"note": {}}, "windows": {"comprehensive": 9}}


def faults_of(context: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in check(parse({"context": context}))]


def kind_faults(**kinds: dict[str, Any]) -> list[str]:
    return [fault.removeprefix("context.kinds.") for fault in faults_of({"kinds": kinds})]


def type_faults(context: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigFaults) as raised:
        parse({"context": context})
    return [str(fault) for fault in raised.value.faults]


def test_what_is_wrong_in_type_is_named_by_its_path() -> None:
    assert type_faults(
        {
            "above_ceiling": "raise",
            "cache_breakpoint": True,
            "budgets": {"minimal": 49, "deep": 1},
            "max_record_bytes": 1_048_576,
            "max_bulk_records": 0,
            "kinds": {
                "orders": {
                    "dated": "month",
                    "fields": {"a": {"type": "date"}, "b": {"max_length": 0}, "c": []},
                    "windows": {"none": 3, "standard": True},
                    "retention_days": 0,
                    "color": "red",
                },
                "notes": "all",
            },
        }
    ) == [
        "context.above_ceiling: must be one of refuse, lower",
        "context.budgets.deep: unknown key",
        "context.budgets.minimal: expected 'int' >= 50",
        "context.cache_breakpoint: expected 'str', got 'bool'",
        "context.max_record_bytes: expected 'int' <= 1000000",
        "context.max_bulk_records: expected 'int' >= 1",
        "context.kinds.orders.color: unknown key",
        "context.kinds.orders.dated: must be one of none, day, week",
        "context.kinds.orders.fields.a.type: must be one of text, number, boolean, tags, time",
        "context.kinds.orders.fields.b.max_length: expected 'int' >= 1",
        "context.kinds.orders.fields.c: expected a table of keys, got a list",
        "context.kinds.orders.windows.none: unknown key",
        "context.kinds.orders.windows.standard: expected 'int | str | null', got 'bool'",
        "context.kinds.orders.retention_days: expected 'int' >= 1",
        "context.kinds.notes: expected a table of keys, got text",
    ]


def test_budgets_grow_with_the_scope() -> None:
    assert faults_of({"budgets": {"minimal": 4_000, "comprehensive": 2_999}}) == [
        "context.budgets.standard: must not be below the budget of 'minimal'",
        "context.budgets.comprehensive: must not be below the budget of 'standard'",
    ]
    assert faults_of({"budgets": {"minimal": 3_000, "standard": 3_000}}) == []


@pytest.mark.parametrize(
    "name", ["Orders", "1st", "_x", "a-b", "a.b", "", "a b", "ä", "x" * 33, "a\n"]
)
def test_names_of_kinds_and_fields_are_plain_words(name: str) -> None:
    cure = "a name has up to 32 lower-case letters, digits and '_', beginning with a letter"
    assert kind_faults(**{name: OWN}) == [f"{name}: {cure}"]
    assert kind_faults(orders={**OWN, "fields": {name: {}}}) == [f"orders.fields.{name}: {cure}"]


def test_the_longest_plain_names_are_fine() -> None:
    assert kind_faults(**{"x" * 32: {**OWN, "fields": {"y" * 32: {}}}}) == []


@pytest.mark.parametrize("name", ["id", "date", "week", "history", "records"])
def test_fields_do_not_clash_with_what_stands_beside_them(name: str) -> None:
    assert kind_faults(orders={**OWN, "fields": {name: {}}}) == [
        f"orders.fields.{name}: '{name}' stands for something else; choose another name"
    ]


def test_a_kind_does_not_take_the_name_of_a_route() -> None:
    assert kind_faults(preview=OWN) == [
        "preview: 'preview' stands for something else; choose another name"
    ]


def test_of_a_built_in_kind_heading_dating_and_fields_are_fixed() -> None:
    assert kind_faults(
        feels={"title": "Mood", "dated": "week", "fields": {"x": {}}},
        entries={"windows": {"comprehensive": 30}, "max_records": 9, "retention_days": 30},
    ) == [
        "feels.title: is fixed for a built-in kind",
        "feels.dated: is fixed for a built-in kind",
        "feels.fields: is fixed for a built-in kind",
    ]


def test_kinds_without_records_have_no_number_and_no_age_of_them() -> None:
    said = {"max_records": 5, "retention_days": 400}
    assert kind_faults(profile=said, date=said, patterns=said) == [
        f"{kind}.{fault}"
        for kind in ("profile", "date", "patterns")
        for fault in (
            "max_records: this kind has no number of records",
            "retention_days: only records with a day or a week can age",
        )
    ]


def test_a_kind_of_ones_own_needs_fields_and_windows() -> None:
    assert kind_faults(entires={"windows": {"comprehensive": "all"}}, log={"dated": "day"}) == [
        "entires: 'entires' is no built-in kind, so it needs fields; did you mean 'entries'?",
        "log: 'log' is no built-in kind, so it needs fields",
        "log.windows: is missing; say which scopes show it, such as {comprehensive: 30}",
    ]
    assert kind_faults(log={"fields": {"a": {}}}) == [
        "log.windows: is missing; say which scopes show it, such as {comprehensive: all}"
    ]


@pytest.mark.parametrize("window", [0, -1, 3_661, "all", "30", "30d"])
@pytest.mark.parametrize("kind", ["feels", "weekly_recaps", "patterns", "own"])
def test_windows_of_dated_kinds_are_days(kind: str, window: object) -> None:
    base = DAILY if kind == "own" else {}
    assert kind_faults(**{kind: {**base, "windows": {"comprehensive": window}}}) == [
        f"{kind}.windows.comprehensive: must be a number of days from 1 to 3660, or left out"
    ]


@pytest.mark.parametrize("window", [7, 0, "everything"])
@pytest.mark.parametrize("kind", ["profile", "date", "pillars", "own"])
def test_windows_of_kinds_without_days_are_all_or_nothing(kind: str, window: object) -> None:
    base = OWN if kind == "own" else {}
    assert kind_faults(**{kind: {**base, "windows": {"comprehensive": window}}}) == [
        f"{kind}.windows.comprehensive: must be 'all': it has no days, or left out"
    ]


@pytest.mark.parametrize(
    ("windows", "faulty"),
    [
        ({"standard": 30, "comprehensive": 7}, ["comprehensive"]),
        ({"standard": 30}, ["comprehensive"]),
        ({"minimal": 3}, ["standard"]),
        ({"minimal": 9, "standard": 3, "comprehensive": 1}, ["standard", "comprehensive"]),
        ({"standard": 7, "comprehensive": 7}, []),
        ({}, []),
    ],
)
def test_a_deeper_scope_never_shows_less(windows: dict[str, int], faulty: list[str]) -> None:
    found = kind_faults(log={**DAILY, "windows": windows})
    assert [fault.split(":")[0] for fault in found] == [f"log.windows.{each}" for each in faulty]
    assert all("must not show less than" in fault for fault in found)


def test_records_are_kept_for_as_long_as_they_are_shown() -> None:
    assert kind_faults(
        log={**DAILY, "retention_days": 8},
        note={**DAILY, "retention_days": 9},
        habits={"retention_days": 83},
        feels={"windows": {"comprehensive": 90}, "retention_days": 84},
        weekly_recaps={"windows": {"comprehensive": 28}, "retention_days": 28},
        plan={**OWN, "retention_days": 30},
    ) == [
        "log.retention_days: must not be shorter than the longest window, 9 days",
        "habits.retention_days: must not be shorter than the longest window, 84 days",
        "feels.retention_days: must not be shorter than the longest window, 90 days",
        "plan.retention_days: only records with a day or a week can age",
    ]


def test_lengths_belong_to_texts_and_bounds_to_numbers() -> None:
    fields = {
        "a": {"type": "number", "max_length": 5},
        "b": {"type": "text", "minimum": 1},
        "c": {"type": "number", "minimum": 2, "maximum": 1},
        "d": {"type": "number", "minimum": float("-inf"), "maximum": float("nan")},
        "e": {"type": "tags", "max_length": 5},
        "f": {"type": "boolean", "maximum": 1},
    }
    assert kind_faults(log={**OWN, "fields": fields}) == [
        "log.fields.a.max_length: only texts and tags have a length",
        "log.fields.b.minimum: only numbers have bounds",
        "log.fields.c.minimum: must not exceed maximum",
        "log.fields.d.minimum: must be a finite number",
        "log.fields.d.maximum: must be a finite number",
        "log.fields.f.maximum: only numbers have bounds",
    ]


@pytest.mark.parametrize("title", ["", " ", "two\nlines", "x" * 61, "right\u202eleft"])
def test_a_heading_is_one_short_line(title: str) -> None:
    assert kind_faults(log={**OWN, "title": title}) == [
        "log.title: must be 1 to 60 printable characters"
    ]


def test_there_are_at_most_so_many_kinds_and_fields() -> None:
    most = {f"k{number}": OWN for number in range(64)}
    assert kind_faults(**most) == []
    assert faults_of({"kinds": {**most, "more": OWN}}) == ["context.kinds: has more than 64 kinds"]
    fields: dict[str, Any] = {f"f{number}": {} for number in range(33)}
    assert kind_faults(log={**OWN, "fields": fields}) == ["log.fields: has more than 32 fields"]


def test_the_kinds_in_the_example_and_the_readme_are_sound_once_written_out() -> None:
    folder = Path(__file__).parents[2] / "config"
    text = (folder / "gateway.yaml").read_text(encoding="utf-8")
    value = read_yaml(re.sub(r"^(\s*)#(?=[a-z-])", r"\1", text, flags=re.MULTILINE)).value
    assert isinstance(value, dict)
    assert len(value["context"]["kinds"]) == 3
    assert faults_of(value["context"]) == []
    readme = (folder / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```yaml\n(context:.+?)^```", readme, re.MULTILINE | re.DOTALL)
    assert block is not None
    value = read_yaml(block[1]).value
    assert isinstance(value, dict)
    assert len(value["context"]["kinds"]) == 2
    assert faults_of(value["context"]) == []
