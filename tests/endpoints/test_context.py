"""`/v1/me/context/…` as an application uses it, and everything that is refused there."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Counter

from gateway import metrics
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.store.embedded import EmbeddedStore
from tests.endpoints.serving import serve
from tests.identity.scene import ManualClock
from tests.waiting import async_wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
TODAY = date(2026, 11, 23)
CONFIG = """\
context:
  max_bulk_records: 3000
  kinds:
    orders:
      dated: day
      fields: {item: {required: true}, price: {type: number}}
      windows: {standard: 30, comprehensive: 30}
      retention_days: 90
    notes: {fields: {text: {max_length: 50}}, windows: {standard: all, comprehensive: all}, max_records: 3}
    feels: {enabled: false}
"""


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days)).isoformat()


def assert_refusal(
    response: httpx.Response, status: int, code: str, param: str | None
) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    return error


async def test_a_record_is_written_replaced_read_and_deleted_by_its_id(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        path = "/v1/me/context/entries/2026-11-22:evening"
        entry = {
            "date": "2026-11-22",
            "time": "21:30",
            "title": "Rain",
            "text": "It rained.",
            "tags": ["a"],
        }

        first = await user.call("PUT", path, entry)
        again = await user.call("PUT", path, {**entry, "text": "It poured."})
        shown = await user.call("GET", path)
        deleted = await user.call("DELETE", path)
        gone = await user.call("GET", path)
        twice = await user.call("DELETE", path)

    assert (first.status_code, again.status_code) == (201, 200)
    record_id = "2026-11-22:evening"
    assert first.json() == {"kind": "entries", "id": record_id, "created": True}
    assert again.json()["created"] is False
    assert shown.json() == {"id": record_id, **entry, "text": "It poured."}
    assert shown.headers["cache-control"] == "no-store"
    assert first.headers["cache-control"] == "no-store"
    assert deleted.json() == {"kind": "entries", "id": record_id, "deleted": True}
    for missing in (gone, twice):
        assert_refusal(missing, 404, "not_found", "id")


async def test_records_are_written_in_bulk_and_listed_in_pages(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        records = [{"id": f"f{n}", "date": days_ago(n), "mood": n} for n in range(25)]

        first = await user.call("POST", "/v1/me/context/feels", {"records": records})
        again = await user.call("POST", "/v1/me/context/feels", {"records": records[::-1]})
        listed, cursor = [], None
        while True:
            query = {"limit": "10", **({"cursor": cursor} if cursor else {})}
            page = (await user.call("GET", "/v1/me/context/feels", params=query)).json()
            listed += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        window = await user.call(
            "GET", "/v1/me/context/feels",
            params={"from": days_ago(4), "to": days_ago(2), "order": "oldest"},
        )  # fmt: skip

    ids = [f"f{n}" for n in range(25)]
    assert first.status_code == 201
    assert first.json() == {
        "object": "list", "kind": "feels", "created": 25, "replaced": 0, "ids": ids,
    }  # fmt: skip
    assert again.status_code == 200
    assert (again.json()["created"], again.json()["replaced"]) == (0, 25)
    assert again.json()["ids"] == ids[::-1]
    assert listed == records
    assert [each["id"] for each in window.json()["data"]] == ["f4", "f3", "f2"]


async def test_records_without_ids_are_given_some(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        one = await user.call("POST", "/v1/me/context/pillars", {"name": "Health", "score": 6})
        two = await user.call(
            "POST", "/v1/me/context/pillars", {"records": [{"name": "Work"}, {"name": "Play"}]}
        )
        recap = await user.call(
            "POST", "/v1/me/context/weekly_recaps", {"week": "2026-W46", "text": "A week."}
        )
        pillars = (await user.call("GET", "/v1/me/context/pillars")).json()["data"]
        last_week = await user.call(
            "GET", "/v1/me/context/weekly_recaps?from=2026-11-12&to=2026-11-20"
        )

    assert one.status_code == 201
    ids = {*one.json()["ids"], *two.json()["ids"]}
    assert len(ids) == 3
    assert {each["id"]: each["name"] for each in pillars} == dict(
        zip([*one.json()["ids"], *two.json()["ids"]], ["Health", "Work", "Play"], strict=True)
    )
    assert recap.json()["ids"] == ["2026-W46"]
    assert last_week.json()["data"] == [{"id": "2026-W46", "week": "2026-W46", "text": "A week."}]


async def test_the_profile_is_one_record_with_routes_of_its_own(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        path = "/v1/me/context/profile"
        none = await user.call("GET", path)
        first = await user.call("PUT", path, {"name": "Ada", "timezone": "Europe/London", "x": 1})
        again = await user.call("PUT", path, {"name": "Ada L."})
        shown = await user.call("GET", path)
        by_id = await user.call("GET", f"{path}/profile")
        other_id = await user.call("PUT", f"{path}/other", {"name": "Ada"})
        deleted = [await user.call("DELETE", path) for _ in range(2)]
        after = await user.call("GET", path)

    for missing in (none, after):
        assert assert_refusal(missing, 404, "not_found", None)["message"].endswith("/profile.")
    assert (first.status_code, again.status_code) == (201, 200)
    assert shown.json() == by_id.json() == {"name": "Ada L."}
    assert_refusal(other_id, 400, "invalid_value", "id")
    assert [each.status_code for each in deleted] == [200, 200]


async def test_what_day_it_is_depends_on_the_users_time_zone(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    late = datetime(2026, 11, 23, 20, tzinfo=UTC).timestamp()  # the 24th in Tokyo
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(late)) as served:
        user = await served.new_user()
        tomorrow = {"date": "2026-11-24", "mood": 5}
        early = await user.call("PUT", "/v1/me/context/feels/f", tomorrow)
        await user.call("PATCH", "/v1/me", {"preferences": {"timezone": "Asia/Tokyo"}})
        by_preference = await user.call("PUT", "/v1/me/context/feels/f", tomorrow)
        await user.call("PUT", "/v1/me/context/profile", {"timezone": "America/New_York"})
        by_profile = await user.call("PUT", "/v1/me/context/feels/f", tomorrow)

    message = assert_refusal(early, 400, "invalid_value", "date")["message"]
    assert "2026-11-23" in message
    assert by_preference.status_code == 201
    assert_refusal(by_profile, 400, "invalid_value", "date")


REFUSED: list[tuple[str, str, Any, int, str, str | None]] = [
    ("PUT", "moods/1", {"mood": 1}, 404, "not_found", "kind"),
    ("GET", "moods", None, 404, "not_found", "kind"),
    ("GET", "feels", None, 404, "not_found", "kind"),  # switched off by the operator
    ("DELETE", "moods/1", None, 404, "not_found", "kind"),
    ("GET", "patterns", None, 400, "invalid_request", "kind"),
    ("POST", "date", {"date": "2026-11-23"}, 400, "invalid_request", "kind"),
    ("PUT", "entries/e", {"date": "2026-11-24", "text": "x"}, 400, "invalid_value", "date"),
    ("PUT", "entries/e", {"date": "23.11.2026", "text": "x"}, 400, "invalid_value", "date"),
    ("PUT", "entries/e", {"text": "x"}, 400, "missing_required_parameter", "date"),
    ("PUT", "entries/e", {"date": "2026-11-23"}, 400, "missing_required_parameter", "text"),
    ("PUT", "entries/e", {"date": "2026-11-23", "text": 1}, 400, "invalid_type", "text"),
    ("PUT", "entries/e", {"id": "f", "date": "2026-11-23", "text": "x"}, 400, "invalid_value", "id"),
    ("PUT", "entries/.e", {"date": "2026-11-23", "text": "x"}, 400, "invalid_value", "id"),
    ("POST", "entries", {"records": []}, 400, "invalid_value", "records"),
    ("POST", "entries", {"records": "x"}, 400, "invalid_type", "records"),
    ("POST", "orders", {"records": [{"date": "2026-11-23", "item": "x"}, {"date": "2026-08-20", "item": "x"}]},
     400, "invalid_request", "records[1].date"),
    ("PUT", "orders/o", {"date": "2026-08-24", "item": "x"}, 400, "invalid_request", "date"),
    ("POST", "notes", {"records": [{"text": "x"}] * 4}, 409, "too_many_records", None),
    ("POST", "notes", {"text": "x" * 51}, 400, "string_too_long", "text"),
    ("POST", "entries", {"records": [{"id": "a"}] * 3001}, 413, "request_too_large", "records"),
    ("GET", "entries?from=yesterday", None, 400, "invalid_request", "from"),
    ("GET", "entries?from=2026-11-02&to=2026-11-01", None, 400, "invalid_request", "from"),
    ("GET", "pillars?from=2026-11-02", None, 400, "invalid_request", "from"),
    ("GET", "entries?limit=0", None, 400, "invalid_request", "limit"),
    ("GET", "entries?limit=501", None, 400, "invalid_request", "limit"),
    ("GET", "entries?limit=" + "9" * 5000, None, 400, "invalid_request", "limit"),
    ("GET", "entries?cursor=abc", None, 400, "invalid_request", "cursor"),
    ("GET", "entries?order=random", None, 400, "invalid_request", "order"),
    ("GET", "entries?user_id=u_x", None, 400, "invalid_request", "user_id"),
    ("PATCH", "entries/e", {"text": "x"}, 405, "method_not_allowed", None),
]  # fmt: skip


async def test_bad_input_is_refused_with_the_member_at_fault(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, CONFIG, ManualClock(NOON)) as served:
        user = await served.new_user()
        for method, rest, body, status, code, param in REFUSED:
            answer = await user.call(method, f"/v1/me/context/{rest}", body)
            assert_refusal(answer, status, code, param)
        unknown = await user.call("GET", "/v1/me/context/moods")
        odd = await user.call("GET", "/v1/me/context/my%20secret%20kind")
        written = await store.run("KEYS", names.context(user.id, "*"))

    message = unknown.json()["error"]["message"]
    assert "'moods'" in message
    assert "profile, pillars, entries, habits, weekly_recaps, orders, notes" in message
    assert "secret" not in odd.text
    assert written == []


MASS: list[tuple[str, dict[str, Any]]] = [
    ("entries/e", {"date": "2026-11-23", "text": "x"}),
    ("orders/o", {"date": "2026-11-23", "item": "x"}),
    ("pillars/p", {"name": "x"}),
]


@pytest.mark.parametrize("extra", ["role", "user_id", "kind", "tokens", "day", "history", "dek"])
async def test_a18_members_that_are_not_the_kinds_are_refused(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore, extra: str
) -> None:
    """A-18. On every writable route of records; nothing is written."""
    async with serve(tmp_path, store, redis_server.url, CONFIG, ManualClock(NOON)) as served:
        user = await served.new_user()
        for rest, body in MASS:
            kind = rest.partition("/")[0]
            for method, path, sent, param in (
                ("PUT", rest, {**body, extra: "x"}, extra),
                ("POST", kind, {**body, extra: "x"}, extra),
                ("POST", kind, {"records": [body, {**body, extra: "x"}]}, f"records[1].{extra}"),
                ("POST", kind, {"records": [body], extra: "x"}, extra),
            ):
                answer = await user.call(method, f"/v1/me/context/{path}", sent)
                assert_refusal(answer, 400, "unknown_parameter", param)
        assert await store.run("KEYS", names.context(user.id, "*")) == []


async def test_a17_d22_one_users_records_do_not_exist_for_another(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """A-17, D-22. The ids of another are 404 as if they did not exist; writing one writes one's own,
    and nothing of the other's changes."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        alice, bob = await served.new_user(), await served.new_user()
        path = "/v1/me/context/entries/e1"
        mine = {"date": "2026-11-23", "text": "alice's own"}
        await alice.call("PUT", path, mine)
        cursor = None

        unknown = await bob.call("GET", "/v1/me/context/entries/never-was")
        for method in ("GET", "DELETE"):
            answer = await bob.call(method, path)
            assert answer.status_code == 404
            assert answer.content == unknown.content
        assert (await bob.call("GET", "/v1/me/context/entries")).json()["data"] == []
        written = await bob.call("PUT", path, {"date": "2026-11-23", "text": "bob's own"})
        await bob.call("DELETE", path)
        shown = await alice.call("GET", path)
        cursor = (await alice.call("GET", "/v1/me/context/entries?limit=1")).json()["next_cursor"]

    assert written.status_code == 201
    assert shown.json() == {"id": "e1", **mine}
    assert cursor is None


async def test_a_token_may_write_without_reading_and_read_without_writing(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    entry = {"date": "2026-11-23", "text": "x"}
    path = "/v1/me/context/entries"
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        for allows, may_write, may_read in (
            (["context:write"], True, False),
            (["context:read"], False, True),
            (["chat", "account"], False, False),
        ):
            user = await served.new_user(allows)
            writes = [
                await user.call("PUT", f"{path}/e", entry),
                await user.call("POST", path, entry),
                await user.call("DELETE", f"{path}/e"),
            ]
            reads = [await user.call("GET", path), await user.call("GET", f"{path}/e")]
            assert [each.status_code != 403 for each in writes] == [may_write] * 3
            assert [each.status_code != 403 for each in reads] == [may_read] * 2


async def test_a_year_of_daily_data_is_written_in_one_request_per_kind(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    def year(a_day: int, **fields: Any) -> dict[str, Any]:
        return {
            "records": [
                {"id": f"r{n}.{k}", "date": days_ago(n), **fields}
                for n in range(365)
                for k in range(a_day)
            ]
        }

    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        for kind, body in (
            ("entries", year(1, text="Dear diary. " * 50)),
            ("feels", year(3, mood=6, label="fine", note="as ever")),
            ("habits", year(8, habit="run", done=True, amount=5, unit="km")),
        ):
            written = await user.call("POST", f"/v1/me/context/{kind}", body)
            assert written.status_code == 201, written.text
            assert written.json()["created"] == len(body["records"])
            held = await store.run("ZCARD", names.context_days(user.id, kind))
            assert held == len(body["records"])


async def test_what_is_past_its_retention_is_not_read_although_it_is_still_there(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    async with serve(tmp_path, store, redis_server.url, CONFIG, ManualClock(NOON)) as served:
        user = await served.new_user()
        path = "/v1/me/context/orders"
        records = [{"id": f"o{n}", "date": days_ago(n), "item": "x"} for n in (0, 89, 90)]
        await user.call("POST", path, {"records": records})
        before = (await user.call("GET", path)).json()["data"]
        last_day = await user.call("GET", f"{path}/o90")

        served.clock.pass_s(86_400)
        after = (await user.call("GET", path)).json()["data"]
        asked_for = (await user.call("GET", f"{path}?from=2020-01-01")).json()["data"]
        too_old = await user.call("GET", f"{path}/o90")

        assert before == records
        assert last_day.status_code == 200
        assert after == asked_for == records[:2]
        assert_refusal(too_old, 404, "not_found", "id")
        assert await store.run("HLEN", names.context(user.id, "orders")) == 3


async def test_a_broken_record_is_a_500_of_that_user_only_and_is_counted(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """B-01. Seen from outside: `record_integrity`, the counter, and others served as before."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        alice, bob = await served.new_user(), await served.new_user()
        for user in (alice, bob):
            entry = {"date": "2026-11-23", "text": f"of {user.id}"}
            await user.call("PUT", "/v1/me/context/entries/e", entry)
        before = counted(metrics.INTEGRITY_FAILURES)
        key = names.context(alice.id, "entries")
        name, value = await store.run("HGETALL", key)
        stolen = await store.run("HVALS", names.context(bob.id, "entries"))

        for broken in (stolen[0], value[:-1], value[:20], b"", b"\xff" * 8 + value[8:]):
            await store.run("HSET", key, name, broken)
            for path in ("entries", "entries/e"):
                answer = await alice.call("GET", f"/v1/me/context/{path}")
                error = assert_refusal(answer, 500, "record_integrity", None)
                assert error["message"] == "A stored record could not be opened."
                assert answer.headers["x-gateway-error-origin"] == "gateway"

        assert counted(metrics.INTEGRITY_FAILURES) - before == 10
        fine = await bob.call("GET", "/v1/me/context/entries/e")
        assert fine.json()["text"] == f"of {bob.id}"
        mended = await alice.call(
            "PUT", "/v1/me/context/entries/e", {"date": "2026-11-23", "text": "again"}
        )
        assert mended.status_code == 200
        assert (await alice.call("GET", "/v1/me/context/entries/e")).json()["text"] == "again"


async def test_a_broken_profile_is_mended_by_its_owner(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """What day it is cannot be told without it: so it must be writable as it is."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        await user.call("PUT", "/v1/me/context/profile", {"name": "Ada"})
        key = names.context(user.id, "profile")
        name = (await store.run("HKEYS", key))[0]
        await store.run("HSET", key, name, b"broken")
        entry = {"date": "2026-11-23", "text": "x"}

        before = await user.call("PUT", "/v1/me/context/entries/e", entry)
        mended = await user.call("PUT", "/v1/me/context/profile", {"name": "Ada"})
        after = await user.call("PUT", "/v1/me/context/entries/e", entry)

    assert_refusal(before, 500, "record_integrity", None)
    assert (mended.status_code, after.status_code) == (200, 201)


async def test_b16_a_data_key_that_has_sealed_too_much_is_replaced_by_the_write_that_finds_it(
    tmp_path: Path, store: RedisStore, redis_server: EmbeddedStore
) -> None:
    """B-16. The counter is set near its limit; the write goes through, and so do those after it."""
    async with serve(tmp_path, store, redis_server.url, clock=ManualClock(NOON)) as served:
        user = await served.new_user()
        path = "/v1/me/context/entries"
        for n in range(3):
            before = counted(metrics.DEK_ROTATIONS)
            await store.run("SET", names.user_seals(user.id), (1 << 30) - 2 + n)
            entry = {"date": days_ago(n), "text": f"entry {n}"}
            written = await user.call("PUT", f"{path}/e{n}", entry)
            assert written.status_code == 201
            if n:  # the first stays one below the limit
                await async_wait_until(partial(has_counted, metrics.DEK_ROTATIONS, before))
            assert await store.run("HKEYS", names.user_deks(user.id)) == [str(n + 1).encode()]
        listed = await user.call("GET", path)

    assert [each["text"] for each in listed.json()["data"]] == ["entry 0", "entry 1", "entry 2"]


def has_counted(counter: Counter, more_than: float) -> bool:
    return counted(counter) > more_than


def counted(counter: Counter) -> float:
    """Return what a metric has counted in this process, over all its labels."""
    return sum(
        sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
