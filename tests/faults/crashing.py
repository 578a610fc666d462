"""The gateway's own application with points at which a worker can be told to kill itself.

    python -m tests.faults.crashing --config FILE --data-dir DIR --port N --workers N

serves like `gateway serve`, but builds each worker with `create_app` below: the same objects, each
in a thin shell that names the moments before and after its calls. The product knows nothing of it.

Below `<data directory>/crash`:

    worker-<id>     the pid of the worker of that id, written when its application is built
    plan            a `Plan`: at which passing of which point which worker dies; written by a harness
    reached-<id>    the plan of that id once somebody has taken it and died
"""

import argparse
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.accounting.ledger import Ledger, Reached
from gateway.accounting.limits.tally import Tally
from gateway.accounting.rows import LedgerRow
from gateway.app import App, config_path
from gateway.catalogue.lookup import Catalogue
from gateway.cli.serve import serve_settings
from gateway.config.load import load
from gateway.config.snapshot import Snapshot, compile_config
from gateway.config.system_clock import SystemClock
from gateway.config.worker import WorkerSettings
from gateway.endpoints.log import configure_logging
from gateway.store.base import Argument, Script
from gateway.store.client import RedisStore
from gateway.supervisor.run import run
from gateway.types.upstream import ReplyHead, UpstreamRequest
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.transport import Reply, Transport

_SCRIPTS: Final = {"apply_rows": "apply", "add_up": "total"}

POINTS: Final = (
    "open.before",
    "open.after",
    "send.before",
    "send.after",
    "read",
    "progress",
    "close.before",
    "close.after",
    "release.before",
    "release.after",
    "apply.before",
    "apply.after",
    "total.before",
    "total.after",
)


class Plan(Struct, frozen=True):
    """Who dies where: the first of `workers` that passes `point` for the `nth` time."""

    id: int
    point: str
    nth: int
    workers: tuple[int, ...]


class Points:
    """Kills this very process at a point that the harness has chosen."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._folder = folder
        self._plan = folder / "plan"
        self._worker = worker
        self._passed: Counter[int] = Counter()

    def announce(self) -> None:
        """Write down our pid."""
        draft = self._folder / f"new-{self._worker}"
        draft.write_text(str(os.getpid()))
        draft.replace(self._folder / f"worker-{self._worker}")

    def reach(self, point: str) -> None:
        """Come by a point; it may be the last thing this process does."""
        try:
            plan = msgspec.json.decode(self._plan.read_bytes(), type=Plan)
        except FileNotFoundError:
            return
        if plan.point != point or self._worker not in plan.workers:
            return
        self._passed[plan.id] += 1
        if self._passed[plan.id] < plan.nth:
            return
        taken = self._folder / f"taken-{self._worker}"
        try:
            self._plan.rename(taken)
        except FileNotFoundError:  # another worker was faster
            return
        taken.write_text(str(self._worker))
        taken.replace(self._folder / f"reached-{plan.id}")
        os.kill(os.getpid(), signal.SIGKILL)


class CrashingLedger:
    """A ledger with points before and after what is written."""

    def __init__(self, inner: Ledger, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, row: LedgerRow, tally: Tally | None) -> int:
        self._points.reach("open.before")
        number = self._inner.open(row, tally)
        self._points.reach("open.after")
        return number

    def watch(self, opening: int, reached: Callable[[], Reached]) -> None:
        def reached_at_a_point() -> Reached:
            self._points.reach("progress")
            return reached()

        self._inner.watch(opening, reached_at_a_point)

    def close(self, opening: int, row: LedgerRow, tally: Tally | None) -> None:
        self._points.reach("close.before")
        self._inner.close(opening, row, tally)
        self._points.reach("close.after")

    def release(self, user_id: str, hold: str, tally: Tally) -> None:
        self._points.reach("release.before")
        self._inner.release(user_id, hold, tally)
        self._points.reach("release.after")


class CrashingStore:
    """A store with points before and after the scripts that book."""

    def __init__(self, inner: RedisStore, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        name = _SCRIPTS.get(script.name)
        if name is None:
            return await self._inner.script(script, keys, args)
        self._points.reach(f"{name}.before")
        reply = await self._inner.script(script, keys, args)
        self._points.reach(f"{name}.after")
        return reply


class CrashingTransport:
    """A transport with points around the sending, and at each piece that is read."""

    def __init__(self, inner: Transport, points: Points) -> None:
        self._inner = inner
        self._points = points

    async def send(self, request: UpstreamRequest, **options: Any) -> Reply:
        self._points.reach("send.before")
        reply = await self._inner.send(request, **options)
        self._points.reach("send.after")
        return CrashingReply(reply, self._points)

    async def aclose(self) -> None:
        await self._inner.aclose()


class CrashingReply:
    """A reply with a point at each piece."""

    def __init__(self, inner: Reply, points: Points) -> None:
        self._inner = inner
        self._points = points

    @property
    def head(self) -> ReplyHead:
        return self._inner.head

    async def read(self) -> bytes:
        data = await self._inner.read()
        self._points.reach("read")
        return data

    async def aclose(self) -> None:
        await self._inner.aclose()


class CrashingApp(App):
    """The application, its seams in shells."""

    def __init__(self, settings: WorkerSettings, snapshot: Snapshot, points: Points) -> None:
        super().__init__(settings, snapshot, SystemClock())
        self._points = points
        shell = CrashingTransport(self._connections.transport, points)
        self._connections.transport = cast("HttpxTransport", shell)

    def _open_ledger(self, store: RedisStore) -> Ledger:
        shell = cast("RedisStore", CrashingStore(store, self._points))
        return cast("Ledger", CrashingLedger(super()._open_ledger(shell), self._points))


def create_app(settings: WorkerSettings) -> App:
    """Build the application of one worker, as `gateway.app.create_app` does, in its shells."""
    loaded = load(config_path(settings))
    configure_logging(loaded.config.logging.level)
    snapshot = compile_config(loaded.config, loaded.secrets, Catalogue.load())
    folder = Path(settings.data_dir) / "crash"
    folder.mkdir(exist_ok=True)
    points = Points(folder, settings.worker_id)
    points.announce()
    return CrashingApp(settings, snapshot, points)


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    given = parser.parse_args()
    settings = serve_settings(given.config, given.data_dir, None, given.port, given.workers)
    return run(replace(settings, app="tests.faults.crashing:create_app"))


if __name__ == "__main__":
    sys.exit(main())
