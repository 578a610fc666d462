"""How long records are kept: from a kind's retention to the oldest day that may still be read."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from gateway.types.context import Kind


def oldest_day(kind: Kind, now: float) -> date | None:
    """Return the oldest day of which this kind's records are kept, None if all of them are.

    `now` is wall-clock; days are counted back from today in UTC. Kinds not in time have no days.
    """
    if kind.retention_days is None or not kind.dated:
        return None
    return datetime.fromtimestamp(now, UTC).date() - timedelta(days=kind.retention_days)


def oldest_days(kinds: Mapping[str, Kind], now: float) -> dict[str, date]:
    """Return the oldest day kept of each kind that has a retention."""
    oldest = ((name, oldest_day(kind, now)) for name, kind in kinds.items())
    return {name: day for name, day in oldest if day is not None}
