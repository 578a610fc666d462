"""What a request for usage asks for, read from its query and its `Accept` header."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from msgspec import Struct

from gateway.accounting.span import Span, read_groups, read_span
from gateway.endpoints.requests import IncomingRequest
from gateway.errors import InvalidRequest, NotFound

USER_GROUP: Final = "user"
_DEFAULT_GROUP: Final = "day"
_REQUEST_ID: Final = re.compile(r"req_[0-9a-zA-Z]{1,64}")


class View(Enum):
    """What is shown, and which parameters that takes."""

    TOTALS = ("view", "format", "from", "to", "group_by")
    BY_USER = ("view", "format", "from", "to", "group_by", "limit", "cursor")
    ROWS = ("view", "format", "from", "to", "limit", "cursor")
    REQUEST = ("format", "request_id")


class UsageQuery(Struct, frozen=True):
    """What is asked for. `span` is None for rows of whatever days; `limit` if none is named."""

    view: View
    as_csv: bool
    span: Span | None
    group_by: Sequence[str] = ()
    request_id: str = ""
    limit: int | None = None
    cursor: str | None = None

    @property
    def days(self) -> tuple[str, ...]:
        """The days that totals are asked for."""
        return self.span.days if self.span is not None else ()


def read_usage_query(
    request: IncomingRequest,
    groups: Sequence[str],
    *,
    most: int,
    also: Sequence[str] = (),
) -> UsageQuery:
    """Return what is asked for. Raises InvalidRequest and NotFound.

    `groups` are what totals may be grouped by, `most` the largest `limit`, `also` parameters that
    the caller reads itself.
    """
    query = {name: value for name, value in request.query.items() if name not in also}
    group_by = read_groups(query.get("group_by", _DEFAULT_GROUP), groups)
    view = _view(query, group_by)
    as_csv = _wants_csv(query, request.headers.get("accept", ""))
    _check_names(query, view, as_csv=as_csv)
    if view is View.REQUEST and not _REQUEST_ID.fullmatch(query["request_id"]):
        raise no_such_request()
    days = (query.get("from"), query.get("to"))
    span = None
    if view in (View.TOTALS, View.BY_USER) or any(days):
        span = read_span(*days, datetime.fromtimestamp(request.received, UTC).date())
    return UsageQuery(
        view,
        as_csv,
        span,
        group_by,
        query.get("request_id", ""),
        _read_limit(query, most),
        query.get("cursor"),
    )


def no_such_request() -> NotFound:
    """Return the error for a request id that nothing is booked under."""
    return NotFound(
        "No usage is booked under this request id. It is the `x-request-id` of an answer.",
        param="request_id",
    )


def _view(query: Mapping[str, str], group_by: Sequence[str]) -> View:
    if "request_id" in query:
        return View.REQUEST
    match query.get("view", "totals"):
        case "totals":
            return View.BY_USER if USER_GROUP in group_by else View.TOTALS
        case "rows":
            return View.ROWS
        case _:
            raise InvalidRequest("'view' is totals or rows.", param="view")


def _wants_csv(query: Mapping[str, str], accept: str) -> bool:
    match query.get("format"):
        case None:
            kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
            return "text/csv" in kinds and "application/json" not in kinds
        case "csv" | "json" as named:
            return named == "csv"
        case _:
            raise InvalidRequest("'format' is json or csv.", param="format")


def _check_names(query: Mapping[str, str], view: View, *, as_csv: bool) -> None:
    """Refuse what has no meaning here. A CSV has everything, so it has no pages."""
    pages = {"limit", "cursor"} if as_csv else set()
    allowed = [name for name in view.value if name not in pages]
    for name in query:
        if name not in allowed:
            raise InvalidRequest(
                f"Not a parameter of this view, which takes {', '.join(allowed)}.", param=name
            )


def _read_limit(query: Mapping[str, str], most: int) -> int | None:
    text = query.get("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= most):
        raise InvalidRequest(f"'limit' is a number from 1 to {most}.", param="limit")
    return int(text)
