"""Reads usage back: totals of a user or of the whole deployment, in groups, and rows by request."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.accounting.cost import BUCKETS, format_usd
from gateway.accounting.measures import ATTEMPTS, COST, UNSURE, Amount, read_field
from gateway.accounting.rows import LedgerRow, public_row
from gateway.store import names
from gateway.store.base import Store
from gateway.types.models import PriceState
from gateway.types.usage import Certainty

GROUPS: Final = ("day", "provider", "model", "feature", "key_source", "certainty")
_KEYS_AT_ONCE: Final = 10
_FIELDS_AT_ONCE: Final = 2_000
_SOLD: Final = (Certainty.MEASURED, Certainty.ESTIMATED)
_Total = dict[tuple[str, str], int]  # (certainty, measure) → amount


class Sums:
    """Adds totals up, by group and altogether."""

    def __init__(self, group_by: Sequence[str]) -> None:
        """`group_by` is any of `GROUPS`."""
        self._group_by = tuple(group_by)
        self._all: _Total = {}
        self._groups: dict[tuple[str, ...], _Total] = {}

    def add(self, day: str, amount: Amount) -> None:
        """Add one field of a day's totals."""
        place = amount.place
        key = tuple(day if name == "day" else getattr(place, name) for name in self._group_by)
        what = (place.certainty, amount.measure)
        for total in (self._all, self._groups.setdefault(key, {})):
            total[what] = total.get(what, 0) + amount.value

    def groups(self) -> list[dict[str, Any]]:
        """Return a total for each group, as the API shows it, sorted by the groups' names."""
        return [
            {**dict(zip(self._group_by, key, strict=True)), **_public_total(self._groups[key])}
            for key in sorted(self._groups)
        ]

    def total(self) -> dict[str, Any]:
        """Return the total of everything, as the API shows it."""
        return _public_total(self._all)


async def read_sums(
    store: Store, user_id: str | None, days: Sequence[str], group_by: Sequence[str]
) -> Sums:
    """Return the totals of a user, or of the whole deployment where that is None.

    Raises StoreAway.
    """
    if user_id is None:
        keys = {names.totals_day(day): day for day in days}
    else:
        keys = {names.usage_day(user_id, day): day for day in days}
    sums = Sums(group_by)
    async for key, fields in _read_hashes(store, tuple(keys)):
        for field, value in fields.items():
            amount = read_field(field, value)
            if amount is not None:
                sums.add(keys[key], amount)
    return sums


async def read_totals(
    store: Store, user_id: str, days: Sequence[str], group_by: Sequence[str]
) -> list[dict[str, Any]]:
    """Return one total of a user per group, sorted. Raises StoreAway."""
    return (await read_sums(store, user_id, days, group_by)).groups()


async def read_request(store: Store, user_id: str, request_id: str) -> list[dict[str, Any]]:
    """Return the rows of one request of this user, by attempt; empty if there are none."""
    flat = await store.run("HGETALL", names.usage_request(user_id, request_id))
    rows = [msgspec.json.decode(value, type=LedgerRow) for value in flat[1::2]]
    rows.sort(key=lambda row: row.attempt)
    return [shown_row(row) for row in rows]


def shown_row(row: LedgerRow) -> dict[str, Any]:
    """Return a row as the usage API shows it, its cost as a decimal string of dollars."""
    return public_row(row, None if row.cost_nano is None else format_usd(row.cost_nano))


async def _read_hashes(
    store: Store, keys: Sequence[str]
) -> AsyncIterator[tuple[str, Mapping[bytes, bytes]]]:
    """Yield each hash, read in pieces: a large one must not hold up others who use the store.

    Such a reading may return a field twice; so a hash is put together before it is used.
    """
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        left = dict.fromkeys(keys[start : start + _KEYS_AT_ONCE], b"0")
        found: dict[str, dict[bytes, bytes]] = {key: {} for key in left}
        while left:
            commands = [
                ("HSCAN", key, cursor, "COUNT", _FIELDS_AT_ONCE) for key, cursor in left.items()
            ]
            replies = await store.run_many(commands)
            for key, (cursor, flat) in zip(tuple(left), replies, strict=True):
                found[key].update(zip(flat[::2], flat[1::2], strict=True))
                left[key] = cursor
            left = {key: cursor for key, cursor in left.items() if int(cursor)}
        for key, fields in found.items():
            yield key, fields


def _public_total(total: _Total) -> dict[str, Any]:
    def of(measure: str, *certainties: Certainty) -> int:
        return sum(total.get((kind.value, measure), 0) for kind in certainties or Certainty)

    tokens = {name: count for name in BUCKETS if (count := of(name))}
    split = {
        kind.value: {
            "attempts": of(ATTEMPTS, kind),
            "total_tokens": sum(of(name, kind) for name in BUCKETS),
            "cost_usd": format_usd(of(COST, kind)),
        }
        for kind in Certainty
    }
    return {
        "requests": of(ATTEMPTS, *_SOLD),
        "attempts": of(ATTEMPTS),
        "tokens": tokens,
        "total_tokens": sum(tokens.values()),
        "cost_usd": format_usd(of(COST)),
        "by_certainty": split,
        "estimated_requests": of(ATTEMPTS, Certainty.ESTIMATED),
        "unpriced_requests": of(UNSURE[PriceState.UNKNOWN]),
        "ceiling_requests": of(UNSURE[PriceState.CEILING]),
        "approximate_requests": of(UNSURE[PriceState.APPROXIMATE]),
    }
