"""Reads a user's own usage back: totals by day, provider, model or feature, and rows by request."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from gateway.accounting.cost import BUCKETS, format_usd
from gateway.accounting.ledger import FIELD_SEPARATOR
from gateway.accounting.rows import LedgerRow, public_row
from gateway.store import names
from gateway.store.base import Store

GROUPS = ("day", "provider", "model", "feature")
MOST_DAYS = 400


def days_between(first: date, last: date) -> tuple[str, ...]:
    """Return the days from `first` to `last`, both included, as `YYYY-MM-DD`."""
    return tuple((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))


async def read_totals(
    store: Store, user_id: str, days: Sequence[str], group_by: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one total per group, sorted; `group_by` is any of `GROUPS`. Raises StoreAway."""
    hashes = await store.run_many([("HGETALL", names.usage_day(user_id, day)) for day in days])
    groups: dict[tuple[str, ...], dict[str, int]] = {}
    for day, flat in zip(days, hashes, strict=True):
        for field, value in _pairs(flat):
            provider, model, feature, measure = field.split(FIELD_SEPARATOR)
            place = {"day": day, "provider": provider, "model": model, "feature": feature}
            total = groups.setdefault(tuple(place[name] for name in group_by), {})
            total[measure] = total.get(measure, 0) + int(value)
    return [
        {**dict(zip(group_by, key, strict=True)), **_public_total(groups[key])}
        for key in sorted(groups)
    ]


async def read_request(store: Store, user_id: str, request_id: str) -> list[dict[str, Any]]:
    """Return the rows of one request of this user, by attempt; empty if there are none."""
    flat = await store.run("HGETALL", names.usage_request(user_id, request_id))
    rows = [msgspec.json.decode(value, type=LedgerRow) for _, value in _pairs(flat)]
    rows.sort(key=lambda row: row.attempt)
    return [
        public_row(row, None if row.cost_nano is None else format_usd(row.cost_nano))
        for row in rows
    ]


def _pairs(flat: Sequence[bytes]) -> list[tuple[str, bytes]]:
    return [(key.decode(), value) for key, value in zip(flat[::2], flat[1::2], strict=True)]


def _public_total(total: dict[str, int]) -> dict[str, Any]:
    tokens = {name: total[name] for name in BUCKETS if total.get(name)}
    return {
        "requests": total.get("requests", 0),
        "attempts": total.get("attempts", 0),
        "tokens": tokens,
        "total_tokens": sum(tokens.values()),
        "cost_usd": format_usd(total.get("cost_nano", 0)),
        "estimated_requests": total.get("estimated", 0),
        "unpriced_requests": total.get("unpriced", 0),
    }
