"""What a user may demand: everything about them, who has seen it, and its end."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from gateway.accounting.disclosures import (
    DEFAULT_PAGE,
    LARGEST_PAGE,
    Wanted,
    read_disclosures,
)
from gateway.accounting.span import MOST_DAYS, days_between
from gateway.accounting.usage import GROUPS, read_totals
from gateway.endpoints.calls import run_call
from gateway.endpoints.me import public_key, public_token, public_user
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import InvalidRequest
from gateway.identity.accounts import Caller
from gateway.privacy.export import Export
from gateway.privacy.receipts import Unverified
from gateway.types.json import JsonObject

_PARAMETERS: Final = ("from", "to", "provider", "limit", "cursor")
_MOST_RECEIPT_BYTES: Final = 64 * 1024
_BY_THEMSELVES: Final = "self"
_EXPORT_HEADERS: Final = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "content-disposition": 'attachment; filename="export.json"',
}
_NOT_KNOWN: Final = (
    "This gateway signed it, but its store does not know of it: the store is another one, or a copy "
    "from before the erasure, in which the user may be there again."
)


async def erase_me(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Erase the account. The receipt is handed out this once: the token is gone with the rest."""
    receipt = await services.privacy.erasure.erase(caller.user_id, _BY_THEMSELVES)
    return json_reply(services.privacy.signer.sign(receipt), 202)


async def verify_receipt(services: Services, request: IncomingRequest) -> Reply:
    """Say whether a receipt of erasure is ours, and how far the erasure has come by now.

    The body is the receipt, as it was handed out.
    """
    request.limit_body(_MOST_RECEIPT_BYTES)
    body = await request.read_object()
    try:
        receipt_id = services.privacy.signer.verify(body)
    except Unverified as unverified:
        return json_reply(_verdict(valid=False, reason=str(unverified)))
    receipt = await services.privacy.erasure.load(receipt_id)
    if receipt is None:
        return json_reply(_verdict(valid=True, reason=_NOT_KNOWN, state="unknown"))
    signed = services.privacy.signer.sign(receipt)
    return json_reply(_verdict(valid=True, state=receipt.state.value, receipt=signed))


async def list_disclosures(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return which provider received which kinds of context (`from`, `to`: UTC days; `provider`)."""
    query = request.query
    for name in query.keys() - set(_PARAMETERS):
        raise InvalidRequest(f"Unknown parameter. Known: {', '.join(_PARAMETERS)}.", param=name)
    wanted = Wanted(_read_day(query, "from"), _read_day(query, "to"), query.get("provider"))
    await services.chat.ledger.settled()
    page = await read_disclosures(
        services.store,
        caller.user_id,
        wanted,
        limit=_read_limit(query),
        cursor=query.get("cursor"),
    )
    return json_reply({"object": "list", "data": page.items, "next_cursor": page.next_cursor})


async def export_me(services: Services, request: IncomingRequest, caller: Caller) -> None:
    """Send everything about the user as one JSON document, made while it is sent."""
    await run_call(services.open_calls, request, caller, _export(services, request, caller))


async def _export(services: Services, request: IncomingRequest, caller: Caller) -> None:
    await services.chat.ledger.settled()
    record = await services.users.get(caller.user_id)
    head = {
        "object": "export",
        "version": 1,
        "exported_at": int(request.received),
        "account": public_user(record),
        "tokens": [public_token(t) for t in await services.tokens.list_tokens(record.id)],
        "provider_keys": [public_key(k) for k in await services.provider_keys.list_keys(record.id)],
    }
    totals = await _totals(services, record.id)
    export = Export(
        services.store,
        services.context,
        services.privacy.kinds,
        services.audit,
        lambda: services.accounts.load(record.id),
        record,
    )
    downstream = request.downstream
    await downstream.start(200, _EXPORT_HEADERS)
    async for piece in export.write(head, totals):
        await downstream.write(piece, more=True)
    await downstream.write(b"", more=False)


async def _totals(services: Services, user_id: str) -> JsonObject:
    last = datetime.fromtimestamp(services.clock.now(), UTC).date()
    days = days_between(last - timedelta(days=MOST_DAYS - 1), last)
    return {"totals": await read_totals(services.store, user_id, days, GROUPS)}


def _verdict(
    *,
    valid: bool,
    reason: str | None = None,
    state: str | None = None,
    receipt: JsonObject | None = None,
) -> JsonObject:
    return {
        "object": "receipt_verification",
        "valid": valid,
        "reason": reason,
        "state": state,
        "receipt": receipt,
    }


def _read_day(query: dict[str, str], name: str) -> date | None:
    if name not in query:
        return None
    try:
        return date.fromisoformat(query[name])
    except ValueError:
        raise InvalidRequest("Write a day as YYYY-MM-DD.", param=name) from None


def _read_limit(query: dict[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_PAGE))
    if not (text.isdecimal() and len(text) <= 9 and 1 <= int(text) <= LARGEST_PAGE):
        raise InvalidRequest(f"'limit' is a number from 1 to {LARGEST_PAGE}.", param="limit")
    return int(text)
