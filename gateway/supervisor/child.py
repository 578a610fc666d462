"""One child process as the parent sees it: two pipes, a heartbeat, a way to end it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import gateway

SpawnArguments = Callable[[int, int], Sequence[str]]
"""Given the child's ends (from the parent, to the parent), its module and arguments."""


class Child:
    """A running Python module and its pipes.

    Messages to it are lines: a worker's settings first, then any of `drain`, `stop`, `reload` and
    `dead PID`. From it come `ready`, once, and `beat`, every second. The pipe to it also tells it
    when the parent dies.
    """

    def __init__(
        self, name: str, arguments: SpawnArguments, env: Mapping[str, str], share: Sequence[int]
    ) -> None:
        self.name = name
        self.ready = False
        self.born = self.last_sign = time.monotonic()
        from_parent, self._messages = os.pipe()
        self.status, to_parent = os.pipe()
        os.set_blocking(self._messages, False)
        os.set_blocking(self.status, False)
        try:
            self.process = subprocess.Popen(  # noqa: S603  # our own program and modules
                [sys.executable, "-P", "-m", *arguments(from_parent, to_parent)],
                stdin=subprocess.DEVNULL,
                env=_importable(env),
                pass_fds=(from_parent, to_parent, *share),
                # Its own group: the terminal's Ctrl-C reaches the parent alone, which ends the
                # children in order.
                process_group=0,
            )
        except BaseException:
            self.close()
            raise
        finally:
            os.close(from_parent)
            os.close(to_parent)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def read_status(self) -> bool:
        """Take what the child has said; call when `status` is readable. False: it has ended."""
        data = os.read(self.status, 65536)
        self.last_sign = time.monotonic()
        if b"ready\n" in data:
            self.ready = True
        return bool(data)

    def tell(self, message: str) -> None:
        """Send a message; a dead or stuck child misses it."""
        try:
            os.write(self._messages, f"{message}\n".encode())
        except (BrokenPipeError, BlockingIOError):
            return

    def send_signal(self, sign: int) -> None:
        """Send a signal unless the child has ended."""
        self.process.send_signal(sign)

    def close(self) -> None:
        """Close our ends of the pipes."""
        for fd in (self._messages, self.status):
            os.close(fd)


def _importable(env: Mapping[str, str]) -> dict[str, str]:
    """Let the child import this very package, and nothing that happens to lie in the cwd."""
    root = Path(gateway.__file__).resolve().parents[1]
    if root.name in ("site-packages", "dist-packages"):
        return dict(env)
    paths = [str(root), *filter(None, [env.get("PYTHONPATH")])]
    return {**env, "PYTHONPATH": os.pathsep.join(paths)}
