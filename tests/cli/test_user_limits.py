"""`gateway user limits`, on a store of its own."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.cli.user import command


def run(home: Path, *arguments: str) -> Result:
    config = home / "gateway.yaml"
    config.write_text("limits: {user: {concurrent: 7}}\n", encoding="utf-8")
    places = ("--config", str(config), "--data-dir", str(home / "data"))
    return CliRunner().invoke(command, [*arguments, *places])


def test_an_operator_sees_and_sets_what_a_user_may_use(tmp_path: Path) -> None:
    assert run(tmp_path, "add", "--external-id", "ada").exit_code == 0
    shown = run(
        tmp_path, "limits", "ada", "--requests-per-minute", "5", "--cost-per-day-usd", "0.10"
    )
    lines = dict(line.split(maxsplit=1) for line in shown.output.splitlines())
    assert lines["requests_per_minute"] == "5"
    assert lines["cost_per_day_usd"] == "0.10"
    assert lines["concurrent"] == "7 (every user's)"
    assert lines["tokens_per_minute"] == "-"
    changed = run(tmp_path, "limits", "ada", "--requests-per-minute", "none", "--json")
    found = json.loads(changed.output)
    assert found["limits"]["requests_per_minute"] is None
    assert found["limits"]["cost_per_day_usd"] == "0.10"
    assert found["in_force"]["concurrent"] == 7
    wrong = run(tmp_path, "limits", "ada", "--concurrent", "many")
    assert (wrong.exit_code, "as a number, or 'none'" in wrong.output) == (1, True)
    after = json.loads(run(tmp_path, "limits", "ada", "--json").output)
    assert after == found
