"""Locks of the data directory. All are `flock`s: the kernel frees them however a process ends.

`serve.lock`         held by the one `gateway serve` of this directory; holds its pid
`store/start.lock`   held for the moments in which somebody starts or stops the embedded server
`store/users.lock`   shared by everybody who uses it; who gets it alone may stop the server
`store/server.lock`  held by the server process itself, through an inherited descriptor
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from gateway.errors import ConfigError

SERVE_LOCK = "serve.lock"


class FileLock:
    """A lock on a file, which is made if it is missing and never removed.

    Removing a locked file would let two processes hold 'the same' lock on two different files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def fd(self) -> int:
        """The open descriptor, to be inherited by a process that shall hold the lock on."""
        return self._fd

    def try_exclusive(self) -> bool:
        """Take the lock alone, or return False at once. Turns a shared hold into a sole one."""
        return self._try(fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        """Take the lock together with others, or return False at once."""
        return self._try(fcntl.LOCK_SH)

    def wait_exclusive(self, timeout_s: float) -> bool:
        """Take the lock alone, waiting up to `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not self.try_exclusive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def write_pid(self, pid: int) -> None:
        """Say in the file who holds it."""
        # Always as long, in one write: whoever reads meanwhile sees one pid or the other.
        os.pwrite(self._fd, f"{pid:<20}\n".encode(), 0)

    def read_pid(self) -> int | None:
        """Return the pid in the file; None if there is none."""
        text = os.pread(self._fd, 32, 0).strip()
        return int(text) if text.isdigit() else None

    def close(self) -> None:
        """Give the lock up, unless a child holds it on."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def make_private_dir(path: Path) -> Path:
    """Make a directory only its owner may enter, and return its absolute path.

    Raises ConfigError where it cannot be made, belongs to somebody else or is open to others.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise ConfigError(f"{path} belongs to another user")
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as exc:
        raise ConfigError(f"cannot use {path}: {exc.strerror}") from exc
    return path.resolve()


def lock_serving(data_dir: Path) -> FileLock:
    """Become the one `serve` of this directory, and write our pid.

    Raises ConfigError naming the pid of the other one.
    """
    lock = FileLock(make_private_dir(data_dir) / SERVE_LOCK)
    # The short wait is for `serving_pid`, which holds the lock for the moment of its question.
    if not lock.wait_exclusive(0.2):
        pid = lock.read_pid()
        lock.close()
        raise ConfigError(
            f"another gateway (pid {pid or 'unknown'}) serves from {data_dir}; stop it first, "
            "or use another --data-dir"
        )
    lock.write_pid(os.getpid())
    return lock


def serving_pid(data_dir: Path) -> int | None:
    """Return the pid of the gateway that serves from this directory, None if none does."""
    path = data_dir / SERVE_LOCK
    if not path.exists():
        return None
    with FileLock(path) as lock:
        return None if lock.try_shared() else lock.read_pid()
