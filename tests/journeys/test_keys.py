"""Whose key goes where: own endpoints behind the guard, and the operator's platform keys."""

import hashlib
from pathlib import Path

import httpx

from gateway.sandbox.server import RunningSandbox
from tests.canary import Canaries
from tests.journeys.running import RunningGateway, start_gateway

MORE = """\
  shared:
    type: openai
    base_url: "{origin}/openai/v1"
    platform_key_env: SHARED_KEY
    platform_key_for: listed
endpoints: {{allow: ["127.0.0.1/32:*"], allow_http: true}}
metrics: {{allow: ["127.0.0.0/8"]}}
"""


def key_seen(sandbox: RunningSandbox, request_id: str) -> str:
    """Return the key that arrived, as its SHA-256."""
    with httpx.Client(trust_env=False) as client:
        url = f"{sandbox.url}/sandbox/requests"
        found = client.get(url, params={"client_request_id": request_id}).json()["requests"]
    header: str = found[0]["headers"]["authorization"]
    return header


def digest(secret: str) -> str:
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def test_own_endpoints_and_platform_keys(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    shared = canary.mint("sk-shared-")
    more = MORE.format(origin=sandbox.url)
    with start_gateway(
        tmp_path / "gateway", sandbox.url, more=more, variables={"SHARED_KEY": shared}
    ) as gateway:
        own_endpoint_gets_its_own_key_only(gateway, sandbox, canary)
        platform_key_is_for_listed_users(gateway, sandbox, shared)
        assert gateway.call("GET", "/metrics", None).status_code == 200


def own_endpoint_gets_its_own_key_only(
    gateway: RunningGateway, sandbox: RunningSandbox, canary: Canaries
) -> None:
    user = gateway.new_user("openai")
    secret = canary.mint("sk-own-")
    settings = {"endpoint": f"{sandbox.url}/openai/v1"}
    user.put_key("mine", secret, type="openai_compatible", settings=settings)
    user.prefer(provider="mine", default_model="sandbox-echo")
    answer = user.chat("auto")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-gateway-provider"] == "mine"
    assert key_seen(sandbox, answer.headers["x-request-id"]) == digest(secret)
    moved = {"type": "openai_compatible", "settings": {"endpoint": "https://example.com/v1"}}
    refused = user.call("PUT", "/v1/me/providers/mine", moved)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "secret_required"
    shown = user.call("GET", "/v1/me/providers").json()["data"]
    assert {key["name"]: key["last4"] for key in shown}["mine"] == secret[-4:]
    text = gateway.call("GET", "/metrics", None).text
    assert 'provider="own_endpoint"' in text
    assert "mine" not in text


def platform_key_is_for_listed_users(
    gateway: RunningGateway, sandbox: RunningSandbox, shared: str
) -> None:
    user = gateway.new_user("openai")
    refused = user.chat("shared/sandbox-echo")
    assert refused.json()["error"]["code"] == "provider_key_missing"
    gateway.admin("PATCH", f"/users/{user.id}", {"platform_keys": True})
    answer = user.chat("shared/sandbox-echo")
    assert answer.status_code == 200, answer.text
    assert key_seen(sandbox, answer.headers["x-request-id"]) == digest(shared)
    [row] = user.rows(answer.headers["x-request-id"])
    assert row["key_source"] == "platform"
    rejected = user.chat("shared/sandbox-401")
    assert rejected.status_code == 502
    assert rejected.json()["error"]["code"] == "platform_key_rejected"
    assert rejected.headers["x-gateway-error-origin"] == "gateway"
    spent = user.chat("shared/sandbox-quota")
    assert (spent.status_code, spent.headers["x-gateway-error-origin"]) == (429, "gateway")
    assert spent.headers["x-should-retry"] == "false"
