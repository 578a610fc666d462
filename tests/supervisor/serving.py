"""Runs a whole gateway with the stub application, as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from gateway.store.embedded import use_embedded
from gateway.supervisor.settings import Listen, Ready, ServeSettings
from tests.waiting import wait_until

MAIN = Path(__file__).parent / "serve_main.py"
ROOT = MAIN.parents[2]


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Serving:
    """A gateway process: what it reported, and how to ask it."""

    def __init__(self, process: "subprocess.Popen[bytes]", data_dir: Path, stem: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self._log = stem.with_suffix(".log")
        self._report = stem.with_suffix(".json")
        self.modules: list[str] = []
        self.dumpable: int | None = None
        self.ready: Ready

    @property
    def port(self) -> int:
        return self.ready.addresses[0].port

    @property
    def log(self) -> str:
        return self._log.read_text()

    def await_ready(self, limit_s: float = 30.0) -> None:
        wait_until(lambda: self._report.exists() or self.process.poll() is not None, limit_s)
        assert self._report.exists(), f"ended: {self.log}"
        report = msgspec.json.decode(self._report.read_bytes())
        self.ready = msgspec.convert(report["ready"], Ready)
        self.modules = report["modules"]
        self.dumpable = report["dumpable"]

    def get(self, path: str = "/") -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def status(self, path: str = "/") -> int | None:
        """Return the status of one request, None if nobody listens."""
        try:
            return self.get(path).status_code
        except httpx.TransportError:
            return None

    def workers(self) -> dict[int, dict[str, Any]]:
        """Ask until every worker has answered once; by worker id."""
        seen: dict[int, dict[str, Any]] = {}
        for _ in range(500):
            answer = self.get().json()
            seen[answer["worker_id"]] = answer
            if len(seen) == len(self.ready.worker_pids):
                return seen
        raise AssertionError(f"only {seen} answered")


@contextmanager
def launching(
    tmp_path: Path, terminal: int = subprocess.DEVNULL, **changes: Any
) -> Iterator[Serving]:
    """Start a gateway without waiting for it; kill what is left at the end.

    `terminal` becomes its controlling terminal, and is closed here.
    """
    data_dir = tmp_path / "data"
    settings = ServeSettings(
        **{
            "data_dir": str(data_dir),
            "listeners": (Listen(port=0),),
            "app": "tests.supervisor.stub_app:create_app",
            "drain_notice_s": 0.0,
            "drain_limit_s": 20.0,
            **changes,
        }
    )
    stem = tmp_path / f"run-{os.urandom(4).hex()}"
    program = [str(MAIN), msgspec.json.encode(settings).decode(), str(stem.with_suffix(".json"))]
    if terminal != subprocess.DEVNULL:
        program = ["-c", TAKE_TERMINAL, *program]
    with stem.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *program],
            stdin=terminal,
            stdout=log,
            stderr=log,
            start_new_session=terminal != subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    if terminal != subprocess.DEVNULL:
        os.close(terminal)
    try:
        yield Serving(process, data_dir, stem)
    finally:
        if process.poll() is None:
            process.terminate()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()


@contextmanager
def serving(tmp_path: Path, **changes: Any) -> Iterator[Serving]:
    """Start a gateway and wait until it serves."""
    with launching(tmp_path, **changes) as gateway:
        gateway.await_ready()
        yield gateway


def is_alive(pid: int) -> bool:
    """Whether a process exists that is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def stop_store(data_dir: Path) -> None:
    """Stop a server that a killed gateway has left."""
    use_embedded(data_dir).release()
