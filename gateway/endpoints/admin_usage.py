"""`GET /admin/v1/usage`: what the whole deployment used and cost, by user where that is asked for.

Without users it reads the deployment's own totals only, however many users there are. By user it
goes through the index of users, a page at a time; erased users are in the totals and not there.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from gateway.accounting.usage import GROUPS, read_sums, read_totals
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.endpoints.usage import (
    answer_about,
    answer_totals,
    csv_of_totals,
    send_csv,
    totals_head,
)
from gateway.endpoints.usage_query import USER_GROUP, UsageQuery, View, read_usage_query
from gateway.errors import InvalidRequest
from gateway.identity.admin_tokens import Admin
from gateway.identity.ids import is_user_id
from gateway.identity.user_index import UserIndex
from gateway.store.base import Store

_GROUPS: Final = (*GROUPS, USER_GROUP)
_LARGEST_PAGE: Final = 1_000
_LARGEST_USER_PAGE: Final = 200
_DEFAULT_USER_PAGE: Final = 100
_MOST_HASHES: Final = 6_000
"""A day of a user each: bounds what one page of users reads."""

_USERS_AT_ONCE: Final = 8


class GroupPage(Struct, frozen=True):
    """Totals of some users; `next_cursor` is None at the end."""

    groups: list[dict[str, Any]]
    next_cursor: str | None


async def read(services: Services, request: IncomingRequest, admin: Admin) -> Reply | None:  # noqa: ARG001
    """Return totals of the deployment, of each user, or whatever one `user` can see."""
    asked = read_usage_query(request, _GROUPS, most=_LARGEST_PAGE, also=(USER_GROUP,))
    await services.chat.ledger.settled()
    user = request.query.get(USER_GROUP)
    if user is not None:
        user_id = user if is_user_id(user) else (await services.users.find(user)).id
        answer = await answer_about(services, _of_one_user(asked), user_id)
    elif asked.view in (View.ROWS, View.REQUEST):
        raise InvalidRequest("Name the user, by id or external id.", param=USER_GROUP)
    elif asked.view is View.TOTALS:
        sums = await read_sums(services.store, None, asked.days, asked.group_by)
        answer = answer_totals(asked, sums)
    elif asked.as_csv:
        every = every_user(services.store, services.users.index, asked.days, asked.group_by)
        answer = csv_of_totals(user_columns(asked.group_by), every)
    else:
        answer = await _by_user(services, asked)
    if isinstance(answer, Reply):
        return answer
    gone = asyncio.ensure_future(request.wait_disconnect())
    try:
        await send_csv(request, answer, gone.done)
    finally:
        gone.cancel()
    return None


async def _by_user(services: Services, asked: UsageQuery) -> Reply:
    limit = asked.limit or _DEFAULT_USER_PAGE
    page = await page_of_users(
        services.store, services.users.index, asked.days, asked.group_by, asked.cursor, limit
    )
    shown = {"data": page.groups, "next_cursor": page.next_cursor}
    return json_reply({**totals_head(asked), **shown})


def _of_one_user(asked: UsageQuery) -> UsageQuery:
    if asked.view is View.BY_USER:
        raise InvalidRequest("One user is named: group by something else.", param="group_by")
    return asked


def user_columns(group_by: Sequence[str]) -> list[str]:
    """Return the groups of totals by user, with the external id beside the user."""
    at = group_by.index(USER_GROUP) + 1
    return [*group_by[:at], "external_id", *group_by[at:]]


async def every_user(
    store: Store, index: UserIndex, days: Sequence[str], group_by: Sequence[str]
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the totals of every user, oldest user first. Raises StoreAway."""
    cursor: str | None = None
    while True:
        page = await page_of_users(store, index, days, group_by, cursor)
        for group in page.groups:
            yield group
        cursor = page.next_cursor
        if cursor is None:
            return


async def page_of_users(
    store: Store,
    index: UserIndex,
    days: Sequence[str],
    group_by: Sequence[str],
    cursor: str | None = None,
    limit: int = _LARGEST_USER_PAGE,
) -> GroupPage:
    """Return the totals of some users, oldest first. Raises InvalidRequest, StoreAway.

    There are fewer than `limit` users in a page of many days, and users without usage have no group.
    """
    most = min(limit, _LARGEST_USER_PAGE, max(1, _MOST_HASHES // len(days)))
    page = await index.page(cursor, most)
    inner = [name for name in group_by if name != USER_GROUP]
    groups: list[dict[str, Any]] = []
    for start in range(0, len(page.users), _USERS_AT_ONCE):
        some = page.users[start : start + _USERS_AT_ONCE]
        totals = await asyncio.gather(*(read_totals(store, user.id, days, inner) for user in some))
        for user, of_user in zip(some, totals, strict=True):
            named = {USER_GROUP: user.id, "external_id": user.external_id}
            groups += [{**named, **total} for total in of_user]
    return GroupPage(groups, page.next_cursor)
