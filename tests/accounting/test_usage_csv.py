"""CSV: what is read back is what was written, and no cell is a formula."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from gateway.accounting.usage import shown_row
from gateway.accounting.usage_csv import (
    ROW_COLUMNS,
    flat_row,
    flat_total,
    head_line,
    lines,
    total_columns,
)
from tests.accounting.many_rows import ROW, ROWS, reference

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]


def read_back(text: str) -> list[dict[str, str]]:
    """What a program reads: a cell's first apostrophe is not part of it."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in rows]


@given(st.lists(st.fixed_dictionaries({"a": TEXT, "b": TEXT | st.integers(0)}), max_size=6))
def test_any_text_comes_back_as_it_was(items: list[dict[str, Any]]) -> None:
    written = head_line(["a", "b"]) + lines(["a", "b"], items)
    assert read_back(written) == [{k: str(v) for k, v in item.items()} for item in items]


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_begins_like_a_formula(start: str) -> None:
    """OWASP, CSV Injection."""
    text = f"{start}cmd|' /C calc'!A0"
    [[cell]] = csv.reader(io.StringIO(lines(["model"], [{"model": text}]), newline=""))
    assert cell == f"'{text}"


@given(ROWS)
def test_rows_and_totals_fill_every_column(rows: list[Any]) -> None:
    shown = [flat_row(shown_row(row)) for row in rows]
    back = read_back(head_line(ROW_COLUMNS) + lines(ROW_COLUMNS, shown))
    assert [row["request_id"] for row in back] == [row.request_id for row in rows]
    assert [row["model"] for row in back] == [row.model for row in rows]
    assert [int(row["tokens_cache_read"]) for row in back] == [r.usage.cache_read for r in rows]
    assert [row["cost_usd"] == "" for row in back] == [row.cost_nano is None for row in rows]
    totals = [{"model": key[0], **total} for key, total in reference(rows, ["model"]).items()]
    columns = total_columns(["model"])
    back = read_back(head_line(columns) + lines(columns, map(flat_total, totals)))
    for total, line in zip(totals, back, strict=True):
        split = total["by_certainty"]
        assert line["model"] == total["model"]
        assert line["cost_usd"] == total["cost_usd"]
        assert line["attempts_aborted"] == str(split["aborted"]["attempts"])
        assert line["total_tokens_estimated"] == str(split["estimated"]["total_tokens"])
        assert "" not in line.values()


def test_booleans_are_written_as_in_json_and_nothing_as_nothing() -> None:
    shown = flat_row(shown_row(replace(ROW, stream=True)))
    [line] = read_back(head_line(ROW_COLUMNS) + lines(ROW_COLUMNS, [shown]))
    assert (line["stream"], line["failure"], line["first_token_ms"]) == ("true", "", "")
