"""`/v1/me/usage` and `/admin/v1/usage` over a whole worker: views, pages, CSV, and refusals."""

import csv
import io
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from gateway.accounting.rows import LedgerRow
from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.endpoints.usage import send_csv
from gateway.store.client import RedisStore
from gateway.store.embedded import EmbeddedStore
from gateway.types.usage import Certainty, Usage
from tests.accounting.booking import book
from tests.accounting.many_rows import DAY_S, ROW, total_of
from tests.endpoints.serving import Served, ServedUser, serve
from tests.endpoints.test_context import assert_refusal
from tests.identity.scene import ManualClock

NOW = time.time() // DAY_S * DAY_S + DAY_S / 2  # noon, so that no test turns the day
TODAY = datetime.fromtimestamp(NOW, UTC).date().isoformat()


def some_rows(user: str, count: int = 6) -> list[LedgerRow]:
    """Rows of two days, two models, all certainties."""
    kinds = tuple(Certainty)
    return [
        replace(
            ROW,
            request_id=f"req_{user[2:]}{n}",
            user_id=user,
            time=NOW - DAY_S * (n % 2),
            model="=HYPERLINK()" if n % 3 == 0 else "gpt-5",
            certainty=kinds[n % 3],
            usage=Usage(input=100 + n, reasoning=n),
            cost_nano=10**6 * n,
            feature_id="-1",
        )
        for n in range(count)
    ]


async def user_of_the_next_second(served: Served) -> ServedUser:
    """A new user, who stands behind those before in the index."""
    served.clock.pass_s(1)
    return await served.new_user()


async def book_all(store: RedisStore, rows: Sequence[LedgerRow]) -> None:
    await book(store, *rows)


async def admin(served: Served, query: str, **options: Any) -> Any:
    response = await served.call(served.admin_token, "GET", f"/admin/v1/usage{query}", **options)
    assert response.status_code == 200, response.text
    return response.json()


async def own(user: ServedUser, query: str) -> Any:
    response = await user.call("GET", f"/v1/me/usage{query}")
    assert response.status_code == 200, response.text
    return response.json()


def cells(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_admin_and_user_views_agree(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """I-07: a user sees their own and nobody else's."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        users = [await user_of_the_next_second(served) for _ in range(3)]
        rows = {user.id: some_rows(user.id, 4 + n) for n, user in enumerate(users)}
        for of_user in rows.values():
            await book_all(store, of_user)
        seen = await admin(served, "?group_by=user")
        assert [group["user"] for group in seen["data"]] == [user.id for user in users]
        for user, group in zip(users, seen["data"], strict=True):
            mine = await own(user, "?group_by=certainty")
            assert mine["total"] == total_of(rows[user.id])
            assert (await admin(served, f"?user={user.id}&group_by=certainty")) == mine
            named = {"user": user.id, "external_id": None}
            assert group == {**named, **total_of(rows[user.id])}
        everything = [row for of_user in rows.values() for row in of_user]
        assert (await admin(served, ""))["total"] == total_of(everything)
        by_model = (await admin(served, "?group_by=model,day"))["data"]
        assert sum(group["attempts"] for group in by_model) == len(everything)
        assert {group["model"] for group in by_model} == {"=HYPERLINK()", "gpt-5"}


async def test_users_are_paged_and_a_wide_span_makes_pages_smaller(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        users = [(await user_of_the_next_second(served)).id for _ in range(17)]
        for user in users[::2]:
            await book_all(store, some_rows(user, 2))
        seen: list[str] = []
        cursor = ""
        while True:
            page = await admin(served, f"?group_by=user,model&limit=5{cursor}")
            seen += [group["user"] for group in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert list(dict.fromkeys(seen)) == users[::2]
        first = datetime.fromtimestamp(NOW - 399 * DAY_S, UTC).date().isoformat()
        wide = await admin(served, f"?group_by=user&from={first}&limit=200")
        assert len(wide["data"]) == 8  # of 15 users
        assert wide["next_cursor"] is not None
        text = (
            await served.call(
                served.admin_token, "GET", f"/admin/v1/usage?group_by=user&from={first}&format=csv"
            )
        ).text
        assert [line["user"] for line in cells(text)] == users[::2]


async def test_rows_are_paged_and_the_csv_has_them_all(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        user = await served.new_user()
        await book_all(store, some_rows(user.id, 450))
        seen: list[str] = []
        cursor = ""
        while True:
            page = await own(user, f"?view=rows&limit=200{cursor}")
            seen += [row["request_id"] for row in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == [row.request_id for row in reversed(some_rows(user.id, 450))]
        response = await user.call("GET", "/v1/me/usage?view=rows&format=csv")
        assert response.headers["content-type"].startswith("text/csv")
        assert response.headers["cache-control"] == "no-store"
        lines = cells(response.text)
        assert [line["request_id"] for line in lines] == seen
        assert {line["model"] for line in lines} == {"'=HYPERLINK()", "gpt-5"}
        assert {line["feature_id"] for line in lines} == {"'-1"}
        as_admin = await served.call(
            served.admin_token, "GET", f"/admin/v1/usage?view=rows&format=csv&user={user.id}"
        )
        assert as_admin.text == response.text
        today = await own(user, f"?view=rows&from={TODAY}&limit=1000")
        assert len(today["data"]) == 225


async def test_totals_are_csv_where_the_client_accepts_that(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        user = await served.new_user()
        rows = some_rows(user.id)
        await book_all(store, rows)
        headers = {"authorization": f"Bearer {user.token}", "accept": "text/csv"}
        response = await served.client.get("/v1/me/usage?group_by=model", headers=headers)
        [formula, plain] = cells(response.text)
        assert (formula["model"], plain["model"]) == ("'=HYPERLINK()", "gpt-5")
        expected = total_of([row for row in rows if row.model == "gpt-5"])
        assert plain["cost_usd"] == expected["cost_usd"]
        assert plain["attempts_estimated"] == str(expected["estimated_requests"])
        for accept in ("*/*", "application/json, text/csv", "application/json"):
            again = await served.client.get("/v1/me/usage", headers={**headers, "accept": accept})
            assert again.json()["object"] == "list"


async def test_a_user_is_named_by_either_id_and_one_request_is_shown(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        body = {"external_id": "shop/7"}
        made = await served.call(served.admin_token, "POST", "/admin/v1/users", body)
        user = made.json()["id"]
        rows = some_rows(user)
        await book_all(store, rows)
        name = quote("shop/7", safe="")
        assert (await admin(served, f"?user={name}"))["total"] == total_of(rows)
        [group] = (await admin(served, "?group_by=user"))["data"]
        assert group["external_id"] == "shop/7"
        request = rows[1].request_id
        found = await admin(served, f"?user={name}&request_id={request}")
        assert [row["request_id"] for row in found["data"]] == [request]
        for query in (f"?request_id={request}", "?view=rows"):
            response = await served.call(served.admin_token, "GET", f"/admin/v1/usage{query}")
            assert_refusal(response, 400, "invalid_request", "user")
        response = await served.call(
            served.admin_token, "GET", f"/admin/v1/usage?user={user}&group_by=user"
        )
        assert_refusal(response, 400, "invalid_request", "group_by")
        response = await served.call(served.admin_token, "GET", "/admin/v1/usage?user=nobody")
        assert response.status_code == 404


REFUSED = [
    ("limit=10", "limit"),
    ("view=rows&limit=0", "limit"),
    ("view=rows&limit=-1", "limit"),
    ("view=rows&limit=1001", "limit"),
    ("view=rows&limit=1e2", "limit"),
    ("view=rows&limit=%D9%A1", "limit"),
    ("view=rows&cursor=-1", "cursor"),
    ("view=rows&page=-1", "page"),
    ("view=rows&group_by=day", "group_by"),
    ("view=rows&format=csv&limit=5", "limit"),
    ("view=all", "view"),
    ("format=xml", "format"),
    ("from=2016-01-01", "from"),
    ("from=0001-01-01&to=0001-01-05", "to"),
    ("to=0001-01-05", "to"),
    ("from=2026-05-02&to=2026-05-01", "from"),
    ("group_by=token", "group_by"),
    ("group_by=day,day", "group_by"),
    ("request_id=req_1&from=2026-01-01", "from"),
    ("offset=5", "offset"),
]


async def test_i07_what_has_no_sense_or_no_end_is_refused(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """I-07, for users and for admins."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        user = await served.new_user()
        for query, param in REFUSED:
            response = await user.call("GET", f"/v1/me/usage?{query}")
            assert_refusal(response, 400, "invalid_request", param)
            path = f"/admin/v1/usage?{query}&user={user.id}"
            response = await served.call(served.admin_token, "GET", path)
            assert_refusal(response, 400, "invalid_request", param)
        for query in ("user=u_other", "group_by=user"):
            response = await user.call("GET", f"/v1/me/usage?{query}")
            assert_refusal(response, 400, "invalid_request", query.partition("=")[0])
        for query in (
            "group_by=user&limit=-1",
            "group_by=user&cursor=%21",
            "group_by=user&page=-1",
        ):
            response = await served.call(served.admin_token, "GET", f"/admin/v1/usage?{query}")
            assert response.status_code == 400, query


async def test_i07_nobody_sees_what_is_not_theirs(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """I-07, A-17: somebody else's request is as one that never was; routes keep to their tokens."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        ann, bob = await served.new_user(), await served.new_user()
        rows = some_rows(bob.id)
        await book_all(store, rows)
        theirs = await ann.call("GET", f"/v1/me/usage?request_id={rows[0].request_id}")
        nobodys = await ann.call("GET", "/v1/me/usage?request_id=req_0")
        odd = await ann.call("GET", "/v1/me/usage?request_id=x%7D:y")
        assert theirs.json() == nobodys.json() == odd.json()
        assert theirs.status_code == 404
        assert (await own(ann, "?view=rows"))["data"] == []
        assert (await own(ann, ""))["data"] == []
        assert (await ann.call("GET", "/admin/v1/usage")).status_code == 401
        with_admin = await served.call(served.admin_token, "GET", "/v1/me/usage")
        assert with_admin.status_code == 401


@pytest.mark.parametrize("view", ["", "&view=rows"])
async def test_a_fault_before_the_first_line_is_an_error_and_no_half_of_a_csv(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore, view: str
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOW)) as served:
        user = await served.new_user()
        await own(user, "")
        await store.run("SET", f"gw:{{u:{user.id}}}:usage:rows", "no stream")
        response = await user.call("GET", f"/v1/me/usage?format=csv{view}")
        assert response.status_code == (500 if view else 200)


class _Reader:
    """A client that reads a few pieces and leaves."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.ended = False

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        assert status == 200

    async def write(self, data: bytes, *, more: bool) -> None:
        self.left -= 1
        self.ended = not more


async def test_a_csv_is_not_made_on_for_a_client_who_has_left() -> None:
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        while made < 100:
            made += 1
            yield b"x"

    reader = _Reader(3)
    request = cast("IncomingRequest", SimpleNamespace(downstream=reader))
    with pytest.raises(ClientGone):
        await send_csv(request, pieces(), lambda: reader.left == 0)
    assert (made, reader.ended) == (4, False)
