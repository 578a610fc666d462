"""`GET /v1/me/usage`: what a user's requests used and cost."""

import re
from datetime import UTC, date, datetime, timedelta

from gateway.accounting.usage import (
    GROUPS,
    MOST_DAYS,
    days_between,
    read_request,
    read_totals,
)
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import InvalidRequest, NotFound
from gateway.identity.accounts import Caller

_DEFAULT_DAYS = 30
_REQUEST_ID = re.compile(r"req_[0-9a-zA-Z]{1,64}")
_PARAMETERS = frozenset(("from", "to", "group_by", "request_id"))


async def read(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return totals (`from`, `to`: UTC days, both included; `group_by`), or one request's rows."""
    query = request.query
    for name in query.keys() - _PARAMETERS:
        raise InvalidRequest(
            f"Unknown parameter. Known are: {', '.join(sorted(_PARAMETERS))}.", param=name
        )
    if "request_id" in query:
        return await _one_request(services, caller, query["request_id"])
    today = datetime.fromtimestamp(services.clock.now(), UTC).date()
    last = _read_day(query, "to", today)
    first = _read_day(query, "from", last - timedelta(days=_DEFAULT_DAYS - 1))
    if first > last:
        raise InvalidRequest("'from' lies after 'to'.", param="from")
    if (last - first).days >= MOST_DAYS:
        raise InvalidRequest(f"At most {MOST_DAYS} days at a time.", param="from")
    groups = _read_groups(query.get("group_by", "day"))
    days = days_between(first, last)
    data = await read_totals(services.store, caller.user_id, days, groups)
    shown = {"object": "list", "from": days[0], "to": days[-1], "group_by": groups, "data": data}
    return json_reply(shown)


async def _one_request(services: Services, caller: Caller, request_id: str) -> Reply:
    rows = []
    if _REQUEST_ID.fullmatch(request_id):
        rows = await read_request(services.store, caller.user_id, request_id)
    if not rows:
        raise NotFound(
            "No usage is booked under this request id. It is the `x-request-id` of an answer.",
            param="request_id",
        )
    return json_reply({"object": "list", "request_id": request_id, "data": rows})


def _read_day(query: dict[str, str], name: str, default: date) -> date:
    if name not in query:
        return default
    try:
        return date.fromisoformat(query[name])
    except ValueError:
        raise InvalidRequest("Write a day as YYYY-MM-DD.", param=name) from None


def _read_groups(text: str) -> list[str]:
    groups = text.split(",")
    if not set(groups) <= set(GROUPS) or len(set(groups)) != len(groups):
        raise InvalidRequest(
            f"'group_by' is one or more of {', '.join(GROUPS)}, joined by commas.",
            param="group_by",
        )
    return groups
