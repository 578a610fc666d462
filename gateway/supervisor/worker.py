"""One worker process: `python -m gateway.supervisor.worker FROM_PARENT TO_PARENT` (descriptors).

Its orders come as lines from the parent (`drain`, `stop`, `reload`, `dead PID`), or as SIGTERM
(drain, then stop) and SIGHUP (reload) from anybody. SIGINT is the parent's to answer. When the
parent dies the worker ends by itself within a second.
"""

import asyncio
import contextlib
import faulthandler
import importlib
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import msgspec

from gateway.config.worker import AppFactory, WorkerApp, WorkerSettings
from gateway.errors import ConfigError
from gateway.supervisor.dumps import forbid_core_dumps
from gateway.supervisor.follow import follow_parent, read_line
from gateway.supervisor.retire import retire_counts
from gateway.supervisor.server import WorkerServer, configure
from gateway.supervisor.slots import EXIT_CONFIG

BEAT_S = 1.0
ORPHAN_LIMIT_S = 0.7
EXIT_ORPHANED = 70

log = logging.getLogger("gateway.worker")


class Worker:
    """Serves one application and follows orders. Made inside the running loop."""

    def __init__(self, settings: WorkerSettings, app: WorkerApp, to_parent: int) -> None:
        self._settings = settings
        self._app = app
        self._to_parent = to_parent
        self._loop = asyncio.get_running_loop()
        self._server = WorkerServer(configure(settings, app.asgi), self._note_started)
        self._draining = False
        self._ending: set[asyncio.Task[None]] = set()
        self._reload_asked = asyncio.Event()

    async def serve(self, from_parent: int) -> None:
        """Serve until told to stop and everything in flight has ended."""
        self._loop.add_signal_handler(signal.SIGTERM, self._drain_or_stop)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)
        follow_parent(from_parent, self._pass_on, self._note_orphaned)
        upkeep = [
            self._loop.create_task(self._beat(), name="beat"),
            self._loop.create_task(self._reload_when_asked(), name="reload"),
        ]
        sockets = [socket.socket(fileno=listener.fd) for listener in self._settings.listeners]
        try:
            await self._server.serve(sockets=sockets)
        finally:
            for task in (*upkeep, *self._ending):
                task.cancel()
            await asyncio.gather(*upkeep, *self._ending, return_exceptions=True)

    # --- orders -------------------------------------------------------------------------------

    def _pass_on(self, message: str) -> None:
        """Hand a message from the following thread to the loop; late ones find it closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._obey, message)

    def _obey(self, message: str) -> None:
        order, _, rest = message.partition(" ")
        if order == "reload":
            self._reload_asked.set()
        elif order == "drain" and not self._draining:
            self._drain_or_stop()
        elif order == "stop":
            self._stop()
        elif order == "dead":
            directory = Path(self._settings.metrics_dir)
            self._loop.run_in_executor(None, retire_counts, directory, int(rest))

    def _drain_or_stop(self) -> None:
        if self._draining:
            self._stop()
            return
        self._draining = True
        self._app.begin_drain()
        self._ending.add(self._loop.create_task(self._close_after_notice(), name="drain"))

    async def _close_after_notice(self) -> None:
        # Load balancers need this long to see that we are not ready and to send elsewhere.
        await asyncio.sleep(self._settings.drain_notice_s)
        self._server.close_gracefully()

    def _stop(self) -> None:
        if not self._draining:
            self._draining = True
            self._app.begin_drain()
        self._ending.add(self._loop.create_task(self._server.cut(), name="stop"))

    def _note_orphaned(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop)
        # In the following thread: ends the process also if its loop hangs.
        threading.Event().wait(ORPHAN_LIMIT_S)
        os._exit(EXIT_ORPHANED)

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()  # before: an order that comes meanwhile counts again
            await self._app.reload()

    # --- signs of life ------------------------------------------------------------------------

    def _note_started(self) -> None:
        self._tell_parent(b"ready\n")

    async def _beat(self) -> None:
        while True:
            self._tell_parent(b"beat\n")
            await asyncio.sleep(BEAT_S)

    def _tell_parent(self, line: bytes) -> None:
        # A full pipe is a parent that is stopped; a broken one is noticed elsewhere.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._to_parent, line)


def load_factory(path: str) -> AppFactory:
    """Import `module:function`."""
    module, _, name = path.partition(":")
    factory: AppFactory = getattr(importlib.import_module(module), name)
    return factory


async def _serve(settings: WorkerSettings, from_parent: int, to_parent: int) -> None:
    app = load_factory(settings.app)(settings)
    await Worker(settings, app, to_parent).serve(from_parent)


def main() -> int:
    """Take the settings from the parent and serve; return the exit status."""
    forbid_core_dumps()
    from_parent, to_parent = (int(argument) for argument in sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent asks a silent worker where it hangs, before it kills it. Stacks only, no values.
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    settings = msgspec.json.decode(read_line(from_parent), type=WorkerSettings)
    os.set_blocking(to_parent, False)
    loop_factory = configure(settings, _no_app).get_loop_factory()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(settings, from_parent, to_parent))
    except ConfigError as exc:
        log.error("%s", exc)  # noqa: TRY400  # said to an operator, who needs no traceback
        return EXIT_CONFIG
    return 0


async def _no_app(scope: object, receive: object, send: object) -> None:
    """Stand in where only uvicorn's choice of loop is asked for."""


if __name__ == "__main__":
    sys.exit(main())
