"""The private server in the data directory: start, adopt, replace, stop.

The server belongs to the directory, not to the process that started it: a `serve` and local
commands come and go, and each may be killed. So it is in a process group of its own, holds
`server.lock` itself, and is stopped by whoever finds no other user. One left behind by a killed
gateway goes on holding the data safely and is adopted by the next. For the same reason it is not
tied to its starter's life (PR_SET_PDEATHSIG): a killed command must not take down the store of
the `serve` beside it.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import ConfigError
from gateway.store.binary import find_server
from gateway.store.control import NoAnswer, Refused, ask
from gateway.store.lock import FileLock, make_private_dir
from gateway.store.server_files import Files, files_of, place_socket, write_config

START_LIMIT_S = 20.0
"""How long a server may take until it answers at all; replaying a large file comes after that."""

LOAD_LIMIT_S = 600.0
STOP_LIMIT_S = 20.0

HUNG_LIMIT_S = 2.0
"""A server that says nothing for so long hangs."""


class EmbeddedStore:
    """A use of the server of a data directory: keeps it from being stopped by others."""

    def __init__(self, files: Files, socket: Path, users: FileLock) -> None:
        self.socket = socket
        self.url = f"unix://{socket}"
        self._files = files
        self._users = users

    @property
    def pid(self) -> int | None:
        """The server's pid, None while it is dead."""
        with FileLock(self._files.dir / "server.lock") as lock:
            return None if lock.try_shared() else lock.read_pid()

    def revive(self) -> bool:
        """Start the server again if it has died, without waiting for it; True if it had.

        Raises ConfigError where there is no program any more.
        """
        if self.pid is not None:
            return False
        with _starting(self._files):
            if self.pid is None:
                _spawn(self._files, self.socket)
        return True

    def release(self) -> bool:
        """Give the use up; the last one stops the server. True if it was stopped."""
        with _starting(self._files):
            alone = self._users.try_exclusive()
            if alone:
                _stop(self._files, self.socket)
            self._users.close()
        return alone


def use_embedded(data_dir: Path) -> EmbeddedStore:
    """Use the server of this directory; start it, adopt it or replace it first as needed.

    Blocks until it answers. Raises ConfigError: no program, no right to the directory, no start.
    """
    files = files_of(make_private_dir(data_dir))
    make_private_dir(files.dir)
    users = FileLock(files.dir / "users.lock")
    try:
        with _starting(files):
            alone = users.try_exclusive()
            socket = place_socket(files)
            if not _adopt(files, socket, may_replace=alone):
                _start(files, socket)
            # Whoever holds it alone does so below `start.lock`, which is ours now.
            users.try_shared()
    except BaseException:
        users.close()
        raise
    return EmbeddedStore(files, socket, users)


@contextlib.contextmanager
def _starting(files: Files) -> Iterator[None]:
    with FileLock(files.dir / "start.lock") as lock:
        if not lock.wait_exclusive(START_LIMIT_S + STOP_LIMIT_S):
            raise ConfigError(
                f"another process has been starting the store in {files.dir} too long"
            )
        yield


def _adopt(files: Files, socket: Path, *, may_replace: bool) -> bool:
    """True if a server of this directory runs and answers as we would have started it."""
    if not _is_alive(files):
        return False
    fits = _wait_until_ready(files, socket, HUNG_LIMIT_S) and _fits(files, socket)
    if fits or not may_replace:
        return True
    _stop(files, socket)
    return False


def _fits(files: Files, socket: Path) -> bool:
    try:
        answer = ask(socket, "CONFIG", "GET", "dir")
        text = files.config.read_text()
    except (NoAnswer, Refused, OSError):
        return False
    return bool(answer[1:] == [os.fsencode(files.dir)] and text == write_config(files, socket))


def _start(files: Files, socket: Path) -> None:
    pid = _spawn(files, socket)
    try:
        ready = _wait_until_ready(files, socket, START_LIMIT_S)
    except BaseException:
        _stop(files, socket)
        raise
    if not ready:
        _stop(files, socket)
        _reap(pid)
        lines = files.log.read_text(errors="replace").strip().splitlines()
        why = lines[-1][-300:] if lines else "it wrote no log"
        raise ConfigError(f"the store server in {files.dir} did not start: {why}")


def _spawn(files: Files, socket: Path) -> int:
    """Start the server and return its pid; it does not answer yet."""
    program = find_server()
    log_flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    with FileLock(files.dir / "server.lock") as lock:
        if not lock.wait_exclusive(STOP_LIMIT_S):
            raise ConfigError(f"a store server in {files.dir} does not stop")
        before = lock.read_pid()
        if before is not None:
            _reap(before)
        files.config.write_text(write_config(files, socket))
        files.config.chmod(0o600)
        socket.unlink(missing_ok=True)
        # The child keeps the lock through this descriptor for as long as it lives.
        os.set_inheritable(lock.fd, True)  # noqa: FBT003  # takes no keyword
        pid = os.posix_spawn(
            program,
            [str(program), str(files.config)],
            {"LC_ALL": "C"},
            # Its own group: a Ctrl-C in the terminal is for the gateway to answer, in order.
            setpgroup=0,
            # Nobody's pipe may be held open by a server that outlives its starter.
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, files.log, log_flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        lock.write_pid(pid)
    return pid


def _wait_until_ready(files: Files, socket: Path, limit_s: float) -> bool:
    """Wait until the server answers; while it says that it is loading, for much longer."""
    begun = time.monotonic()
    pause_s = 0.002
    while not _is_ready(socket):
        waited_s = time.monotonic() - begun
        if not _is_alive(files) or waited_s > LOAD_LIMIT_S:
            return False
        if waited_s > limit_s and not _answers(socket):
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)
    return True


def _is_ready(socket: Path) -> bool:
    try:
        return bool(ask(socket, "PING") == b"PONG")
    except (NoAnswer, Refused):
        return False


def _answers(socket: Path) -> bool:
    """Whether anything is said at all: also 'LOADING', 'BUSY' and the like."""
    try:
        ask(socket, "PING")
    except Refused:
        return True
    except NoAnswer:
        return False
    return True


def _is_alive(files: Files) -> bool:
    with FileLock(files.dir / "server.lock") as lock:
        return not lock.try_shared()


def _stop(files: Files, socket: Path) -> None:
    """Let the server write what it holds and leave; insist if it does not."""
    with FileLock(files.dir / "server.lock") as lock:
        pid = lock.read_pid()
        if pid is not None and not lock.try_exclusive():
            # SIGTERM does what SHUTDOWN does, and needs no password that somebody may have set.
            patience_s = STOP_LIMIT_S if _answers(socket) else HUNG_LIMIT_S
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            if not lock.wait_exclusive(patience_s):
                # The group: a child that rewrites the file holds the lock as well.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            if not lock.wait_exclusive(HUNG_LIMIT_S):
                raise ConfigError(f"the store server (pid {pid}) does not stop")
        if pid is not None:
            _reap(pid)
    socket.unlink(missing_ok=True)
    if socket.parent != files.dir:
        shutil.rmtree(socket.parent, ignore_errors=True)
        files.moved_socket.unlink(missing_ok=True)


def _reap(pid: int) -> None:
    """Take note of a server's end, if it was our own child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
