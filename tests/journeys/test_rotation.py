"""Keys are replaced from the command line and over the admin API, on a real gateway."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import rotate_kek
from gateway.rotation.kek import Step
from gateway.sandbox.server import RunningSandbox
from gateway.store.lock import FileLock
from gateway.vault.key_ring import KeyRing, read_key_ring
from tests.canary import Canaries
from tests.journeys.running import RunningGateway, environment, run_command, start_gateway
from tests.waiting import wait_until

KEYS = {n: hashlib.sha256(b"journey %d" % n).digest() for n in (1, 2)}


def call_command(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `gateway …` on a gateway's data, whatever comes of it."""
    places = ["--config", str(home / "gateway.yaml"), "--data-dir", str(home / "data")]
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments, *places],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )


def primary_of(gateway: RunningGateway) -> int:
    """The primary as the gateway's metrics have it."""
    metrics = gateway.call("GET", "/metrics", gateway.admin_token).text
    found = re.search(r"^gateway_kek_primary (\d+)\.0$", metrics, re.MULTILINE)
    assert found is not None, metrics
    return int(found[1])


def test_the_kek_is_replaced_beside_a_running_gateway_and_without_one(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    """B-10."""
    home = tmp_path / "gateway"
    ring_file = home / "data" / "keys" / "kek.json"
    with start_gateway(home, sandbox.url, workers=2) as gateway:
        user = gateway.new_user("openai", default_model="sandbox-echo")
        assert primary_of(gateway) == 1

        done = json.loads(run_command(home, "rotate-kek", "--json"))

        assert done == {
            "to": 2,
            "resumed": False,
            "steps": ["add", "promote", "rewrap", "retire"],
            "rewrapped": 1,
            "unreadable": 0,
            "unreadable_users": [],
        }
        assert user.chat("").status_code == 200
        wait_until(lambda: primary_of(gateway) == 2)
        actions = [entry["action"] for entry in gateway.admin("GET", "/audit")["data"][:4]]
        assert actions == ["kek.retire", "kek.rewrap", "kek.promote", "kek.add"]
    done_again = call_command(home, "rotate-kek")
    assert done_again.returncode == 0, done_again.stderr
    assert "rewrapped" in done_again.stdout
    # No bar where there is no terminal.
    said = f"Back {ring_file} up again, apart from the data: the key in it is new.\n"
    assert done_again.stderr == said
    ring = read_key_ring(ring_file.read_text(), "ring")
    assert (ring.ids, ring.primary) == ((3,), 3)
    for encoded in json.loads(ring_file.read_text())["keys"].values():
        assert encoded not in done_again.stdout
    with start_gateway(home, sandbox.url) as again:
        assert again.call("GET", "/v1/me", user.token).status_code == 200


def in_process(home: Path, *arguments: str) -> Result:
    """Call the command here: several of them need not import everything again."""
    (home / "gateway.yaml").write_text("{}")
    places = ["--config", str(home / "gateway.yaml"), "--data-dir", str(home / "data")]
    return CliRunner().invoke(rotate_kek.command, [*arguments, *places])


def test_only_one_rotation_is_at_work_on_a_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with FileLock(tmp_path / "data" / "rotate.lock") as lock:
        assert lock.try_exclusive()

        refused = in_process(tmp_path)

    assert refused.exit_code == 1
    assert "another rotate-kek is at work" in refused.stderr


def test_one_step_at_a_time(tmp_path: Path) -> None:
    """Out of turn a step says what is missing; in turn each of them ends."""
    early = in_process(tmp_path, "--step", "rewrap", "--wait", "0")
    steps = [in_process(tmp_path, "--step", step.value) for step in Step]

    assert early.exit_code == 1
    assert "promote it first" in early.stderr
    assert [step.exit_code for step in steps] == [0, 0, 0, 0]
    ring = read_key_ring((tmp_path / "data" / "keys" / "kek.json").read_text(), "ring")
    assert ring.ids == (2,)


def test_a_users_data_key_is_replaced_by_an_admin_and_by_the_command_line(
    gateway: RunningGateway, canary: Canaries
) -> None:
    """B-11."""
    user = gateway.new_user("openai", default_model="sandbox-echo")
    name = canary.mint("name")
    assert user.call("PUT", "/v1/me/context/profile", {"name": name}).is_success

    done = gateway.admin("POST", f"/users/{user.id}/rotate-dek")
    after = user.call("GET", "/v1/me/context/profile")
    told = json.loads(run_command(gateway.home, "user", "rotate-dek", user.id, "--json"))

    expected = {"user_id": user.id, "resumed": False, "provider_keys": 1, "records": 1}
    assert done == {**expected, "number": 2, "unreadable": 0}
    assert told == {**expected, "number": 3, "unreadable": 0}
    assert after.json() == {"name": name}
    assert user.call("GET", "/v1/me/context/profile").json() == {"name": name}
    assert user.chat("").status_code == 200
    actions = {
        (entry["action"], entry["actor"] == "cli")
        for entry in gateway.admin("GET", "/audit")["data"]
        if entry["target"] == user.id
    }
    assert {("user.rotate_dek", False), ("user.rotate_dek", True)} <= actions


def test_only_an_admin_may_and_only_for_a_user_there_is(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    path = f"/admin/v1/users/{user.id}/rotate-dek"
    nobody = path.replace(user.id, "u_" + "x" * 22)

    assert gateway.call("POST", path, None).status_code == 401
    assert gateway.call("POST", path, user.token).status_code == 401
    assert gateway.call("POST", nobody, gateway.admin_token).status_code == 404


def test_reload_tells_the_running_gateway(tmp_path: Path, sandbox: RunningSandbox) -> None:
    home = tmp_path / "gateway"
    with start_gateway(home, sandbox.url) as gateway:
        config = home / "gateway.yaml"
        config.write_text(config.read_text() + "limits: {max_body_bytes: 1024}\n")

        told = call_reload(home)

        assert told.returncode == 0
        assert "reloading" in told.stdout
        user = gateway.new_user("openai")
        wait_until(lambda: user.chat("sandbox-echo", "x" * 2_000).status_code == 413)
    nobody = call_reload(home)
    assert nobody.returncode == 1
    assert "no gateway serves from" in nobody.stderr


def call_reload(home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway", "reload", "--data-dir", str(home / "data")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )


@pytest.mark.parametrize("body", ["exit 1", "echo garbage"])
def test_a_gateway_whose_key_program_fails_does_not_start(tmp_path: Path, body: str) -> None:
    """B-09. Exit status 1, the setting named, nothing of the output repeated."""
    home = tmp_path / "gateway"
    home.mkdir()
    program = key_program(home, body)
    (home / "gateway.yaml").write_text(f"keys: {{kek_command: [{program}]}}\n")

    refused = call_command(home, "serve", "--port", "0")

    assert refused.returncode == 1
    assert "keys.kek_command" in refused.stderr
    assert "garbage" not in refused.stderr


def test_a_gateway_takes_its_ring_from_a_program(tmp_path: Path, sandbox: RunningSandbox) -> None:
    """B-09. And a changed one at a reload."""
    home = tmp_path / "gateway"
    home.mkdir()
    ring = home / "ring.json"
    ring.write_text(base64.b64encode(KEYS[1]).decode() + "\n")
    more = f"keys: {{kek_command: [{key_program(home, f'cat {ring}')}]}}"
    with start_gateway(home, sandbox.url, more=more) as gateway:
        user = gateway.new_user("openai", default_model="sandbox-echo")
        assert not (home / "data" / "keys" / "kek.json").exists()
        for text in (KeyRing(KEYS, 1).to_text(), KeyRing(KEYS, 2).to_text()):
            ring.write_text(text)
            call_reload(home)
        wait_until(lambda: primary_of(gateway) == 2)
        assert user.chat("").status_code == 200


def key_program(home: Path, body: str) -> Path:
    path = home / "get-kek"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return path


def test_a_gateway_with_another_key_than_its_store_was_sealed_with_does_not_start(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    """B-07. Exit status 1 and the key id named; with its key it starts again."""
    home = tmp_path / "gateway"
    ring_file = home / "data" / "keys" / "kek.json"
    with start_gateway(home, sandbox.url):
        pass
    good = ring_file.read_text()
    ring_file.write_text(KeyRing({1: KEYS[1]}, 1).to_text())

    refused = call_command(home, "serve", "--port", "0")

    assert refused.returncode == 1
    assert "key id 1 is not the one" in refused.stderr
    ring_file.write_text(good)
    with start_gateway(home, sandbox.url) as again:
        assert again.call("GET", "/readyz", None).status_code == 200
