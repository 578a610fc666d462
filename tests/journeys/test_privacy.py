"""What users may demand, over real processes: erasure, receipts, export, disclosures, ended streams."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from gateway.sandbox.server import RunningSandbox
from tests.canary import Canaries
from tests.journeys.running import GatewayUser, RunningGateway, run_command, start_gateway
from tests.journeys.test_main_job import sold
from tests.waiting import wait_until

LONG = "sandbox-long-500+slow-50"  # 25 seconds, if nobody ends it
WITHIN_S = 15.0  # promised are 5; the machine of a test may be busy


def day(back: int) -> str:
    return (datetime.now(UTC) - timedelta(days=back)).date().isoformat()


def furnish(user: GatewayUser, canary: Canaries) -> list[str]:
    """Give a user something of everything; return the marked texts."""
    texts = [canary.mint("priv") for _ in range(6)]
    user.call("PUT", "/v1/me/context/profile", {"name": texts[0], "timezone": "UTC"})
    entries = [{"id": f"e{n}", "date": day(n), "text": text} for n, text in enumerate(texts[1:4])]
    made = user.call("POST", "/v1/me/context/entries", {"records": entries})
    assert made.status_code == 201, made.text
    user.call("PUT", "/v1/me/context/pillars/work", {"name": texts[4], "score": 7})
    user.call("PUT", "/v1/me/context/feels/f1", {"date": day(1), "label": texts[5], "mood": 3})
    return texts


class Stream:
    """A streamed answer that is being read in a thread, as the official client reads it."""

    def __init__(self, user: GatewayUser, model: str = LONG) -> None:
        self.begun = threading.Event()
        self.words = 0
        self.error: openai.APIError | None = None
        self.request_id = ""
        self._thread = threading.Thread(target=self._read, args=(user, model))
        self._thread.start()

    def _read(self, user: GatewayUser, model: str) -> None:
        with user.openai(max_retries=0) as client:
            try:
                raw = client.chat.completions.with_raw_response.create(
                    model=model, messages=[{"role": "user", "content": "Hi"}], stream=True
                )
                self.request_id = raw.headers["x-request-id"]
                for _ in raw.parse():
                    self.words += 1
                    self.begun.set()
            except openai.APIError as error:
                self.error = error
                self.begun.set()

    def wait_ended(self) -> float:
        """Return how long it took to end."""
        started = time.monotonic()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive(), "the stream goes on"
        return time.monotonic() - started


def ending(user: GatewayUser, how: str) -> Callable[[], object]:
    """Return what ends a user's right to be served, by name."""
    gateway = user.gateway
    tokens = user.call("GET", "/v1/me/tokens").json()["data"]
    return {
        "revoked": lambda: gateway.admin("DELETE", f"/users/{user.id}/tokens/{tokens[0]['id']}"),
        "disabled": lambda: gateway.admin("PATCH", f"/users/{user.id}", {"disabled": True}),
        "erased": lambda: user.call("DELETE", "/v1/me"),
    }[how]


@pytest.mark.parametrize("how", ["revoked", "disabled", "erased"])
def test_a09_open_streams_end_in_every_worker_with_an_error_the_client_raises(
    gateway: RunningGateway, sandbox: RunningSandbox, how: str
) -> None:
    """A-09. The upstream is closed, what came is booked, and others go on."""
    user, other = gateway.new_user("openai"), gateway.new_user("openai")
    end = ending(user, how)
    streams = [Stream(user) for _ in range(6)]  # so that both workers have some
    bystander = Stream(other, "sandbox-long-60+slow-50")
    for stream in (*streams, bystander):
        assert stream.begun.wait(WITHIN_S)

    end()

    for stream in streams:
        stream.wait_ended()
        assert isinstance(stream.error, openai.APIError)
        assert stream.error.code == "invalid_api_key"
        assert 0 < stream.words < 500
        assert ended_sale(sandbox, stream)["completed"] is False
    bystander.wait_ended()
    assert bystander.error is None
    if how != "erased":
        reader = again(user)
        for stream in streams:
            [row] = rows_of(reader, stream.request_id)
            assert (row["status"], row["certainty"]) == ("cancelled", "estimated")
            assert row["tokens"]["output"] > 0


def again(user: GatewayUser) -> GatewayUser:
    """Let an admin give the user a way in again, to look at what was booked."""
    user.gateway.admin("PATCH", f"/users/{user.id}", {"disabled": False})
    body = {"name": "again", "allows": ["chat"]}
    minted = user.gateway.admin("POST", f"/users/{user.id}/tokens", body)
    return GatewayUser(user.gateway, user.id, minted["token"])


def rows_of(user: GatewayUser, request_id: str) -> list[dict[str, Any]]:
    """Return the rows of a request, once there are any."""

    def found() -> list[dict[str, Any]]:
        answer = user.call("GET", f"/v1/me/usage?request_id={request_id}")
        return list(answer.json()["data"]) if answer.is_success else []

    return wait_until(found)


def ended_sale(sandbox: RunningSandbox, stream: Stream) -> dict[str, Any]:
    """Return what the upstream says of a call, once it has ended."""

    def found() -> list[dict[str, Any]]:
        return [sale for sale in sold(sandbox, stream.request_id) if sale["ended"]]

    return wait_until(found)[0]


def test_a09_a_call_that_has_not_begun_to_answer_gets_the_401(gateway: RunningGateway) -> None:
    """A-09."""
    user = gateway.new_user("openai")
    end = ending(user, "revoked")
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(user.chat("sandbox-hang")))
    asking.start()
    in_flight = "gateway_requests_in_flight"
    wait_until(lambda: in_flight in gateway.call("GET", "/metrics", gateway.admin_token).text)

    end()
    asking.join(WITHIN_S)

    assert answers[0].status_code == 401
    assert answers[0].json()["error"]["code"] == "invalid_api_key"


def verify(gateway: RunningGateway, receipt: Any) -> dict[str, Any]:
    answer = gateway.call("POST", "/v1/receipts/verify", None, receipt)
    assert answer.status_code == 200, answer.text
    verdict: dict[str, Any] = answer.json()
    return verdict


def test_b14_an_erased_user_is_gone_in_every_worker_and_after_a_restart(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    """B-14. From the next request in each of four workers; the receipt comes to its end."""
    home = tmp_path / "gateway"
    with start_gateway(home, sandbox.url, workers=4) as first:
        user, other = first.new_user("openai"), first.new_user("openai")
        texts = furnish(user, canary)
        others_texts = furnish(other, canary)
        for _ in range(24):  # so that every worker holds the account
            assert user.call("GET", "/v1/me").status_code == 200
        assert user.chat("sandbox-echo").status_code == 200

        erased = user.call("DELETE", "/v1/me")

        assert erased.status_code == 202, erased.text
        receipt = erased.json()
        assert receipt["destroyed"]["records"] == {
            "profile": 1, "entries": 3, "pillars": 1, "feels": 1
        }  # fmt: skip
        assert {user.call("GET", "/v1/me").status_code for _ in range(24)} == {401}
        assert {user.chat("sandbox-echo").status_code for _ in range(8)} == {401}
        assert verify(first, receipt)["valid"] is True
        wait_until(lambda: verify(first, receipt)["state"] == "erased_storage", limit_s=30)
        assert other.chat("sandbox-echo").status_code == 200
    with start_gateway(home, sandbox.url) as second:
        same = GatewayUser(second, user.id, user.token)
        assert same.call("GET", "/v1/me").status_code == 401
        gone = second.call("GET", f"/admin/v1/users/{user.id}", second.admin_token)
        assert gone.status_code == 404
        once_more = second.call("DELETE", f"/admin/v1/users/{user.id}", second.admin_token)
        assert once_more.status_code == 202
        now = once_more.json()
        assert (now["id"], now["state"]) == (receipt["id"], "erased_storage")
        assert verify(second, now)["receipt"] == now
        export = GatewayUser(second, other.id, other.token).call("GET", "/v1/me/export").text
        assert all(text in export for text in others_texts)
        assert not any(text in export for text in texts)
        printed = run_command(home, "user", "remove", user.id, "--yes", "--json")
        assert json.loads(printed)["id"] == receipt["id"]


def test_receipts_are_verified_by_anybody_and_nonsense_is_no_fault_of_ours(
    gateway: RunningGateway,
) -> None:
    user = gateway.new_user("openai")
    receipt = gateway.admin("DELETE", f"/users/{user.id}")

    verdict = verify(gateway, receipt)
    assert (verdict["valid"], verdict["reason"]) == (True, None)
    assert verdict["receipt"]["id"] == receipt["id"]
    for forged in (
        {**receipt, "state": "erased_storage"},
        {**receipt, "destroyed": {}},
        {**receipt, "signature": "AAAA"},
        {**receipt, "more": 1},
        {"object": "erasure_receipt", "id": 5},
        {},
    ):
        verdict = verify(gateway, forged)
        assert verdict["valid"] is False
        assert verdict["reason"]
        assert verdict["receipt"] is None
    for wrong in ([], [receipt], 5, "receipt"):
        answer = gateway.call("POST", "/v1/receipts/verify", None, wrong)
        assert answer.status_code == 400, answer.text
    large = {"x": "y" * 70_000}
    assert gateway.call("POST", "/v1/receipts/verify", None, large).status_code == 413
    nobody = gateway.call("DELETE", "/admin/v1/users/u_" + "0" * 22, gateway.admin_token)
    assert nobody.status_code == 404


def test_an_export_holds_everything_that_was_given(
    gateway: RunningGateway, canary: Canaries
) -> None:
    user = gateway.new_user("openai", default_model="sandbox-echo")
    texts = furnish(user, canary)
    request_id = user.chat("auto", gateway={"context": {"scope": "standard"}}).headers[
        "x-request-id"
    ]
    token = user.call("GET", "/v1/me/tokens").json()["data"][0]

    answer = user.call("GET", "/v1/me/export")

    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    document = answer.json()
    assert all(text in answer.text for text in texts)
    assert user.token not in answer.text
    assert document["account"]["preferences"]["default_model"] == "sandbox-echo"
    assert document["tokens"] == [token]
    assert [key["name"] for key in document["provider_keys"]] == ["openai"]
    assert {entry["id"] for entry in document["context"]["entries"]} == {"e0", "e1", "e2"}
    assert [row["request_id"] for row in document["usage"]["rows"]] == [request_id]
    assert document["usage"]["totals"][0]["requests"] == 1
    assert document["disclosures"][0]["request_id"] == request_id
    assert "token.mint" in {line["action"] for line in document["audit"]}
    assert document["unreadable"] == 0
    narrow = user.call("POST", "/v1/me/tokens", {"name": "app", "allows": ["chat"]}).json()
    refused = gateway.call("GET", "/v1/me/export", narrow["token"])
    assert refused.status_code == 403


def test_disclosures_tell_who_received_what_and_leave_out_what_never_left(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    more = 'endpoints: {allow: ["127.0.0.1/32:9"], allow_http: true}'  # a port that refuses
    with start_gateway(tmp_path / "gateway", sandbox.url, more=more) as gateway:
        user = gateway.new_user("openai")
        user.put_key("anthropic", canary.mint("sk-ant-"))
        settings = {"endpoint": "http://127.0.0.1:9/v1"}
        user.put_key("dead", canary.mint("sk-dead-"), type="openai_compatible", settings=settings)
        texts = furnish(user, canary)
        body = {"context": {"scope": "standard"}}
        dead = user.chat("dead/any", gateway=body)
        assert dead.status_code == 502
        assert len(user.rows(dead.headers["x-request-id"])) == 3
        user.prefer(fallbacks=["anthropic/claude-sonnet-4-5"])
        both = user.chat("sandbox-quota", gateway=body)
        assert both.status_code == 200, both.text
        plain = user.chat("sandbox-echo", gateway={"context": {"scope": "none"}})
        assert plain.status_code == 200

        answer = user.call("GET", "/v1/me/disclosures")

        items = answer.json()["data"]
        request_id = both.headers["x-request-id"]
        assert [(i["provider"], i["attempt"], i["status"], i["request_id"]) for i in items] == [
            ("anthropic", 2, "ok", request_id),
            ("openai", 1, "failed", request_id),
        ]
        assert all({"profile", "entries", "pillars"} <= item["kinds"].keys() for item in items)
        assert all(tokens > 0 for item in items for tokens in item["kinds"].values())
        assert not any(text in answer.text for text in texts)
        only = user.call("GET", "/v1/me/disclosures?provider=openai&limit=1").json()
        assert [item["provider"] for item in only["data"]] == ["openai"]
        page = user.call("GET", "/v1/me/disclosures?limit=1").json()
        rest = user.call("GET", f"/v1/me/disclosures?limit=1&cursor={page['next_cursor']}").json()
        assert page["data"] + rest["data"] == items
        assert user.call("GET", f"/v1/me/disclosures?to={day(1)}").json()["data"] == []
        for query in ("from=x", "limit=0", "limit=a", "cursor=x", "kind=entries"):
            assert user.call("GET", f"/v1/me/disclosures?{query}").status_code == 400
