"""Reads a user's records as the API takes them, and shows them back. Pure.

A record is a flat object: `id`, its `date` or `week`, and the fields of its kind. Everything else is
refused, so that nothing can be smuggled in beside them. The same id written again replaces the
record. Every fault names its member in `param`, as `mood` or `records[3].mood`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from gateway.config.schema_context import ContextConfig
from gateway.context.fields import read_field
from gateway.context.profile import PROFILE_ID, profile_record, read_profile
from gateway.errors import PayloadTooLarge
from gateway.types.context import Dating, HistoryPoint, Kind, Record
from gateway.types.json import JsonObject
from gateway.wire.fields import at, fail, fail_missing, fail_type

MOST_POINTS: Final = 120
"""Values that a record with a history keeps: the last ones, at most one a day."""

_AS_DELIVERED: Final = ContextConfig()
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@~=-]{0,127}")
_ID_CURE: Final = (
    "must be 1 to 128 characters of A-Z, a-z, 0-9 and '._:@~=-', beginning with a letter, a digit "
    "or '_'"
)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WEEK: Final = re.compile(r"([0-9]{4})-W([0-9]{2})")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def read_record(  # noqa: PLR0913  # what a record is read against, keyword-only
    kind: Kind,
    body: Any,
    *,
    today: date,
    new_id: Callable[[], str],
    record_id: str | None = None,
    path: str = "",
    limits: ContextConfig = _AS_DELIVERED,
) -> Record:
    """Read one record.

    `today` is the day in the user's time zone, `record_id` the id in the route (None where there
    is none), `new_id` makes one where neither gives any, `path` is put before members' names in
    faults. A weekly record without an id has its week for one. Raises InvalidRequest, and
    PayloadTooLarge above `limits.max_record_bytes`.
    """
    if not isinstance(body, dict):
        fail_type(path or "body", "an object", body)
    if kind.dating is Dating.COMPUTED:
        fail("kind", f"'{kind.name}' is computed when it is needed; it has no records to write.")
    if kind.dating is Dating.SINGLE:
        record = _read_single(body, record_id)
    else:
        _refuse_unknown(kind, body, path)
        day = _read_day(kind, body, path, today)
        own_id = _read_id(body, path, record_id)
        fields = _read_fields(kind, body, path)
        default = week_of(day) if day is not None and kind.dating is Dating.WEEK else None
        record = Record(own_id or default or new_id(), day, fields)
    _check_size(record, path, limits.max_record_bytes)
    return record


def read_records(
    kind: Kind,
    body: JsonObject,
    *,
    today: date,
    new_id: Callable[[], str],
    limits: ContextConfig = _AS_DELIVERED,
) -> tuple[Record, ...]:
    """Read `{"records": […]}`, or one record written as it is.

    All are sound or none is taken. Raises InvalidRequest, also where two have one id, and
    PayloadTooLarge above `limits.max_bulk_records` or `limits.max_record_bytes`.
    """
    if kind.dating is Dating.SINGLE or "records" not in body:
        return (read_record(kind, body, today=today, new_id=new_id, limits=limits),)
    beside = next((name for name in body if name != "records"), None)
    if beside is not None:
        _fail_unknown(beside, "", "A body with 'records' holds nothing beside it.")
    items = body["records"]
    if not isinstance(items, list):
        fail_type("records", "an array of records", items)
    if not items:
        fail("records", "'records' is empty. Give at least one record.")
    if len(items) > limits.max_bulk_records:
        raise PayloadTooLarge(
            f"'records' has {len(items)} items; one request takes at most "
            f"{limits.max_bulk_records}. Send the others in further requests.",
            param="records",
        )
    records = tuple(
        read_record(kind, item, today=today, new_id=new_id, path=f"records[{n}]", limits=limits)
        for n, item in enumerate(items)
    )
    _refuse_repeated(records)
    return records


def public_record(kind: Kind, record: Record) -> JsonObject:
    """Return a record as it was written: id, then date or week, then its fields.

    What it returns can be written again as it is.
    """
    if kind.dating is Dating.SINGLE:
        return dict(record.fields)
    shown: JsonObject = {"id": record.id}
    if record.day is not None and kind.dated:
        in_weeks = kind.dating is Dating.WEEK
        shown["week" if in_weeks else "date"] = (
            week_of(record.day) if in_weeks else record.day.isoformat()
        )
    return shown | dict(record.fields)


def exported_record(kind: Kind, record: Record) -> JsonObject:
    """Return everything that is kept of a record: as written, and its `history` where it has one."""
    shown = public_record(kind, record)
    if record.history:
        points = [{"date": point.day.isoformat(), "value": point.value} for point in record.history]
        shown["history"] = points
    return shown


def with_history(kind: Kind, new: Record, old: Record | None, today: date) -> Record:
    """Return a record with the history of the one it replaces, `old`, and its own value in it.

    Each day on which the record is written with a value gives one point; what is written later on
    that day replaces it. A value written again unchanged on a later day is a point too, because a
    trend must know for how long it held. The current value is the last point. `today` is the day in
    the user's time zone. Kinds without a history keep none.
    """
    if kind.keeps_history_of is None:
        return new
    # Later days are there if the user's zone has moved westwards: they give way as today does.
    points = [point for point in (old.history if old is not None else ()) if point.day < today]
    value = new.fields.get(kind.keeps_history_of)
    if value is not None:
        points.append(HistoryPoint(today, float(value)))
    return replace(new, history=tuple(points[-MOST_POINTS:]))


def week_of(day: date) -> str:
    """Return the ISO week of a day as `YYYY-Www`."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def _read_single(body: JsonObject, record_id: str | None) -> Record:
    if record_id not in (None, PROFILE_ID):
        fail("id", f"There is one profile; its id is '{PROFILE_ID}'.")
    return profile_record(read_profile(body))


def _refuse_unknown(kind: Kind, body: JsonObject, path: str) -> None:
    known = _members(kind)
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        _fail_unknown(unknown, path, f"A record of '{kind.name}' may have {', '.join(known)}.")


def _members(kind: Kind) -> list[str]:
    place = {Dating.DAY: ["date"], Dating.WEEK: ["week"]}.get(kind.dating, [])
    return ["id", *place, *(field.name for field in kind.fields)]


def _fail_unknown(name: str, path: str, cure: str) -> None:
    # A name that is no plain word may be content in the wrong place: it is not repeated.
    shown = name if _PLAIN_NAME.fullmatch(name) else "…"
    fail(at(path, shown), f"'{at(path, shown)}' is unknown. {cure}", "unknown_parameter")


def _read_day(kind: Kind, body: JsonObject, path: str, today: date) -> date | None:
    if kind.dating is Dating.DAY:
        name, read, cure = "date", _parse_day, "a day as YYYY-MM-DD"
    elif kind.dating is Dating.WEEK:
        name, read, cure = "week", _parse_week, "an ISO week as YYYY-Www, from W01 to W52 or W53"
    else:
        return None
    param, value = at(path, name), body.get(name)
    if value is None:
        fail_missing(param, f"Give {cure}, in the user's time zone.")
    if not isinstance(value, str):
        fail_type(param, "a string", value)
    day = read(value)
    if day is None:
        fail(param, f"'{param}' must be {cure}.")
    if day > today:
        fail(
            param,
            f"'{param}' is in the future: in the user's time zone today is {today.isoformat()}. "
            "If that is wrong, set the user's time zone first.",
        )
    return day


def _parse_day(text: str) -> date | None:
    # `fromisoformat` takes other spellings of ISO 8601 too, which would come back changed.
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _parse_week(text: str) -> date | None:
    """Return the Monday of a week, None if the year has no such week."""
    parts = _WEEK.fullmatch(text)
    if parts is None:
        return None
    try:
        return date.fromisocalendar(int(parts[1]), int(parts[2]), 1)
    except ValueError:
        return None


def _read_id(body: JsonObject, path: str, record_id: str | None) -> str | None:
    """Return the id of the route, else of the body; None where neither has one."""
    param, written = at(path, "id"), body.get("id")
    if written is not None and not isinstance(written, str):
        fail_type(param, "a string", written)
    for given in (written, record_id):
        if given is not None and not _ID.fullmatch(given):
            fail(param, f"'{param}' {_ID_CURE}.")
    if record_id is not None and written is not None and written != record_id:
        fail(param, f"'{param}' is not the id in the route. Leave it out of the body.")
    return record_id or written


def _read_fields(kind: Kind, body: JsonObject, path: str) -> dict[str, Any]:
    """Return the members in the order of the kind, so that a block does not depend on the client."""
    fields: dict[str, Any] = {}
    for field in kind.fields:
        value = read_field(field, body.get(field.name), at(path, field.name))
        if value is not None:
            fields[field.name] = value
    needed = kind.needs_one_of or tuple(field.name for field in kind.fields)
    if not any(name in fields for name in needed):
        fail_missing(at(path, needed[0]), f"Give at least one of {', '.join(needed)}.")
    return _with_defaults(kind, fields)


def _with_defaults(kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
    """Say what is left unsaid: a habit that is logged was done, unless of it there was nothing."""
    if kind.name != "habits" or "done" in fields:
        return fields
    said = fields | {"done": fields.get("amount", 1) > 0}
    return {field.name: said[field.name] for field in kind.fields if field.name in said}


def _refuse_repeated(records: tuple[Record, ...]) -> None:
    seen: dict[str, int] = {}
    for place, record in enumerate(records):
        first = seen.setdefault(record.id, place)
        if first != place:
            param = f"records[{place}].id"
            fail(
                param,
                f"'{param}' is also that of records[{first}]; a weekly record that gives none has "
                "its week for one. Give each its own.",
            )


def _check_size(record: Record, path: str, max_bytes: int) -> None:
    size = len(msgspec.json.encode(record))
    if size <= max_bytes:
        return
    param = at(path, _largest(record.fields))
    raise PayloadTooLarge(
        f"The record has {size} bytes as JSON; at most {max_bytes} are allowed. Shorten '{param}', "
        "or split it into several records.",
        param=param,
    )


def _largest(fields: Mapping[str, Any]) -> str:
    return max(fields, key=lambda name: len(msgspec.json.encode(fields[name])))
