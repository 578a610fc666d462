"""Money as its owners see it: limits over HTTP, and what a call costs whose client hangs up."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.sandbox.server import RunningSandbox
from tests.journeys.running import GatewayUser, RunningGateway
from tests.waiting import wait_until

LONG = "sandbox-long-20000"


def limited(gateway: RunningGateway, **limits: Any) -> GatewayUser:
    """A user with limits of their own."""
    user = gateway.new_user("openai")
    gateway.admin("PUT", f"/users/{user.id}/limits", limits)
    return user


def sold(sandbox: RunningSandbox, request_id: str) -> list[dict[str, Any]]:
    """What the provider sold of a request."""
    with httpx.Client(trust_env=False) as client:
        rows: list[dict[str, Any]] = client.get(
            f"{sandbox.url}/sandbox/ledger", params={"client_request_id": request_id}
        ).json()["rows"]
    return rows


def test_requests_per_minute_and_their_headers(gateway: RunningGateway) -> None:
    user = limited(gateway, requests_per_minute=2)

    answers = [user.chat("sandbox-echo") for _ in range(3)]

    if [answer.status_code for answer in answers] == [200, 200, 200]:  # the minute turned
        answers = [user.chat("sandbox-echo") for _ in range(3)]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2"
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["x-gateway-error-origin"] == "policy"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


def test_concurrent_requests_over_both_workers_and_none_is_left_behind(
    gateway: RunningGateway,
) -> None:
    """G-25. Both workers enforce one limit."""
    user = limited(gateway, concurrent=3)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: user.chat("sandbox-late-400"), range(12)))

    assert sorted({answer.status_code for answer in answers}) == [200, 429]
    assert sum(answer.status_code == 200 for answer in answers) <= 6
    wait_until(lambda: user.chat("sandbox-echo").status_code == 200)


def test_a_budget_is_spent_and_says_so(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai", default_model="gpt-4o-mini")
    gateway.admin("PUT", f"/users/{user.id}/limits", {"cost_per_day_usd": "0.000001"})

    over = user.chat("gpt-4o-mini", max_tokens=10)

    assert over.status_code == 400
    assert over.json()["error"]["code"] == "exceeds_limit"
    assert "more than" in over.json()["error"]["message"]


def test_limits_left_are_told_by_explain(gateway: RunningGateway) -> None:
    user = limited(gateway, requests_per_minute=50, cost_per_day_usd="5")

    told = user.call(
        "POST",
        "/v1/explain",
        {"model": "sandbox-echo", "messages": [{"role": "user", "content": "Hi"}]},
    ).json()

    left = {(each["subject"], each["measure"]): each for each in told["limits"]}
    assert left["user", "requests"]["limit"] == 50
    assert left["user", "cost_day"]["limit_usd"] == "5"


@pytest.mark.parametrize("pieces", [0, 1, 3, 40])
def test_a_client_that_hangs_up_is_booked_once_and_the_provider_is_let_go(
    gateway: RunningGateway, sandbox: RunningSandbox, pieces: int
) -> None:
    """E-10. With `cancel`, the default."""
    user = gateway.new_user("openai")

    request_id = hang_up_after(user, LONG, pieces)

    [row] = wait_until(lambda: rows_of(user, request_id))
    assert (row["status"], row["certainty"]) == ("cancelled", "estimated")
    assert wait_until(lambda: [s for s in sold(sandbox, request_id) if s["ended"]])
    assert len(rows_of(user, request_id)) == 1


def test_a_drained_answer_is_read_to_its_end_and_measured(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    """E-10. With `drain`, as the user prefers."""
    user = gateway.new_user("openai", on_disconnect="drain")

    request_id = hang_up_after(user, "sandbox-long-300", 3)

    [row] = wait_until(lambda: rows_of(user, request_id))
    [sale] = sold(sandbox, request_id)
    assert (row["status"], row["certainty"]) == ("ok", "measured")
    assert sale["completed"] is True
    assert row["tokens"]["output"] == sale["output"]


def test_a_drained_answer_has_an_end(gateway: RunningGateway, sandbox: RunningSandbox) -> None:
    """E-10. No more than 4,096 tokens are read for nobody."""
    user = gateway.new_user("openai")
    drain = {"gateway": {"on_disconnect": "drain"}}

    request_id = hang_up_after(user, "sandbox-long-20000", 1, **drain)

    [row] = wait_until(lambda: rows_of(user, request_id), limit_s=30)
    assert row["status"] == "cancelled"
    assert 4_000 < row["tokens"]["output"] < 12_000
    assert wait_until(lambda: [s for s in sold(sandbox, request_id) if s["ended"]])


def test_a_client_that_hangs_up_before_the_answer_is_booked_as_far_as_is_known(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    """E-09. The provider got the prompt and may charge for it."""
    user = gateway.new_user("openai")

    leave_unanswered(user, "sandbox-hang")

    [row] = wait_until(lambda: latest_rows(user))
    assert (row["status"], row["certainty"]) == ("cancelled", "estimated")
    assert row["tokens"]["input"] > 10
    assert wait_until(lambda: [s for s in sold(sandbox, row["request_id"]) if s["ended"]])


def test_a_hang_up_is_noticed_while_the_provider_is_silent(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    """E-11. Not at the next chunk: there is none."""
    user = gateway.new_user("openai")

    request_id = hang_up_after(user, "sandbox-hang-after-3", 2)

    [row] = wait_until(lambda: rows_of(user, request_id), limit_s=2.5)  # its gap ends after 3 s
    assert row["status"] == "cancelled"
    assert wait_until(lambda: [s for s in sold(sandbox, request_id) if s["ended"]])


def test_every_attempt_that_may_have_been_charged_for_has_its_row(gateway: RunningGateway) -> None:
    """F-31. A provider that does not answer in time may have done the work; one that refuses has not."""
    user = gateway.new_user("openai")

    late = user.call(
        "POST",
        "/v1/chat/completions",
        {"model": "sandbox-hang", "messages": [{"role": "user", "content": "Hello"}]},
        headers={"x-gateway-timeout": "1"},
    )
    refused = user.chat("sandbox-500")

    assert late.status_code == 504
    rows = user.rows(late.headers["x-request-id"])
    assert {(row["status"], row["certainty"]) for row in rows} == {("failed", "estimated")}
    assert all(row["tokens"]["input"] > 10 for row in rows)
    assert refused.status_code == 502
    aborted = user.rows(refused.headers["x-request-id"])
    assert {row["certainty"] for row in aborted} == {"aborted"}
    assert all(row["total_tokens"] == 0 for row in aborted)


def leave_unanswered(user: GatewayUser, model: str) -> None:
    """Ask, and hang up before anything was answered."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    with httpx.Client(base_url=user.gateway.url, trust_env=False, timeout=0.7) as client:
        headers = {"authorization": f"Bearer {user.token}"}
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/chat/completions", json=body, headers=headers)


def latest_rows(user: GatewayUser) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = user.call("GET", "/v1/me/usage?view=rows").json()["data"]
    return rows


def rows_of(user: GatewayUser, request_id: str) -> list[dict[str, Any]]:
    answer = user.call("GET", f"/v1/me/usage?request_id={request_id}")
    return answer.json()["data"] if answer.is_success else []


def hang_up_after(user: GatewayUser, model: str, pieces: int, **members: Any) -> str:
    """Ask for a stream, read some pieces of it, and close the connection."""
    body = {
        "model": model,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
        **members,
    }
    with httpx.Client(base_url=user.gateway.url, trust_env=False, timeout=30) as client:
        headers = {"authorization": f"Bearer {user.token}"}
        with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
            lines = answer.iter_lines()
            for _ in range(pieces * 2):
                with contextlib.suppress(json.JSONDecodeError):
                    next(lines)
            return answer.headers["x-request-id"]
