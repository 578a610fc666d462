"""The main job end to end: preference, key, context, attempts, booking; over real processes."""

import json
import time
from typing import Any

import httpx
import pytest

from gateway.sandbox.server import RunningSandbox
from tests.canary import Canaries
from tests.journeys.running import GatewayUser, RunningGateway
from tests.waiting import wait_until


def arrived(sandbox: RunningSandbox, request_id: str) -> list[dict[str, Any]]:
    """Return what reached the sandbox for one of our requests."""
    with httpx.Client(trust_env=False) as client:
        url = f"{sandbox.url}/sandbox/requests"
        found = client.get(url, params={"client_request_id": request_id}).json()
    requests: list[dict[str, Any]] = found["requests"]
    return requests


def sold(sandbox: RunningSandbox, request_id: str) -> list[dict[str, Any]]:
    """Return the sandbox's own books for one of our requests."""
    with httpx.Client(trust_env=False) as client:
        url = f"{sandbox.url}/sandbox/ledger"
        found = client.get(url, params={"client_request_id": request_id}).json()
    rows: list[dict[str, Any]] = found["rows"]
    return rows


def test_two_users_send_the_same_body_and_reach_different_providers(
    gateway: RunningGateway, sandbox: RunningSandbox, canary: Canaries
) -> None:
    users = {name: gateway.new_user(name) for name in ("openai", "anthropic")}
    names = {}
    for provider, user in users.items():
        names[provider] = canary.mint("Name")
        user.call("PUT", "/v1/me/context/profile", {"name": names[provider]})
    seen = {}
    for provider, user in users.items():
        response = user.chat("sandbox-echo", canary.mint("prompt"))
        assert response.status_code == 200, response.text
        assert response.headers["x-gateway-provider"] == provider
        seen[provider] = arrived(sandbox, response.headers["x-request-id"])[0]
    assert seen["openai"]["path"].startswith("/openai/")
    assert seen["anthropic"]["path"].startswith("/anthropic/")
    for provider, other in (("openai", "anthropic"), ("anthropic", "openai")):
        body = json.dumps(seen[provider])
        assert names[provider] in body
        assert names[other] not in body
    keys = [json.dumps(seen[p]["headers"]) for p in users]
    assert keys[0] != keys[1]


def test_a_request_is_booked_as_the_provider_sold_it(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    response = user.chat("gpt-4o-mini", "Count to three", gateway={"feature": "report"})
    request_id = response.headers["x-request-id"]
    [row] = user.rows(request_id)
    [sale] = sold(sandbox, request_id)
    assert row["status"] == "ok"
    assert row["certainty"] == "measured"
    assert row["feature"] == "report"
    assert row["tokens"]["input"] == sale["input"]
    assert row["tokens"]["output"] == sale["output"]
    assert row["model"].startswith("gpt-4o-mini-")
    assert float(row["cost_usd"]) > 0
    assert response.headers["x-gateway-cost-usd"] == row["cost_usd"]
    assert response.headers["x-gateway-model"] == row["model"] == response.json()["model"]
    total = user.call("GET", "/v1/me/usage?group_by=provider,model,feature").json()["data"]
    assert total == [
        {
            "provider": "openai",
            "model": row["model"],
            "feature": "report",
            "requests": 1,
            "attempts": 1,
            "tokens": row["tokens"],
            "total_tokens": row["total_tokens"],
            "cost_usd": row["cost_usd"],
            "by_certainty": {
                "measured": {
                    "attempts": 1,
                    "total_tokens": row["total_tokens"],
                    "cost_usd": row["cost_usd"],
                },
                "estimated": {"attempts": 0, "total_tokens": 0, "cost_usd": "0"},
                "aborted": {"attempts": 0, "total_tokens": 0, "cost_usd": "0"},
            },
            "estimated_requests": 0,
            "unpriced_requests": 0,
            "ceiling_requests": 0,
            "approximate_requests": 0,
        }
    ]


def test_a_stream_is_booked_too_and_says_so_in_its_usage_chunk(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    for provider, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5")):
        user = gateway.new_user(provider)
        response = user.chat(model, stream=True, gateway={"usage": True})
        request_id = response.headers["x-request-id"]
        frames = [
            json.loads(line.removeprefix("data: "))
            for line in response.text.splitlines()
            if line.startswith("data: {")
        ]
        [row] = user.rows(request_id)
        assert frames[-1]["gateway"]["cost_usd"] == row["cost_usd"]
        assert frames[-1]["gateway"]["request_id"] == request_id
        assert response.text.rstrip().endswith("data: [DONE]")
        [sale] = sold(sandbox, request_id)
        assert frames[-1]["usage"]["prompt_tokens"] == sale["input"]
        assert row["tokens"]["output"] == sale["output"]
        assert row["first_token_ms"] is not None


def test_the_profile_and_date_are_injected_behind_the_clients_system_message(
    gateway: RunningGateway, sandbox: RunningSandbox, canary: Canaries
) -> None:
    user = gateway.new_user("openai")
    name = canary.mint("Ada")
    user.call("PUT", "/v1/me/context/profile", {"name": name, "timezone": "Asia/Tokyo"})
    assert user.call("GET", "/v1/me/context/profile").json()["name"] == name
    body = {
        "model": "sandbox-echo",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    }
    response = user.call("POST", "/v1/chat/completions", body)
    receipt = response.headers["x-gateway-context"]
    assert receipt.startswith("minimal; tokens=")
    assert receipt.endswith("kinds=profile,date")
    messages = arrived(sandbox, response.headers["x-request-id"])[0]["body"]["messages"]
    assert messages[0] == {"role": "system", "content": "Be brief."}
    assert name in messages[1]["content"]
    assert "Asia/Tokyo" in messages[1]["content"]
    none = user.call("POST", "/v1/chat/completions", body, headers={"x-gateway-context": "none"})
    assert none.headers["x-gateway-context"] == "none; tokens=0"
    assert len(arrived(sandbox, none.headers["x-request-id"])[0]["body"]["messages"]) == 2


def test_a_503_once_is_retried_and_both_attempts_are_booked(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    response = user.chat("sandbox-503-once")
    assert response.status_code == 200
    assert response.headers["x-gateway-attempts"] == "2"
    rows = user.rows(response.headers["x-request-id"])
    assert [(r["attempt"], r["status"], r["certainty"]) for r in rows] == [
        (1, "failed", "aborted"),
        (2, "ok", "measured"),
    ]


def test_a_429_waits_as_long_as_it_is_told(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    started = time.monotonic()
    response = user.chat("sandbox-429-once-1")
    assert response.status_code == 200
    assert time.monotonic() - started >= 1
    assert response.headers["x-gateway-attempts"] == "2"


def test_a_refused_key_is_not_retried_and_says_whose_it_is(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    response = user.chat("sandbox-401")
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "provider_key_rejected"
    assert response.headers["x-gateway-error-origin"] == "user_key"
    assert len(arrived(sandbox, response.headers["x-request-id"])) == 1
    keys = user.call("GET", "/v1/me/providers").json()["data"]
    assert keys[0]["health"] == "rejected"


def test_three_attempts_at_most_and_no_retry_by_the_sdk(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    response = user.chat("sandbox-500")
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_error"
    assert response.headers["x-should-retry"] == "false"
    assert len(arrived(sandbox, response.headers["x-request-id"])) == 3
    assert len(user.rows(response.headers["x-request-id"])) == 3


def test_the_users_fallback_answers_and_is_named(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    user.put_key("anthropic", "sk-ant-fallback")
    user.prefer(fallbacks=["anthropic/claude-sonnet-4-5"])
    for stream in (False, True):
        response = user.chat("sandbox-quota", stream=stream)
        assert response.status_code == 200, response.text
        assert response.headers["x-gateway-provider"] == "anthropic"
        rows = user.rows(response.headers["x-request-id"])
        assert [(r["provider"], r["status"]) for r in rows] == [
            ("openai", "failed"),
            ("anthropic", "ok"),
        ]


def test_nothing_is_tried_again_after_the_first_event(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    user.put_key("anthropic", "sk-ant-fallback")
    user.prefer(fallbacks=["anthropic/claude-sonnet-4-5"])
    response = user.chat("sandbox-cut-6", stream=True)
    assert response.status_code == 200
    assert "[DONE]" not in response.text
    assert '"finish_reason":"stop"' not in response.text
    assert '"error"' in response.text.splitlines()[-2] + response.text.splitlines()[-1]
    request_id = response.headers["x-request-id"]
    assert len(arrived(sandbox, request_id)) == 1
    [row] = user.rows(request_id)
    assert (row["status"], row["certainty"]) == ("cut", "estimated")
    assert row["tokens"]["output"] > 0


def test_a_client_that_hangs_up_ends_the_upstream_call_and_is_booked(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    body = {
        "model": "sandbox-long-500+slow-50",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }
    headers = {"authorization": f"Bearer {user.token}"}
    with (
        httpx.Client(trust_env=False) as client,
        client.stream(
            "POST", f"{gateway.url}/v1/chat/completions", json=body, headers=headers
        ) as response,
    ):
        request_id = response.headers["x-request-id"]
        next(response.iter_bytes())
    sale = wait_until(lambda: [s for s in sold(sandbox, request_id) if s["ended"]])[0]
    assert sale["completed"] is False
    assert sale["output"] < 250

    def booked() -> list[dict[str, Any]]:
        found = user.call("GET", f"/v1/me/usage?request_id={request_id}")
        return list(found.json()["data"]) if found.is_success else []

    [row] = wait_until(booked)
    assert row["status"] == "cancelled"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_revoked_token_is_refused_from_the_next_request_by_every_worker(
    gateway: RunningGateway, provider: str
) -> None:
    user = gateway.new_user(provider)
    minted = user.call("POST", "/v1/me/tokens", {"name": "second", "allows": ["chat"]}).json()
    second = GatewayUser(gateway, user.id, minted["token"])
    for _ in range(8):  # so that both workers hold the account
        assert second.chat("sandbox-echo").status_code == 200
    user.call("DELETE", f"/v1/me/tokens/{minted['id']}")
    assert {second.chat("sandbox-echo").status_code for _ in range(12)} == {401}


def test_preferences_decide_which_model_answers(gateway: RunningGateway) -> None:
    user = gateway.new_user("anthropic", default_model="claude-sonnet-4-5")
    default = user.chat("auto")
    assert default.json()["model"].startswith("claude-sonnet-4-5")
    elsewhere = user.chat("gpt-4o")
    assert elsewhere.json()["model"].startswith("claude-sonnet-4-5")
    assert "gpt-4o" in elsewhere.headers["x-gateway-warnings"]
    user.prefer(model_map={"gpt-4o": "claude-haiku-4-5"})
    assert user.chat("gpt-4o").json()["model"].startswith("claude-haiku-4-5")


def test_metrics_count_over_all_workers(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    for _ in range(6):
        user.chat("gpt-4o-mini")
    text = gateway.call("GET", "/metrics", gateway.admin_token).text
    assert 'gateway_attempts_total{outcome="ok",provider="openai"}' in text
    assert "gateway_time_to_first_token_seconds_bucket" in text
    assert user.id not in text


def test_a_trace_is_passed_on_and_logged(gateway: RunningGateway, sandbox: RunningSandbox) -> None:
    user = gateway.new_user("openai")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"model": "sandbox-echo", "messages": [{"role": "user", "content": "Hi"}]}
    for sent, expected in ((trace, trace), ("00-nonsense", None)):
        response = user.call("POST", "/v1/chat/completions", body, headers={"traceparent": sent})
        headers = arrived(sandbox, response.headers["x-request-id"])[0]["headers"]
        assert headers.get("traceparent") == expected
    wait_until(lambda: '"trace":"0af7651916cd43dd8448eb211c80319c"' in gateway.log)
