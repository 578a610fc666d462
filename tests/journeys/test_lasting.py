"""What must survive a kill -9 and a restart, and what the command line does beside a running one."""

import json
import os
import signal
from pathlib import Path
from typing import Any

from gateway.sandbox.server import RunningSandbox
from tests.canary import Canaries
from tests.journeys.running import (
    GatewayUser,
    RunningGateway,
    run_command,
    start_gateway,
)
from tests.waiting import wait_until


def test_kill_9_and_restart_lose_no_user_key_or_booked_row(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    home = tmp_path / "gateway"
    name = canary.mint("Grace")
    with start_gateway(home, sandbox.url) as first:
        user = first.new_user("openai")
        user.call("PUT", "/v1/me/context/profile", {"name": name})
        request_ids = [user.chat("gpt-4o-mini").headers["x-request-id"] for _ in range(5)]
        before = [user.rows(request_id) for request_id in request_ids]
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    with start_gateway(home, sandbox.url) as second:
        same = GatewayUser(second, user.id, user.token)
        assert [same.rows(request_id) for request_id in request_ids] == before
        assert same.call("GET", "/v1/me/context/profile").json()["name"] == name
        answer = same.chat("gpt-4o-mini")
        assert answer.status_code == 200, answer.text
        total = same.call("GET", "/v1/me/usage").json()["data"]
        assert sum(day["requests"] for day in total) == 6


def test_the_command_line_works_beside_a_running_gateway(
    gateway: RunningGateway, canary: Canaries
) -> None:
    home = gateway.home
    secret = canary.mint("sk-cli-")
    added = json.loads(run_command(home, "user", "add", "--external-id", "cli-1", "--json"))
    run_command(home, "key", "set", "cli-1", "openai", secret=secret)
    run_command(home, "user", "set", "cli-1", "--provider", "openai", "--model", "sandbox-echo")
    token = canary.watch(run_command(home, "token", "add", "cli-1"))
    user = GatewayUser(gateway, added["id"], token)
    assert user.chat("auto").status_code == 200
    listed = json.loads(run_command(home, "token", "list", "cli-1", "--json"))
    run_command(home, "token", "revoke", listed[0]["id"], "--user", "cli-1")
    assert user.chat("auto").status_code == 401
    assert "cli-1" in run_command(home, "user", "list")
    run_command(home, "user", "remove", "cli-1", "--yes")
    assert "cli-1" not in run_command(home, "user", "list")
    audit = gateway.admin("GET", "/audit")["data"]
    assert {"user.create", "key.set", "token.mint", "token.revoke", "user.remove"} <= {
        entry["action"] for entry in audit if entry["actor"] == "cli"
    }


def test_an_admin_token_bootstraps_everything_over_http(
    gateway: RunningGateway, canary: Canaries
) -> None:
    body = {"name": "Ada", "preferences": {"provider": "openai", "default_model": "sandbox-echo"}}
    first = gateway.call("PUT", "/admin/v1/users/by-external-id/a/b c", gateway.admin_token, body)
    again = gateway.call("PUT", "/admin/v1/users/by-external-id/a/b c", gateway.admin_token, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    user_id = first.json()["id"]
    minted = gateway.admin("POST", f"/users/{user_id}/tokens", {"name": "app"})
    assert minted["allows"] == ["chat", "context:write"]
    user = GatewayUser(gateway, user_id, canary.watch(minted["token"]))
    refused = user.chat("auto")
    assert refused.json()["error"]["code"] == "provider_key_missing"
    gateway.admin("PATCH", f"/users/{user_id}", {"disabled": True})
    assert user.chat("auto").status_code == 401
    gateway.admin("DELETE", f"/users/{user_id}")
    shown = gateway.call("GET", f"/admin/v1/users/{user_id}", gateway.admin_token)
    assert shown.status_code == 404


def test_the_access_log_has_one_json_line_a_request_and_no_content(
    gateway: RunningGateway, canary: Canaries
) -> None:
    user = gateway.new_user("openai")
    response = user.chat("sandbox-echo", canary.mint("secret-question"))
    request_id = response.headers["x-request-id"]

    def logged() -> list[dict[str, Any]]:
        return [json.loads(line) for line in gateway.log.splitlines() if request_id in line]

    [line] = wait_until(logged)
    assert line["route"] == "/v1/chat/completions"
    assert line["status"] == 200
    assert line["user"] == user.id
    assert line["provider"] == "openai"
    assert line["tokens"] > 0
