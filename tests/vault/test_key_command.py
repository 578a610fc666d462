"""A ring from a program: what is taken from it, and every way it can go wrong."""

import base64
import hashlib
import os
import time
from pathlib import Path

import pytest

from gateway.config.schema import KeysConfig
from gateway.errors import ConfigError
from gateway.store.client import RedisStore
from gateway.vault.key_command import run_key_command
from gateway.vault.key_files import KeySources, key_sources
from gateway.vault.key_ring import KeyRing
from gateway.vault.unlock import unlock
from tests.supervisor.serving import is_alive
from tests.waiting import wait_until

KEK = hashlib.sha256(b"from a program").digest()
KEY = base64.b64encode(KEK).decode()


def program(folder: Path, body: str) -> tuple[str, ...]:
    path = folder / "get-kek"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return (str(path),)


@pytest.mark.parametrize("end", ["", "\\n"])
def test_b09_what_is_printed_is_the_key_less_one_newline(tmp_path: Path, end: str) -> None:
    """B-09."""
    assert run_key_command(program(tmp_path, f"printf '{KEY}{end}'"), "keys.kek_command") == KEY


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (f"printf '{KEY}'; exit 1", "failed with exit status 1"),
        ("exit 0", "must print the key"),
        (f"printf '{KEY}\\n\\n'", "at most one newline"),
        (f"printf '{KEY}\\r\\n'", "at most one newline"),
        (f"printf ' {KEY}\\n'", "at most one newline"),
        (f"printf '{KEY}\\377'", "not text"),
        ("head -c 4097 /dev/zero | tr '\\0' A", "more than 4096 bytes"),
        ("yes", "more than 4096 bytes"),
        (f"printf '{KEY}'; kill -9 $$", "failed with exit status -9"),
    ],
)
def test_b09_a_program_that_fails_or_prints_something_else_is_refused(
    tmp_path: Path, body: str, why: str
) -> None:
    """B-09. The message names the setting and never repeats what was printed."""
    with pytest.raises(ConfigError, match=why) as caught:
        run_key_command(program(tmp_path, body), "keys.kek_command")

    assert caught.value.path == "keys.kek_command"
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("hang", ["sleep 600", f"printf '{KEY}'; exec sleep 600"])
def test_b09_a_program_that_hangs_is_ended_with_all_it_has_started(
    tmp_path: Path, hang: str
) -> None:
    """B-09. Also where it has printed a key, and where it is a child that hangs."""
    note = tmp_path / "pid"
    body = f"sh -c 'echo $$ > {note}; exec sleep 600' &\n{hang}"
    started = time.monotonic()

    with pytest.raises(ConfigError, match="did not end within"):
        run_key_command(program(tmp_path, body), "keys.kek_command", time_limit_s=1.0)

    assert time.monotonic() - started < 8
    pid = int(note.read_text())
    wait_until(lambda: not is_alive(pid))


def test_b09_a_child_that_holds_the_output_open_is_a_hang(tmp_path: Path) -> None:
    """B-09. The program itself has ended well."""
    body = f"sleep 600 &\nprintf '{KEY}'"

    with pytest.raises(ConfigError, match="did not end within"):
        run_key_command(program(tmp_path, body), "keys.kek_command", time_limit_s=0.5)


def test_b09_no_shell_no_variables_and_no_input(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """B-09. What it says on standard error may hold anything, and goes nowhere."""
    os.environ["GATEWAY_TEST_MARK"] = "visible"
    try:
        seen = run_key_command(
            (*program(tmp_path, 'env | sort; cat; echo "$1"; echo noise >&2'), "$(id); a b"), "k"
        )
    finally:
        del os.environ["GATEWAY_TEST_MARK"]

    lines = [line for line in seen.splitlines() if not line.startswith(("PWD=", "_=", "SHLVL="))]
    assert lines == [
        "LC_ALL=C",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "$(id); a b",
    ]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("path", ["/nonexistent/get-kek", "/etc/hostname", "/tmp", "/bin/s\0h"])
def test_b09_a_program_that_cannot_be_run_is_refused(path: str) -> None:
    """B-09."""
    with pytest.raises(ConfigError, match="cannot be run"):
        run_key_command((path,), "keys.kek_command")


async def test_b09_a_gateway_starts_with_a_ring_from_a_program(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-09. The JSON of a ring as well as a bare key; garbage refuses the start."""
    ring = tmp_path / "ring.json"
    ring.write_text(KeyRing({1: KEK, 2: KEK[::-1]}, 1).to_text())

    def from_program(body: str) -> KeySources:
        return key_sources(KeysConfig(kek_command=program(tmp_path, body)), tmp_path)

    unlocked = await unlock(store, from_program(f"cat {ring}"), {})

    assert unlocked.keys.ring.ids == (1, 2)
    assert not (tmp_path / "keys" / "kek.json").exists()
    for garbage in ("echo garbage", f"cat {ring}; echo more", "echo '{}'"):
        with pytest.raises(ConfigError, match=r"keys\.kek_command"):
            await unlock(store, from_program(garbage), {})
    with pytest.raises(ConfigError, match=r"keys\.kek_command: key id 1 is not the one"):
        other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        await unlock(store, from_program(f"echo {other}"), {})
