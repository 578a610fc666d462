"""The parent's loop: keeps the children and the embedded store running until told to stop.

It has no event loop and imports nothing of the web stack: it is to be small, and there is nothing
in it that a request could break.
"""

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from gateway.errors import ConfigError
from gateway.supervisor.child import Child
from gateway.supervisor.settings import Listen, Ready, ServeSettings
from gateway.supervisor.signals import Signals
from gateway.supervisor.slots import Slot
from gateway.supervisor.spawn import Surroundings, start_extra, start_worker

TICK_S = 0.5
DRAIN_GRACE_S = 5.0
"""What a worker may take beyond the drain limit to write its last records."""

FAST_STOP_S = 3.0
EXTRA_STOP_S = 5.0
STORE_REST_S = 5.0

log = logging.getLogger("gateway.supervisor")


class Parent:
    """Runs one gateway; `run` returns the exit status: 0 after a signal, 1 after a failure."""

    def __init__(
        self,
        settings: ServeSettings,
        place: Surroundings,
        signals: Signals,
        on_ready: Callable[[Ready], None],
    ) -> None:
        self._settings = settings
        self._place = place
        self._signals = signals
        self._on_ready = on_ready
        self._selector = selectors.DefaultSelector()
        limit_s = settings.start_limit_s
        self._extras = [
            Slot(spec.name, partial(start_extra, spec, place.env, limit_s), is_worker=False)
            for spec in settings.extra
        ]
        self._workers = [
            Slot(f"worker {n}", partial(start_worker, settings, place, n), is_worker=True)
            for n in range(settings.workers)
        ]
        self._dead_pids: list[int] = []
        self._announced = False
        self._exit = 0
        self._deadline: float | None = None  # set once we are stopping
        self._store_due = 0.0

    def run(self) -> int:
        """Start the children and keep them until a signal, or their failure, ends it all.

        Raises ConfigError where a further process does not start.
        """
        try:
            self._selector.register(self._signals, selectors.EVENT_READ)
            self._start_due()
            self._signals.starting = False
            while self._deadline is None or any(slot.child for slot in self._workers):
                self._step()
        finally:
            _end([slot.child for slot in self._workers], signal.SIGKILL, FAST_STOP_S)
            _end([slot.child for slot in self._extras], signal.SIGTERM, EXTRA_STOP_S)
            self._selector.close()
        return self._exit

    def _step(self) -> None:
        for key, _ in self._selector.select(TICK_S):
            if isinstance(key.data, Child) and not key.data.read_status():
                self._selector.unregister(key.fd)
        for sign in self._signals.take():
            self._answer(sign)
        self._reap()
        self._announce()
        self._report_dead()
        if self._deadline is not None:
            self._insist()
        else:
            self._end_stuck()
            self._start_due()
        self._tend_store()

    # --- signals ------------------------------------------------------------------------------

    def _answer(self, sign: int) -> None:
        if sign == signal.SIGHUP and not self._signals.is_hangup():
            log.info("reloading in every worker")
            self._tell_workers("reload")
        elif sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._stop(0)

    def _stop(self, exit_status: int, *, at_once: bool = False) -> None:
        """Drain at the first call, hurry at the second."""
        self._exit = max(self._exit, exit_status)
        now = time.monotonic()
        for sock in self._place.sockets:
            sock.close()  # the workers hold theirs until the notice is over
        if self._deadline is None and not at_once:
            log.info("draining")
            given = self._settings
            self._deadline = now + given.drain_notice_s + given.drain_limit_s + DRAIN_GRACE_S
            self._tell_workers("drain")
        else:
            log.warning("stopping at once")
            self._deadline = min(self._deadline or now + FAST_STOP_S, now + FAST_STOP_S)
            self._tell_workers("stop")
        for slot in self._workers:
            if slot.child and not slot.child.ready:
                slot.child.send_signal(signal.SIGTERM)

    def _tell_workers(self, message: str) -> None:
        for slot in self._workers:
            if slot.child:
                slot.child.tell(message)

    # --- children -----------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in (*self._extras, *self._workers):
            if slot.due is not None and slot.due <= now:
                child = slot.start()
                self._selector.register(child.status, selectors.EVENT_READ, child)

    def _reap(self) -> None:
        for slot in (*self._extras, *self._workers):
            dead = slot.reap()
            if dead is None:
                continue
            with suppress(KeyError):  # where the end of its pipe was seen first
                self._selector.unregister(dead.status)
            if slot.is_worker:
                self._dead_pids.append(dead.pid)
            if self._deadline is None:
                self._note_death(slot, dead)

    def _note_death(self, slot: Slot, dead: Child) -> None:
        how = describe_end(dead.process.returncode)
        if not self._announced:
            log.error("%s %s while starting", slot.name, how)
            self._stop(1, at_once=True)
            return
        rest_s = slot.plan_next(dead)
        if rest_s is None:
            log.error("%s %s again and again: giving up", slot.name, how)
            self._stop(1)
            return
        log.warning("%s (pid %d) %s; next start in %.2g s", slot.name, dead.pid, how, rest_s)

    def _announce(self) -> None:
        children = [slot.child for slot in self._workers]
        pids = tuple(child.pid for child in children if child and child.ready)
        if self._announced or self._deadline is not None or len(pids) < len(children):
            return
        self._announced = True
        pairs = zip(self._settings.listeners, self._place.sockets, strict=True)
        addresses = tuple(
            Listen(listen.host, sock.getsockname()[1], listen.name) for listen, sock in pairs
        )
        self._on_ready(Ready(addresses, os.getpid(), pids, self._place.store_url))

    def _report_dead(self) -> None:
        """Let a live worker take the dead ones' gauges out of the metrics directory.

        prometheus-client does it in one call, but importing it would add a third to our memory.
        """
        for slot in self._workers:
            if self._dead_pids and slot.child and slot.child.ready:
                for pid in self._dead_pids:
                    slot.child.tell(f"dead {pid}")
                self._dead_pids.clear()

    def _end_stuck(self) -> None:
        for slot in self._workers:
            why = slot.end_if_stuck(self._settings.start_limit_s, self._settings.hang_limit_s)
            if why:
                log.error("%s %s: killed", slot.name, why)

    def _insist(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            for slot in self._workers:
                if slot.child:
                    log.error("%s did not stop in time: killed", slot.name)
                    slot.child.send_signal(signal.SIGKILL)

    def _tend_store(self) -> None:
        now = time.monotonic()
        if self._place.embedded is None or now < self._store_due:
            return
        self._store_due = now + TICK_S / 2
        try:
            if self._place.embedded.revive():
                log.error("the store server had died and was started again")
                self._store_due = now + STORE_REST_S
        except ConfigError as exc:
            log.exception("the store server cannot be started: %s", exc.message)
            self._store_due = now + STORE_REST_S


def describe_end(status: int) -> str:
    """Put an exit status, as `Popen.returncode` has it, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _end(children: Sequence[Child | None], sign: int, limit_s: float) -> None:
    """Signal what still runs, wait, and kill what is left."""
    running = [child for child in children if child]
    for child in running:
        child.send_signal(sign)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and any(child.process.poll() is None for child in running):
        time.sleep(0.01)
    for child in running:
        if child.process.poll() is None:
            child.process.kill()
            child.process.wait()
        child.close()
