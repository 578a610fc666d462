"""`gateway usage` beside a running gateway: the table, JSON and CSV, and what it does not take."""

import csv
import io
import json
import subprocess
import sys

from gateway.sandbox.server import RunningSandbox
from tests.journeys.running import RunningGateway, environment, run_command


def test_the_command_shows_what_the_api_shows(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    user = gateway.new_user("openai")
    for feature in ("report", "report", "letter"):
        assert user.chat("gpt-4o-mini", gateway={"feature": feature}).is_success
    assert user.chat("sandbox-400").status_code == 400
    api = user.call("GET", "/v1/me/usage?group_by=feature").json()

    options = ("usage", "--user", user.id, "--group-by", "feature")
    found = json.loads(run_command(gateway.home, *options, "--json"))
    assert found == {name: api[name] for name in ("from", "to", "group_by", "data", "total")}
    assert found["total"]["requests"] == 3

    table = run_command(gateway.home, *options).splitlines()
    assert table[0].split() == [
        "FEATURE", "REQUESTS", "ATTEMPTS", "TOKENS", "COST_USD", "ESTIMATED", "ABORTED", "UNPRICED",
    ]  # fmt: skip
    lines = {line.split()[0]: line.split()[1:] for line in table[1:]}
    assert lines.keys() == {*(group["feature"] for group in found["data"]), "total"}
    assert lines["report"][0] == "2"
    assert float(lines["total"][3]) == float(found["total"]["cost_usd"])
    assert len({len(line) for line in table}) == 1  # numbers end at the same place

    text = run_command(gateway.home, *options, "--csv")
    by_feature = {line["feature"]: line for line in csv.DictReader(io.StringIO(text, newline=""))}
    assert by_feature["letter"]["requests"] == "1"


def test_the_command_shows_everyone_and_each_user(
    gateway: RunningGateway, sandbox: RunningSandbox
) -> None:
    users = [gateway.new_user("openai") for _ in range(2)]
    for user in users:
        assert user.chat("gpt-4o-mini").is_success
    found = json.loads(run_command(gateway.home, "usage", "--group-by", "user", "--json"))
    by_user = {group["user"]: group["requests"] for group in found["data"]}
    assert [by_user[user.id] for user in users] == [1, 1]
    assert sum(by_user.values()) <= found["total"]["requests"]
    as_admin = gateway.admin("GET", "/usage?group_by=day")
    assert found["total"] == as_admin["total"]
    table = run_command(gateway.home, "usage", "--group-by", "user,model")
    assert table.splitlines()[0].startswith("USER ")
    assert "EXTERNAL_ID" in table


def test_what_the_command_does_not_take_is_said_in_a_line(gateway: RunningGateway) -> None:
    cases = {
        ("--from", "2016-01-01"): 1,
        ("--from", "tomorrow"): 1,
        ("--group-by", "token"): 1,
        ("--user", "u", "--group-by", "user"): 1,
        ("--user", "nobody-at-all"): 1,
        ("--json", "--csv"): 2,
    }
    places = ["--config", str(gateway.home / "gateway.yaml")]
    places += ["--data-dir", str(gateway.home / "data")]
    for options, status in cases.items():
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "usage", *options, *places],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment(),
        )
        assert done.returncode == status, options
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
