"""`/v1/models` and the test of a key, over real processes, with the official client."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from gateway.sandbox.server import RunningSandbox
from tests.canary import Canaries
from tests.fakes.raw_scenes import play, reading
from tests.fakes.raw_upstream import serve_raw
from tests.journeys.running import (
    GatewayUser,
    RunningGateway,
    environment,
    run_command,
    start_gateway,
)

MORE = """\
  shared:
    type: openai
    base_url: "{origin}/openai/v1"
    platform_key_env: SHARED_KEY
  keyless:
    type: ollama
    base_url: "{origin}/openai/v1"
    key_required: false
    default_model: sandbox-echo
models:
  aliases:
    house: [{{provider: anthropic, model: claude-haiku-4-5}}]
  deny: ["shared/gpt-4o*"]
  overrides:
    shared: {{sandbox-echo: {{context_window: 777, price: free}}}}
endpoints: {{allow: ["127.0.0.1/32:*"], allow_http: true}}
"""


@pytest.fixture(scope="module")
def rich(
    tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox
) -> Iterator[RunningGateway]:
    """A gateway with an alias, a platform key, a deny list, and own endpoints on this host."""
    home = tmp_path_factory.mktemp("rich")
    variables = {"SHARED_KEY": "sk-shared-0123456789"}
    more = MORE.format(origin=sandbox.url)
    with start_gateway(home, sandbox.url, more=more, variables=variables) as running:
        yield running


@pytest.fixture(scope="module")
def user(rich: RunningGateway) -> GatewayUser:
    made = rich.new_user("openai")
    made.put_key("anthropic", "sk-ant-0123456789")
    return made


def listed(user: GatewayUser) -> dict[str, dict[str, Any]]:
    response = user.call("GET", "/v1/models")
    assert response.status_code == 200, response.text
    assert response.json()["object"] == "list"
    return {model["id"]: model for model in response.json()["data"]}


def lists_asked(sandbox: RunningSandbox, prefix: str) -> int:
    """How often the sandbox was asked for its list under a prefix, of its last 200 requests."""
    with httpx.Client(trust_env=False) as client:
        found = client.get(f"{sandbox.url}/sandbox/requests").json()["requests"]
    return sum(entry["path"] == f"{prefix}/v1/models" for entry in found)


def try_key(user: GatewayUser, name: str) -> dict[str, Any]:
    response = user.call("POST", f"/v1/me/providers/{name}/test")
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    return report


def test_the_official_client_lists_and_retrieves(user: GatewayUser) -> None:
    with user.openai(max_retries=0) as client:
        models = {model.id: model for model in client.models.list()}
        one = client.models.retrieve("gpt-4o-mini")
        slashed = client.models.retrieve("anthropic/claude-haiku-4-5-20251001")
        with pytest.raises(openai.NotFoundError) as raised:
            client.models.retrieve("no-such-model")
    assert models["gpt-4o-mini"] == one
    assert (one.object, one.owned_by, one.created) == ("model", "openai", 1_700_000_000)
    assert slashed == models["anthropic/claude-haiku-4-5-20251001"]
    assert slashed.created > 0
    assert raised.value.code == "model_not_found"


def test_every_way_to_a_model_is_told_apart(user: GatewayUser) -> None:
    models = listed(user)
    because = {name: model["available_because"] for name, model in models.items()}
    assert because["gpt-4o-mini"] == "own_key"
    assert because["anthropic/claude-haiku-4-5"] == "own_key"
    assert because["shared/sandbox-echo"] == "platform_key"
    assert because["keyless/sandbox-echo"] == "no_key_needed"
    assert because["house"] == "alias"
    assert not [name for name in models if name.startswith(("groq/", "shared/gpt-4o"))]
    # The config names it at another provider, so the bare name would get the user's default model.
    assert "openai/sandbox-echo" in models
    assert "sandbox-echo" not in models
    house = models["house"]
    assert (house["provider"], house["model"]) == ("anthropic", "claude-haiku-4-5")
    shared = models["shared/sandbox-echo"]
    assert (shared["context_window"], shared["price"]) == (777, "free")
    price = models["gpt-4o-mini"]["price"]
    assert (price["input"], price["output"]) == ("0.15", "0.6")
    assert models["gpt-4o-mini"]["listed_by"] == "provider"


def test_what_is_listed_can_be_called(user: GatewayUser) -> None:
    models = listed(user)
    for name in ("house", "gpt-4o-mini", "shared/sandbox-echo", "anthropic/claude-sonnet-4-6"):
        answer = user.chat(name, max_tokens=50)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-gateway-provider"] == models[name]["provider"]
        assert answer.headers["x-gateway-model"].startswith(models[name]["model"])


def test_a_list_is_fetched_once_and_follows_the_users_changes(
    rich: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = rich.new_user("openai")
    before = lists_asked(sandbox, "/openai")
    assert "gpt-4o" in listed(user)
    after = lists_asked(sandbox, "/openai")
    assert after > before
    user.put_key("anthropic", "sk-ant-0123456789")
    user.prefer(provider="anthropic")
    models = listed(user)
    assert "claude-haiku-4-5-20251001" in models
    assert "openai/gpt-4o" in models
    assert lists_asked(sandbox, "/openai") == after
    user.call("DELETE", "/v1/me/providers/openai")
    assert not [name for name in listed(user) if name.startswith("openai/")]


def test_a_token_sees_only_its_models(user: GatewayUser) -> None:
    wanted = {"name": "narrow", "models": ["gpt-4o-mini", "anthropic/*"], "allows": ["chat"]}
    minted = user.call("POST", "/v1/me/tokens", wanted).json()
    narrow = GatewayUser(user.gateway, user.id, minted["token"])
    models = listed(narrow)
    assert "gpt-4o-mini" in models
    assert "house" in models  # its target is allowed
    for model in models.values():
        assert model["model"] == "gpt-4o-mini" or model["provider"] == "anthropic"
    refused = narrow.call("GET", "/v1/models/gpt-4o")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")


def test_what_needs_no_token_is_nothing(rich: RunningGateway, user: GatewayUser) -> None:
    for path in ("/v1/models", "/v1/models/gpt-4o"):
        assert rich.call("GET", path, None).status_code == 401
        assert rich.call("GET", path, rich.admin_token).status_code == 401
    minted = user.call("POST", "/v1/me/tokens", {"name": "n", "allows": ["context:write"]}).json()
    assert rich.call("GET", "/v1/models", minted["token"]).status_code == 403
    chat_only = user.call("POST", "/v1/me/tokens", {"name": "c", "allows": ["chat"]}).json()
    probe = rich.call("POST", "/v1/me/providers/openai/test", chat_only["token"])
    assert (probe.status_code, probe.json()["error"]["code"]) == (403, "not_allowed")


def test_models_of_openai_cannot_be_deleted_here(user: GatewayUser) -> None:
    assert user.call("DELETE", "/v1/models/gpt-4o").status_code == 405


def test_a_test_proves_a_key_and_notes_its_health(rich: RunningGateway, canary: Canaries) -> None:
    user = rich.new_user("openai")
    user.put_key("groq", canary.mint("bad-"))
    report = try_key(user, "openai")
    assert (report["ok"], report["latency_ms"] % 100) == (True, 0)
    assert report["models"] > 20
    refused = try_key(user, "groq")
    assert refused == {
        "ok": False,
        "code": "provider_key_rejected",
        "message": refused["message"],
        "origin": "user_key",
    }
    assert "PUT /v1/me/providers/groq" in refused["message"]
    keys = {key["name"]: key for key in user.call("GET", "/v1/me/providers").json()["data"]}
    assert (keys["openai"]["health"], keys["groq"]["health"]) == ("ok", "rejected")
    user.put_key("groq", canary.mint("gsk-"))
    assert try_key(user, "groq")["ok"]
    keys = {key["name"]: key for key in user.call("GET", "/v1/me/providers").json()["data"]}
    assert keys["groq"]["health"] == "ok"
    missing = user.call("POST", "/v1/me/providers/anthropic/test")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


def test_tests_of_keys_are_limited(rich: RunningGateway) -> None:
    user = rich.new_user("openai")
    answers = [user.call("POST", "/v1/me/providers/openai/test") for _ in range(21)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 1 <= len(refused) <= 11  # ten a minute; a minute may have ended meanwhile
    assert refused[0].json()["error"]["code"] == "rate_limit_exceeded"
    assert refused[0].headers["x-gateway-error-origin"] == "policy"
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60


def own(endpoint: str) -> dict[str, Any]:
    return {"type": "openai_compatible", "settings": {"endpoint": endpoint}}


def test_an_own_endpoint_is_listed_tested_and_called(
    rich: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = rich.new_user("openai")
    user.put_key("mine", "sk-own-0123456789", **own(f"{sandbox.url}/openai/v1"))
    assert listed(user)["mine/sandbox-echo"]["listed_by"] == "provider"
    assert user.chat("mine/sandbox-echo").status_code == 200
    assert try_key(user, "mine")["ok"]


async def test_a_silent_endpoint_delays_its_user_once_and_looks_like_a_closed_one(
    rich: RunningGateway,
) -> None:
    user = rich.new_user("openai")
    async with serve_raw(play(reading())) as silent:
        user.put_key("silent", "sk-own-0123456789", **own(f"{silent.url}/v1"))
        user.put_key("closed", "sk-own-0123456789", **own("http://127.0.0.1:1/v1"))
        models, hung, closed = await asyncio.gather(
            asyncio.to_thread(listed, user),
            asyncio.to_thread(try_key, user, "silent"),
            asyncio.to_thread(try_key, user, "closed"),
        )
        assert "gpt-4o-mini" in models  # the others are there, though one never answers
        asked = len(silent.requests)
        assert asked == 2
        assert await asyncio.to_thread(listed, user) == models
        assert len(silent.requests) == asked
    hung["message"] = hung["message"].replace("silent", "closed")
    assert hung == closed
    assert closed["code"] == "upstream_error"


def test_the_command_line_tests_keys(rich: RunningGateway, canary: Canaries) -> None:
    user = rich.new_user("openai")
    variables = {"SHARED_KEY": "sk-shared-0123456789"}
    good = run_command(rich.home, "key", "test", user.id, "openai", "--json", variables=variables)
    assert json.loads(good)["ok"] is True
    user.put_key("groq", canary.mint("bad-"))
    places = ["--config", str(rich.home / "gateway.yaml"), "--data-dir", str(rich.home / "data")]
    command = [sys.executable, "-m", "gateway", "key", "test", user.id, "groq", "--json", *places]
    bad = subprocess.run(command, capture_output=True, check=False, env=environment(variables))
    assert bad.returncode == 1, bad.stderr.decode()
    assert json.loads(bad.stdout)["code"] == "provider_key_rejected"
    keys = {key["name"]: key for key in user.call("GET", "/v1/me/providers").json()["data"]}
    assert (keys["openai"]["health"], keys["groq"]["health"]) == ("ok", "rejected")
    assert "key.test" in {entry["action"] for entry in rich.admin("GET", "/audit")["data"]}
