"""`GET /v1/me/usage`: what a user's requests used and cost."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from gateway.accounting import usage_csv
from gateway.accounting.usage import GROUPS, Sums, read_request, read_sums
from gateway.accounting.usage_rows import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    WantedRows,
    read_rows,
    stream_rows,
)
from gateway.endpoints.calls import run_call
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.endpoints.services import Services
from gateway.endpoints.usage_query import UsageQuery, View, no_such_request, read_usage_query
from gateway.identity.accounts import Caller

Answer = Reply | AsyncIterator[bytes]
"""A finished answer, or the pieces of a CSV."""

_LINES_AT_ONCE: Final = 200
_DAY_S: Final = 86_400
_CSV_HEADERS: Final = {
    "content-type": "text/csv; charset=utf-8; header=present",
    "cache-control": "no-store",
    "content-disposition": 'attachment; filename="usage.csv"',
}


async def read(services: Services, request: IncomingRequest, caller: Caller) -> Reply | None:
    """Return totals (`from`, `to`, `group_by`), rows (`view=rows`), or one request's rows."""
    asked = read_usage_query(request, GROUPS, most=LARGEST_PAGE)
    await services.chat.ledger.settled()
    answer = await answer_about(services, asked, caller.user_id)
    if isinstance(answer, Reply):
        return answer
    await run_call(services.open_calls, request, caller, send_csv(request, answer))
    return None


async def answer_about(services: Services, asked: UsageQuery, user_id: str) -> Answer:
    """Answer what is asked about one user. Raises NotFound, InvalidRequest, StoreAway."""
    match asked.view:
        case View.REQUEST:
            rows = await read_request(services.store, user_id, asked.request_id)
            if not rows:
                raise no_such_request()
            if asked.as_csv:
                return csv_of_rows(_each(rows))
            return json_reply({"object": "list", "request_id": asked.request_id, "data": rows})
        case View.ROWS:
            return await _rows(services, asked, user_id)
        case _:
            sums = await read_sums(services.store, user_id, asked.days, asked.group_by)
            return answer_totals(asked, sums)


def answer_totals(asked: UsageQuery, sums: Sums) -> Answer:
    """Answer with totals."""
    if asked.as_csv:
        return csv_of_totals(asked.group_by, _each(sums.groups()))
    return json_reply({**totals_head(asked), "data": sums.groups(), "total": sums.total()})


def totals_head(asked: UsageQuery) -> dict[str, Any]:
    """Return what a list of totals says of itself."""
    first, last = asked.days[0], asked.days[-1]
    return {"object": "list", "from": first, "to": last, "group_by": asked.group_by}


def csv_of_totals(
    group_by: Sequence[str], totals: AsyncIterator[Mapping[str, Any]]
) -> AsyncIterator[bytes]:
    """Yield totals as CSV."""
    return _csv(usage_csv.total_columns(group_by), totals, usage_csv.flat_total)


def csv_of_rows(rows: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """Yield rows as CSV."""
    return _csv(usage_csv.ROW_COLUMNS, rows, usage_csv.flat_row)


async def send_csv(
    request: IncomingRequest,
    pieces: AsyncIterator[bytes],
    is_gone: Callable[[], bool] = lambda: False,
) -> None:
    """Send a CSV while it is made. Raises ClientGone, and StoreAway before anything is sent.

    A fault after that leaves the answer without its end, which a client sees.
    """
    first = await anext(pieces)
    downstream = request.downstream
    await downstream.start(200, _CSV_HEADERS)
    await downstream.write(first, more=True)
    async for piece in pieces:
        if is_gone():
            raise ClientGone
        await downstream.write(piece, more=True)
    await downstream.write(b"", more=False)


async def _rows(services: Services, asked: UsageQuery, user_id: str) -> Answer:
    keep_s = services.snapshots.current.config.ledger.keep_days * _DAY_S
    wanted = WantedRows(user_id, services.clock.now() - keep_s, asked.span)
    if asked.as_csv:
        return csv_of_rows(stream_rows(services.store, wanted))
    page = await read_rows(
        services.store, wanted, limit=asked.limit or DEFAULT_PAGE, cursor=asked.cursor
    )
    return json_reply({"object": "list", "data": page.rows, "next_cursor": page.next_cursor})


async def _csv(
    columns: Sequence[str],
    items: AsyncIterator[Mapping[str, Any]],
    flat: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> AsyncIterator[bytes]:
    held = []
    text = usage_csv.head_line(columns)
    async for item in items:
        held.append(flat(item))
        if len(held) == _LINES_AT_ONCE:
            yield (text + usage_csv.lines(columns, held)).encode()
            text, held = "", []
    yield (text + usage_csv.lines(columns, held)).encode()


async def _each(items: Sequence[Mapping[str, Any]]) -> AsyncIterator[Mapping[str, Any]]:
    for item in items:
        yield item
