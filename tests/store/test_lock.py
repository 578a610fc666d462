"""Locks of the data directory."""

import os
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.store.lock import FileLock, lock_serving, serving_pid


def test_one_serve_excludes_another_and_names_itself(tmp_path: Path) -> None:
    with lock_serving(tmp_path):
        with pytest.raises(ConfigError, match=f"pid {os.getpid()}"):
            lock_serving(tmp_path)
        assert serving_pid(tmp_path) == os.getpid()
    assert serving_pid(tmp_path) is None
    lock_serving(tmp_path).close()


def test_a_pid_without_its_lock_means_nothing(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").write_text("1\n")
    assert serving_pid(tmp_path) is None
    assert serving_pid(tmp_path / "none") is None


def test_a_shared_hold_keeps_others_from_holding_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path) as first, FileLock(path) as second:
        assert first.try_shared()
        assert second.try_shared()
        assert not first.try_exclusive()
        second.close()
        assert first.try_exclusive()


def test_a_lock_held_too_long_is_given_up(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock") as first, FileLock(tmp_path / "lock") as second:
        assert first.try_exclusive()
        assert not second.wait_exclusive(0.05)
