"""Usage as CSV (RFC 4180), safe to open in a spreadsheet. Pure.

Names of models and features come from clients. A cell that a spreadsheet would take for a formula,
and one that begins with an apostrophe, gets an apostrophe before it; dropping one apostrophe from
a cell that has one at its beginning gives back the text.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.accounting.cost import BUCKETS
from gateway.types.usage import Certainty

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_GUARDED: Final = (*_FORMULA, "'")

ROW_COLUMNS: Final = (
    "time",
    "request_id",
    "attempt",
    "provider",
    "model",
    "status",
    "failure",
    "certainty",
    *(f"tokens_{name}" for name in BUCKETS),
    "total_tokens",
    "cost_usd",
    "price_state",
    "feature",
    "feature_id",
    "key_source",
    "latency_ms",
    "first_token_ms",
    "stream",
    "context_scope",
    "context_tokens",
)
_SUMS: Final = (
    "requests",
    "attempts",
    *(f"attempts_{kind.value}" for kind in Certainty),
    *(f"tokens_{name}" for name in BUCKETS),
    "total_tokens",
    "total_tokens_estimated",
    "cost_usd",
    "cost_usd_estimated",
    "unpriced_requests",
    "ceiling_requests",
    "approximate_requests",
)


def total_columns(group_by: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of totals in these groups."""
    return (*group_by, *_SUMS)


def flat_total(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a total, as the API shows it, by column."""
    split = shown["by_certainty"]
    estimated = split[Certainty.ESTIMATED.value]
    return {
        **shown,
        **{f"tokens_{name}": shown["tokens"].get(name, 0) for name in BUCKETS},
        **{f"attempts_{kind}": split[kind]["attempts"] for kind in split},
        "total_tokens_estimated": estimated["total_tokens"],
        "cost_usd_estimated": estimated["cost_usd"],
    }


def flat_row(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row, as the API shows it, by column."""
    context = shown["context"]
    return {
        **shown,
        **{f"tokens_{name}": shown["tokens"].get(name, 0) for name in BUCKETS},
        "context_scope": context["scope"],
        "context_tokens": context["tokens"],
    }


def head_line(columns: Sequence[str]) -> str:
    """Return the line of column names."""
    return _line(columns)


def lines(columns: Sequence[str], items: Iterable[Mapping[str, Any]]) -> str:
    """Return a line for each item; a column that an item lacks is empty."""
    return "".join(_line([_cell(item.get(column)) for column in columns]) for item in items)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}" if value.startswith(_GUARDED) else value
        case _:
            return str(value)


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()
