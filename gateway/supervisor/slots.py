"""A place that a child fills, and the children that fill it one after the other."""

import signal
import time
from collections.abc import Callable

from gateway.supervisor.child import Child
from gateway.supervisor.respawn import Respawn

EXIT_CONFIG = 78
"""A worker's exit status when its configuration is at fault (EX_CONFIG of sysexits.h)."""

EXIT_NO_START = 3
"""uvicorn's own, when the application's lifespan does not start: the store is away, say."""


class Slot:
    """Keeps one child running. `start` makes the next one."""

    def __init__(self, name: str, start: Callable[[], Child], *, is_worker: bool) -> None:
        self.name = name
        self.is_worker = is_worker
        self.child: Child | None = None
        self.due: float | None = 0.0
        self._start = start
        self._respawn = Respawn()
        self._dump_asked_at: float | None = None

    def start(self) -> Child:
        """Start a child now."""
        self.due = None
        self._dump_asked_at = None
        self.child = self._start()
        return self.child

    def reap(self) -> Child | None:
        """Return the child if it has ended since, and leave the place empty.

        Its pipes are closed. `due` says when the next one is to be started.
        """
        child = self.child
        if child is None or child.process.poll() is None:
            return None
        self.child = None
        child.close()
        return child

    def plan_next(self, dead: Child) -> float | None:
        """Set `due` after a death; return the rest in seconds, None if the child is given up."""
        now = time.monotonic()
        forgivable = dead.process.returncode in (EXIT_CONFIG, EXIT_NO_START)
        rest_s = self._respawn.died(now - dead.born, forgivable=forgivable)
        self.due = None if rest_s is None else now + rest_s
        return rest_s

    def end_if_stuck(self, start_limit_s: float, hang_limit_s: float) -> str | None:
        """Kill a worker that does not become ready or has fallen silent; say why.

        A silent one is first asked where it hangs, and killed the next time.
        """
        child = self.child
        if child is None or not self.is_worker:
            return None
        now = time.monotonic()
        if not child.ready:
            if now - child.born < start_limit_s:
                return None
            child.send_signal(signal.SIGKILL)
            return f"was not ready within {start_limit_s:g} s"
        if now - child.last_sign < hang_limit_s:
            return None
        if self._dump_asked_at is None:
            self._dump_asked_at = now
            child.send_signal(signal.SIGUSR2)
            return None
        child.send_signal(signal.SIGKILL)
        return f"has been silent for {hang_limit_s:g} s"
