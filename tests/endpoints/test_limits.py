"""`/admin/v1/users/{id}/limits` and limits of tokens, over a whole worker."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.accounting.limits.windows import month_of
from gateway.config.system_clock import SystemClock
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.store.embedded import EmbeddedStore
from tests.endpoints.serving import Served, serve
from tests.identity.scene import ManualClock

CONFIG = "limits: {user: {requests_per_minute: 60, cost_per_month_usd: 25}, timezone: Asia/Tokyo}\n"
NONE = {
    "requests_per_minute": None,
    "tokens_per_minute": None,
    "concurrent": None,
    "cost_per_day_usd": None,
    "cost_per_month_usd": None,
}


@pytest.fixture
async def served(
    store: RedisStore, redis_server: EmbeddedStore, tmp_path: Path
) -> AsyncIterator[Served]:
    clock = ManualClock(SystemClock().now())
    async with serve(tmp_path, store, redis_server.url, CONFIG, clock) as running:
        yield running


async def test_an_admin_sets_a_users_limits_and_sees_what_is_used_of_them(
    served: Served, store: RedisStore
) -> None:
    user = await served.new_user()
    path = f"/admin/v1/users/{user.id}/limits"
    before = (await served.call(served.admin_token, "GET", path)).json()
    assert before["limits"] == NONE
    assert before["in_force"] == {**NONE, "requests_per_minute": 60, "cost_per_month_usd": "25"}
    wanted = {"concurrent": 3, "cost_per_month_usd": 2.5}
    put = await served.call(served.admin_token, "PUT", path, wanted)
    assert put.status_code == 200
    zone_month = month_of(served.clock.now(), ZoneInfo("Asia/Tokyo"))
    key = names.limit_used(user.id, "user", "cost_month", zone_month.name)
    await store.run("SET", key, 700_000_000)
    await store.run("HSET", names.limit_held(user.id), "user:concurrent:now", 2)
    after = (await served.call(served.admin_token, "GET", path)).json()
    assert after["object"] == "limits"
    assert after["limits"] == {**NONE, "concurrent": 3, "cost_per_month_usd": "2.5"}
    assert after["in_force"]["requests_per_minute"] == 60
    assert [(each["measure"], each["limit"], each["used"], each["reserved"]) for each in after["now"]] == [
        ("requests", 60, 0, 0),
        ("concurrent", 3, 0, 2),
        ("cost_month", "2.5", "0.7", "0"),
    ]  # fmt: skip
    assert after["now"][2]["resets"] == zone_month.end
    assert after["now"][1]["resets"] is None
    audit = (await served.call(served.admin_token, "GET", "/admin/v1/audit")).json()
    assert (audit["data"][0]["action"], audit["data"][0]["target"]) == ("user.limits", user.id)
    assert (await user.call("GET", "/v1/me")).json()["limits"]["concurrent"] == 3


async def test_limits_are_replaced_whole(served: Served) -> None:
    user = await served.new_user()
    path = f"/admin/v1/users/{user.id}/limits"
    await served.call(served.admin_token, "PUT", path, {"concurrent": 3})
    put = await served.call(served.admin_token, "PUT", path, {"requests_per_minute": 5})
    assert put.json()["limits"] == {**NONE, "requests_per_minute": 5}
    assert (await served.call(served.admin_token, "PUT", path, {})).json()["limits"] == NONE


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": "5"}, "requests_per_minute"),
        ({"cost_per_day_usd": -0.01}, "cost_per_day_usd"),
        ({"cost_per_month_usd": "NaN"}, "cost_per_month_usd"),
        ({"requests_per_hour": 5}, "requests_per_hour"),
    ],
)
async def test_what_is_no_limit_is_refused(
    served: Served, body: dict[str, object], param: str
) -> None:
    user = await served.new_user()
    path = f"/admin/v1/users/{user.id}/limits"
    reply = await served.call(served.admin_token, "PUT", path, body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_limits_are_the_admins_and_of_users_who_are_there(served: Served) -> None:
    user = await served.new_user()
    path = f"/admin/v1/users/{user.id}/limits"
    assert (await user.call("PUT", path, {})).status_code == 401
    nobody = f"/admin/v1/users/u_{'0' * 22}/limits"
    assert (await served.call(served.admin_token, "GET", nobody)).status_code == 404
    assert (await served.call(served.admin_token, "PUT", nobody, {})).status_code == 404


async def test_a_users_token_makes_none_with_laxer_limits_and_shows_what_it_has(
    served: Served,
) -> None:
    user = await served.new_user()
    body = {"name": "app", "allows": ["chat", "account"], "limits": {"requests_per_minute": 10}}
    minted = await user.call("POST", "/v1/me/tokens", body)
    assert minted.json()["limits"] == {"requests_per_minute": 10}
    limited = minted.json()["token"]
    laxer = {**body, "limits": {"requests_per_minute": 11}}
    refused = await served.call(limited, "POST", "/v1/me/tokens", laxer)
    assert (refused.status_code, refused.json()["error"]["param"]) == (
        403,
        "limits.requests_per_minute",
    )
    more = {**body, "limits": {"concurrent": 1}}
    child = (await served.call(limited, "POST", "/v1/me/tokens", more)).json()
    assert child["limits"] == {"requests_per_minute": 10, "concurrent": 1}
    assert child["within"] == [
        {"id": minted.json()["id"], "limits": {"requests_per_minute": 10}},
    ]
    bad = {**body, "limits": {"cost_per_day_usd": -1}}
    reply = await user.call("POST", "/v1/me/tokens", bad)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "limits.cost_per_day_usd")
