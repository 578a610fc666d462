"""The server in the data directory: started, shared, adopted, replaced, stopped."""

import os
import signal
import stat
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.store.binary import find_server
from gateway.store.control import NoAnswer, Refused, ask
from gateway.store.embedded import EmbeddedStore, use_embedded
from gateway.store.server_files import MAX_SOCKET_PATH_BYTES, files_of
from tests.store.killing import kill_server, signal_server
from tests.waiting import wait_until


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_reach_it(own_server: EmbeddedStore, tmp_path: Path) -> None:
    home = tmp_path / "data"
    assert mode(home) == mode(home / "store") == 0o700
    assert mode(own_server.socket) == 0o700
    assert mode(home / "store" / "server.conf") == 0o600
    assert ask(own_server.socket, "CONFIG", "GET", "port") == [b"port", b"0"]


def test_it_keeps_everything_on_disk_and_evicts_nothing(own_server: EmbeddedStore) -> None:
    for name, value in (
        ("appendonly", b"yes"),
        ("appendfsync", b"everysec"),
        ("save", b""),
        ("maxmemory-policy", b"noeviction"),
    ):
        assert ask(own_server.socket, "CONFIG", "GET", name)[1] == value


def test_what_was_written_survives_a_killed_server(own_server: EmbeddedStore) -> None:
    for n in range(100):
        ask(own_server.socket, "SET", f"key {n}", str(n))
    kill_server(own_server)
    assert own_server.revive()
    wait_until(lambda: answers(own_server.socket))
    assert ask(own_server.socket, "DBSIZE") == 100
    assert not own_server.revive()


def answers(socket: Path) -> bool:
    try:
        return bool(ask(socket, "PING") == b"PONG")
    except (NoAnswer, Refused):
        return False


def test_what_was_written_survives_an_orderly_stop(tmp_path: Path) -> None:
    first = use_embedded(tmp_path)
    ask(first.socket, "SET", "kept", "yes")
    pid = first.pid
    assert first.release()
    assert first.pid is None
    assert not first.socket.exists()
    second = use_embedded(tmp_path)
    assert second.pid != pid
    assert ask(second.socket, "GET", "kept") == b"yes"
    assert second.release()


def test_only_the_last_user_stops_it(tmp_path: Path) -> None:
    first = use_embedded(tmp_path)
    second = use_embedded(tmp_path)
    assert first.pid == second.pid
    assert not first.release()
    assert answers(second.socket)
    assert second.release()
    assert second.pid is None


def test_a_server_left_behind_is_adopted(tmp_path: Path) -> None:
    left = use_embedded(tmp_path)
    pid = left.pid
    left._users.close()  # what the kernel does for a killed process
    adopted = use_embedded(tmp_path)
    assert adopted.pid == pid
    assert adopted.release()


def test_a_server_left_behind_with_other_settings_is_replaced(tmp_path: Path) -> None:
    left = use_embedded(tmp_path)
    ask(left.socket, "SET", "kept", "yes")
    pid = left.pid
    left._users.close()
    config = files_of(tmp_path).config
    config.write_text(config.read_text().replace("everysec", "always"))
    fresh = use_embedded(tmp_path)
    assert fresh.pid != pid
    assert ask(fresh.socket, "GET", "kept") == b"yes"
    assert "everysec" in config.read_text()
    assert fresh.release()


def test_a_server_in_use_is_not_replaced(tmp_path: Path) -> None:
    first = use_embedded(tmp_path)
    config = files_of(tmp_path).config
    config.write_text(config.read_text().replace("everysec", "always"))
    second = use_embedded(tmp_path)
    assert second.pid == first.pid
    second.release()
    assert first.release()


@pytest.mark.slow
def test_a_server_left_behind_that_hangs_is_replaced(tmp_path: Path) -> None:
    left = use_embedded(tmp_path)
    ask(left.socket, "SET", "kept", "yes")
    pid = left.pid
    left._users.close()
    signal_server(left, signal.SIGSTOP)
    fresh = use_embedded(tmp_path)
    assert fresh.pid != pid
    assert ask(fresh.socket, "GET", "kept") == b"yes"
    assert fresh.release()


def test_a_long_path_gets_a_short_private_socket(tmp_path: Path) -> None:
    home = tmp_path / ("long " * 20) / 'odd "name"'
    first = use_embedded(home)
    assert len(os.fsencode(first.socket)) <= MAX_SOCKET_PATH_BYTES
    assert mode(first.socket.parent) == 0o700
    second = use_embedded(home)
    assert second.socket == first.socket
    ask(second.socket, "SET", "kept", "yes")
    second.release()
    assert first.release()
    assert not first.socket.parent.exists()
    again = use_embedded(home)
    assert ask(again.socket, "GET", "kept") == b"yes"
    assert again.release()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    first = use_embedded(tmp_path)
    first.release()
    manifest = tmp_path / "store" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.write_text("nonsense\n")
    with pytest.raises(ConfigError, match=r"did not start: .*manifest"):
        use_embedded(tmp_path)


def test_without_a_server_program_it_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match="apt install valkey-server"):
        find_server(path="", package="no_such_package")


def test_a_server_on_the_path_comes_before_the_carried_one(tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_server(path=str(tmp_path)) == program
    assert find_server(path="").name == "valkey-server"


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot use"):
        use_embedded(tmp_path / "file" / "below")
