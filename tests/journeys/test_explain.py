"""What a request would do, and what of a user's context each provider gets: told, and then done."""

from datetime import UTC, datetime
from typing import Any

from tests.journeys.running import GatewayUser, RunningGateway


def furnished(gateway: RunningGateway, **preferences: Any) -> GatewayUser:
    """A user with two providers, a profile and a journal."""
    user = gateway.new_user("openai", default_model="sandbox-echo", **preferences)
    user.put_key("anthropic", "sk-ant-test-0123456789")
    user.call("PUT", "/v1/me/context/profile", {"name": "Ada", "timezone": "UTC"})
    today = str(datetime.now(UTC).date())  # what the gateway under test reads
    user.call("PUT", "/v1/me/context/entries/e1", {"date": today, "text": "Planted a tree."})
    return user


def explain(user: GatewayUser, model: str, **members: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    answer = user.call("POST", "/v1/explain", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_fallback_gets_no_more_context_than_it_may_see(gateway: RunningGateway) -> None:
    user = furnished(gateway, context_policy={"anthropic": "minimal"})
    wishes = {
        "gateway": {
            "context": {"scope": "standard"},
            "fallbacks": ["anthropic/sandbox-echo"],
        }
    }

    told = explain(user, "openai/sandbox-500", **wishes)
    done = user.chat("openai/sandbox-500", "Hi", **wishes)

    assert told["target"]["context"]["scope"] == "standard"
    assert set(told["target"]["context"]["kinds"]) == {"profile", "date", "entries"}
    [fallback] = told["fallbacks"]
    assert fallback["context"]["scope"] == "minimal"
    assert "context scope lowered to 'minimal' for anthropic" in fallback["warnings"]
    assert done.status_code == 200, done.text
    assert done.headers["x-gateway-provider"] == "anthropic"
    assert done.headers["x-gateway-context"].startswith("minimal; ")
    assert "lowered to 'minimal'" in done.headers["x-gateway-warnings"]
    rows = user.rows(done.headers["x-request-id"])
    assert [row["context"]["scope"] for row in rows][-1] == "minimal"
    assert {row["context"]["scope"] for row in rows[:-1]} == {"standard"}


def test_more_than_a_ceiling_allows_is_refused_by_name(gateway: RunningGateway) -> None:
    user = furnished(gateway, context_policy={"openai": "minimal"})

    refused = user.chat("sandbox-echo", gateway={"context": {"scope": "standard"}})

    assert refused.status_code == 403
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("context_not_allowed", "gateway.context.scope")
    assert "context_policy sets for 'openai'" in error["message"]


def test_explain_says_what_it_will_not_send_and_calls_nobody(gateway: RunningGateway) -> None:
    user = furnished(gateway)

    told = explain(user, "anthropic/sandbox-echo", seed=4, logprobs=True, max_tokens=100)

    target = told["target"]
    assert (target["provider"], target["key"]["source"]) == ("anthropic", "own")
    assert "refused" in target or any("logprobs" in warning for warning in target["warnings"])
    assert user.call("GET", "/v1/me/usage").json()["total"]["attempts"] == 0


def test_explain_estimates_what_the_request_then_costs(gateway: RunningGateway) -> None:
    user = furnished(gateway)
    body = {"max_tokens": 50}

    told = explain(user, "openai/gpt-4o-mini", **body)["target"]

    assert told["price"] == "priced"
    assert 0 < float(told["cost_usd"]["prompt"]) < float(told["cost_usd"]["most"])
    assert told["prompt_tokens"] > 20


def test_a_preview_is_what_is_sent_and_needs_no_provider(gateway: RunningGateway) -> None:
    record = gateway.admin("POST", "/users", {})
    minted = gateway.admin(
        "POST",
        f"/users/{record['id']}/tokens",
        {"name": "test", "allows": ["chat", "context:read", "context:write"]},
    )
    user = GatewayUser(gateway, record["id"], minted["token"])
    user.call("PUT", "/v1/me/context/profile", {"name": "Ada", "timezone": "UTC"})

    told = user.call("POST", "/v1/me/context/preview", {}).json()

    assert (told["provider"], told["context"]["scope"]) == (None, "minimal")
    assert "- Name: Ada" in told["text"]
    named = user.call("POST", "/v1/me/context/preview", {"model": "openai/gpt-4o"})
    assert named.status_code == 403
    odd = user.call("POST", "/v1/me/context/preview", {"model": 5})
    assert (odd.status_code, odd.json()["error"]["param"]) == (400, "model")
