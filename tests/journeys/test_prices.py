"""What a request costs, and what becomes of one whose price nobody knows: through a real gateway."""

import signal
import threading
from collections.abc import Iterator

import httpx
import pytest

from gateway.sandbox.server import RunningSandbox
from tests.journeys.running import CONFIG, RunningGateway, start_gateway
from tests.journeys.test_main_job import sold
from tests.waiting import wait_until

MODEL = "sandbox-echo"
PRICED = (
    'models: {{overrides: {{openai: {{"sandbox-*": {{price: {{input: {0}, output: {0}}}}}}}}}}}'
)


@pytest.fixture
def gateway(
    tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox
) -> Iterator[RunningGateway]:
    """A gateway of its own, whose configuration the test may change."""
    with start_gateway(tmp_path_factory.mktemp("prices"), sandbox.url) as running:
        yield running


def metric(gateway: RunningGateway, name: str) -> str:
    """The value of the first line of a metric, as text; empty where there is none."""
    text = gateway.call("GET", "/metrics", gateway.admin_token).text
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return lines[0].rpartition(" ")[2] if lines else ""


def reconfigure(gateway: RunningGateway, sandbox: RunningSandbox, more: str) -> None:
    """Change the configuration of a running gateway, and wait until it holds."""
    before = metric(gateway, "gateway_config_hash")
    text = CONFIG.format(origin=sandbox.url, more=more)
    (gateway.home / "gateway.yaml").write_text(text, encoding="utf-8")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: metric(gateway, "gateway_config_hash") != before)


def test_an_unknown_price_is_said_charged_at_a_ceiling_or_refused_as_declared(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    allowed = user.chat(MODEL)
    assert "price unknown: openai/sandbox-echo" in allowed.headers["x-gateway-warnings"]
    assert "x-gateway-cost-usd" not in allowed.headers
    [row] = user.rows(allowed.headers["x-request-id"])
    assert (row["price_state"], row["cost_usd"]) == ("unknown", None)
    name = 'gateway_unpriced_requests_total{price_state="unknown",provider="openai"}'
    assert metric(gateway, name) == "1.0"

    reconfigure(
        gateway, sandbox, "prices: {unknown: ceiling, ceiling: {input: 1000, output: 1000}}"
    )
    capped = user.chat(MODEL)
    assert "ceiling" in capped.headers["x-gateway-warnings"]
    [row] = user.rows(capped.headers["x-request-id"])
    assert row["price_state"] == "ceiling"
    assert float(row["cost_usd"]) == pytest.approx(row["total_tokens"] / 1000)
    [total] = user.call("GET", "/v1/me/usage").json()["data"]
    assert (total["unpriced_requests"], total["ceiling_requests"]) == (1, 1)

    reconfigure(gateway, sandbox, "prices: {unknown: refuse}")
    refused = user.chat(MODEL)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "price_unknown")
    assert refused.headers["x-gateway-error-origin"] == "policy"
    assert sold(sandbox, refused.headers["x-request-id"]) == []
    assert user.chat("gpt-4o-mini").is_success


def test_g_27_a_request_is_charged_at_the_price_that_held_when_it_began(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    reconfigure(gateway, sandbox, PRICED.format(1000))
    ids: list[str] = []
    begun = threading.Event()

    def stream_slowly() -> None:
        body = {
            "model": "sandbox-long-20+slow-150",
            "messages": [{"role": "user", "content": "Count"}],
            "stream": True,
        }
        headers = {"authorization": f"Bearer {user.token}"}
        with (
            httpx.Client(base_url=gateway.url, timeout=30, trust_env=False) as client,
            client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer,
        ):
            ids.append(answer.headers["x-request-id"])
            begun.set()
            answer.read()

    reader = threading.Thread(target=stream_slowly)
    reader.start()
    assert begun.wait(20)
    reconfigure(gateway, sandbox, PRICED.format(2000))
    assert reader.is_alive()  # the price has changed while the answer was on its way
    after = user.chat(MODEL)
    reader.join(20)

    [old] = user.rows(ids[0])
    assert float(old["cost_usd"]) == pytest.approx(old["total_tokens"] / 1000)
    [new] = user.rows(after.headers["x-request-id"])
    assert float(new["cost_usd"]) == pytest.approx(new["total_tokens"] * 2 / 1000)


def test_f_30_a_fallback_is_booked_at_the_model_that_answered(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    prices = "{{price: {{input: {0}, output: {0}}}}}"
    overrides = (
        f'{{openai: {{"sandbox-500": {prices.format(5000)}, {MODEL}: {prices.format(1000)}}}}}'
    )
    reconfigure(gateway, sandbox, f"models: {{overrides: {overrides}}}")
    user = gateway.new_user("openai")
    answer = user.chat("sandbox-500", gateway={"fallbacks": [f"openai/{MODEL}"]})
    assert answer.is_success
    assert answer.headers["x-gateway-model"].startswith(MODEL)
    *failed, last = user.rows(answer.headers["x-request-id"])
    assert {row["cost_usd"] for row in failed} == {"0"}
    assert float(last["cost_usd"]) == pytest.approx(last["total_tokens"] / 1000)
