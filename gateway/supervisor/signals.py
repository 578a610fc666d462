"""The parent's signals: read from a pipe between two steps of its loop, never in the middle of one."""

import os
import signal
import socket
from types import FrameType
from typing import Self

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Stopped(BaseException):
    """SIGTERM or SIGINT came while the gateway was still starting."""


class Signals:
    """Catches signals while it is entered; only in the main thread.

    Until `starting` is set to False, a signal to stop raises `Stopped` where the program stands,
    so that a start that takes long can be given up.
    """

    def __init__(self) -> None:
        self.starting = True
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        self._previous: dict[signal.Signals, signal._HANDLER] = {}
        self._previous_fd = -1
        self._ends_with_terminal = False

    def fileno(self) -> int:
        """Become readable when a signal has come; for a selector."""
        return self._reader.fileno()

    def take(self) -> list[int]:
        """Return the signals that have come, in order."""
        try:
            return list(self._reader.recv(4096))
        except BlockingIOError:
            return []

    def is_hangup(self) -> bool:
        """Whether a SIGHUP means that our terminal was closed, rather than 'reload'."""
        return self._ends_with_terminal and not _has_terminal()

    def __enter__(self) -> Self:
        # Under nohup SIGHUP is ignored when we come: then a closed terminal must not end us.
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._ends_with_terminal = _has_terminal() and not ignored
        self._previous = {sign: signal.signal(sign, self._note) for sign in HANDLED}
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno())
        return self

    def __exit__(self, *exc: object) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        for sign, handler in self._previous.items():
            signal.signal(sign, handler)
        self._reader.close()
        self._writer.close()

    def _note(self, sign: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.starting and sign in (signal.SIGTERM, signal.SIGINT):
            raise Stopped


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
