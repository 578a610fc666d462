"""`/v1/me/context/…`: a user's own records, written one by one or many at once, and read back."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from gateway.context.counting import draft_records
from gateway.context.keeping import oldest_day
from gateway.context.profile import PROFILE_ID, profile_of
from gateway.context.record import public_record, read_record, read_records
from gateway.context.sealed import Window
from gateway.context.today import timezone_of, today_in
from gateway.context.writing import Written
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import InvalidRequest, NotFound
from gateway.identity.accounts import Caller
from gateway.types.context import Dating, Kind, Record

_MOST_LISTED: Final = 500
_DEFAULT_LISTED: Final = 100
_MANY: Final = 100
_PARAMETERS: Final = ("from", "to", "limit", "cursor", "order")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


async def put_profile(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Replace the profile."""
    return await _put(services, request, caller, _kind(services, PROFILE_ID), PROFILE_ID)


async def get_profile(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Return the profile as its owner wrote it."""
    return await _show(services, caller, _kind(services, PROFILE_ID), PROFILE_ID)


async def delete_profile(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Delete the profile; harmless where there is none."""
    await services.context.delete(caller.user_id, PROFILE_ID, PROFILE_ID)
    return json_reply({"kind": PROFILE_ID, "id": PROFILE_ID, "deleted": True})


async def put_record(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Write the record with this id: 201 if it is new, 200 if it replaces one."""
    params = request.path_params
    return await _put(services, request, caller, _kind(services, params["kind"]), params["id"])


async def get_record(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return one record as it was written."""
    params = request.path_params
    return await _show(services, caller, _kind(services, params["kind"]), params["id"])


async def delete_record(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Delete a record, also one that cannot be opened any more."""
    kind = _kind(services, request.path_params["kind"])
    record_id = request.path_params["id"]
    if not await services.context.delete(caller.user_id, kind.name, record_id):
        raise _no_record(kind)
    return json_reply({"kind": kind.name, "id": record_id, "deleted": True})


async def post_records(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Write a record, or all of `{"records": […]}`; those without an id are given one."""
    kind = _kind(services, request.path_params["kind"])
    body = await request.read_object()
    today = await _today(services, caller, kind)
    limits = services.snapshots.current.config.context

    def read() -> Sequence[Record]:
        return read_records(kind, body, today=today, new_id=_new_id, limits=limits)

    many = body.get("records")
    # A year of days takes tens of milliseconds to read, in which others would wait.
    is_long = isinstance(many, list) and len(many) > _MANY
    records = await asyncio.to_thread(read) if is_long else read()
    written = await _write(services, caller, kind, records, today, in_list="records" in body)
    created = sum(written.created)
    answer = {
        "object": "list",
        "kind": kind.name,
        "created": created,
        "replaced": len(records) - created,
        "ids": [record.id for record in records],
    }
    return json_reply(answer, 201 if created else 200)


async def list_records(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return records of a kind (`from`, `to`, `limit`, `cursor`, `order`), the newest days first."""
    kind = _kind(services, request.path_params["kind"])
    query = request.query
    for name in query.keys() - set(_PARAMETERS):
        raise InvalidRequest(f"Unknown parameter. Known: {', '.join(_PARAMETERS)}.", param=name)
    order = query.get("order", "newest")
    if order not in ("newest", "oldest"):
        raise InvalidRequest("'order' is 'newest' or 'oldest'.", param="order")
    page = await services.context.page(
        caller.user_id,
        kind.name,
        _read_window(kind, query, services.clock.now()),
        limit=_read_limit(query),
        cursor=query.get("cursor"),
        newest_first=order == "newest",
    )
    data = [public_record(kind, record) for record in page.records]
    shown = {"object": "list", "kind": kind.name, "data": data, "next_cursor": page.next_cursor}
    return json_reply(shown)


async def _put(
    services: Services, request: IncomingRequest, caller: Caller, kind: Kind, record_id: str
) -> Reply:
    body = await request.read_object()
    today = await _today(services, caller, kind)
    limits = services.snapshots.current.config.context
    record = read_record(
        kind, body, today=today, new_id=_new_id, record_id=record_id, limits=limits
    )
    written = await _write(services, caller, kind, [record], today)
    created = written.created[0]
    answer = {"kind": kind.name, "id": record.id, "created": created}
    return json_reply(answer, 201 if created else 200)


async def _write(  # the parts of one write
    services: Services,
    caller: Caller,
    kind: Kind,
    records: Sequence[Record],
    today: date,
    *,
    in_list: bool = False,
) -> Written:
    _refuse_too_old(kind, records, services.clock.now(), in_list=in_list)
    drafts = await draft_records(services.token_counter, kind, records)
    written = await services.context.put(caller.account.data_keys, kind, drafts, today)
    services.wear.note(caller.user_id, written.seals)
    return written


async def _show(services: Services, caller: Caller, kind: Kind, record_id: str) -> Reply:
    oldest = oldest_day(kind, services.clock.now())
    record = await services.context.get(caller.user_id, kind.name, record_id, oldest)
    if record is None:
        raise _no_record(kind)
    return json_reply(public_record(kind, record))


def _kind(services: Services, name: str) -> Kind:
    """Return a kind that has records. Raises NotFound for an unknown one, InvalidRequest."""
    kinds = services.snapshots.current.kinds
    kind = kinds.get(name)
    if kind is None:
        shown = f" '{name}'" if _PLAIN_NAME.fullmatch(name) else ""
        stored = ", ".join(each.name for each in kinds.values() if each.stored)
        raise NotFound(f"There is no context kind{shown}. There are: {stored}.", param="kind")
    if not kind.stored:
        raise InvalidRequest(
            f"'{kind.name}' is computed when it is needed; it has no records.", param="kind"
        )
    return kind


def _no_record(kind: Kind) -> NotFound:
    if kind.dating is Dating.SINGLE:
        return NotFound("No profile is stored. Write one with PUT /v1/me/context/profile.")
    return NotFound(f"No such record of kind '{kind.name}'.", param="id")


async def _today(services: Services, caller: Caller, kind: Kind) -> date:
    """Return the user's today, where the records of this kind need one."""
    profile = None
    if (kind.dated or kind.keeps_history_of) and PROFILE_ID in services.snapshots.current.kinds:
        profile = await services.context.get(caller.user_id, PROFILE_ID, PROFILE_ID)
    preferred = caller.account.record.preferences.timezone
    zone = timezone_of(None if profile is None else profile_of(profile), preferred)
    return today_in(zone, services.clock.now())


def _refuse_too_old(kind: Kind, records: Sequence[Record], now: float, *, in_list: bool) -> None:
    """Refuse what would be deleted at once: nothing is taken only to be lost."""
    oldest = oldest_day(kind, now)
    if oldest is None:
        return
    member = "week" if kind.dating is Dating.WEEK else "date"
    for place, record in enumerate(records):
        if record.day is not None and record.day < oldest:
            param = f"records[{place}].{member}" if in_list else member
            raise InvalidRequest(
                f"Records of kind '{kind.name}' are kept for {kind.retention_days} days: "
                f"'{param}' lies before {oldest.isoformat()}. Leave this record out.",
                param=param,
            )


def _read_window(kind: Kind, query: Mapping[str, str], now: float) -> Window:
    """Return the days of a list within what is kept, None where it is not limited."""
    first, last = _read_day(kind, query, "from"), _read_day(kind, query, "to")
    if first is not None and last is not None and first > last:
        raise InvalidRequest("'from' lies after 'to'.", param="from")
    if first is not None and kind.dating is Dating.WEEK:
        # A week has the day of its Monday: the week in which the range starts belongs to it.
        first -= timedelta(days=min(first.weekday(), first.toordinal() - 1))
    limits = [day for day in (first, oldest_day(kind, now)) if day is not None]
    if not limits and last is None:
        return None
    return max(limits, default=date.min), last or date.max


def _read_day(kind: Kind, query: Mapping[str, str], name: str) -> date | None:
    if name not in query:
        return None
    if not kind.dated:
        raise InvalidRequest(f"Records of kind '{kind.name}' belong to no days.", param=name)
    try:
        return date.fromisoformat(query[name])
    except ValueError:
        raise InvalidRequest("Write a day as YYYY-MM-DD.", param=name) from None


def _read_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(_DEFAULT_LISTED))
    # The length first: a number of any size would have to be read to be compared.
    if len(text) > 4 or not (text.isdecimal() and 1 <= int(text) <= _MOST_LISTED):
        raise InvalidRequest(f"'limit' is a number from 1 to {_MOST_LISTED}.", param="limit")
    return int(text)


def _new_id() -> str:
    return f"r_{os.urandom(12).hex()}"
