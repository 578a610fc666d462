"""What the crash harness runs: the sandbox and the gateway, each a process of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from gateway.store.lock import FileLock
from gateway.store.server_files import files_of
from tests.faults.books import Sale
from tests.journeys.running import environment, run_command
from tests.waiting import async_wait_until, wait_until

START_LIMIT_S: Final = 60.0
_SALES_AT_ONCE: Final = 4_000
CONFIG: Final = """\
drain: {{notice_s: 0, limit_s: 5}}
retries: {{backoff_base_s: 0.02, backoff_cap_s: 0.1}}
timeouts: {{first_token_s: 4, gap_s: 4, total_s: 20}}
limits:
  user: {{concurrent: 10000, tokens_per_minute: 1000000000, cost_per_day_usd: 1000000}}
  everyone: {{concurrent: 100000, cost_per_month_usd: 1000000}}
providers:
  openai: {{base_url: "{origin}/openai/v1"}}
  anthropic: {{base_url: "{origin}/anthropic"}}
models:
  overrides:
    openai: {{"sandbox-*": {{price: {price}}}}}
    anthropic: {{"sandbox-*": {{price: {price}}}}}
"""
_PRICE: Final = "{input: 1, output: 4, cache_read: 0.1, reasoning: 4}"


@contextmanager
def start_sandbox_process() -> Iterator[str]:
    """Run `gateway sandbox`; yields its origin."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        env=environment({"PYTHONUNBUFFERED": "1"}),
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process.stdout.readline().decode().split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=START_LIMIT_S)


class Till:
    """The sandbox's books, collected while it runs: it keeps the last 10,000 rows only."""

    def __init__(self, origin: str) -> None:
        self._client = httpx.Client(base_url=origin, timeout=30, trust_env=False)
        self._sales: dict[str, Sale] = {}

    def collect(self) -> list[Sale]:
        """Read the newest rows, and return all that are known."""
        answer = self._client.get("/sandbox/ledger", params={"limit": _SALES_AT_ONCE}).json()
        for sale in msgspec.convert(answer["rows"], list[Sale]):
            self._sales[sale.request_id] = sale
        kept = self._client.get("/sandbox/ledger", params={"limit": 0}).json()
        assert len(self._sales) >= kept["dropped"], "rows were dropped unread"
        return list(self._sales.values())

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class House:
    """A gateway that may be killed in parts or as a whole, and is started again on its port."""

    def __init__(self, home: Path, origin: str, workers: int) -> None:
        self.home = home
        self.data = home / "data"
        self.workers = workers
        self.port = _free_port()
        self.admin_token = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._aside = home / "older"
        home.mkdir(parents=True, exist_ok=True)
        (home / "gateway.yaml").write_text(CONFIG.format(origin=origin, price=_PRICE))

    @property
    def log_path(self) -> Path:
        """Where it writes what it has to say."""
        return self.home / "gateway.log"

    @property
    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; `is_serving` tells when it answers."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.faults.crashing"),
                    *("--config", str(self.home / "gateway.yaml"), "--data-dir", str(self.data)),
                    *("--port", str(self.port), "--workers", str(self.workers)),
                ],
                stderr=log,
                env=environment(),
            )

    def begin(self) -> None:
        """Start it for the first time, and make an administrator."""
        self.start()
        wait_until(self.is_ready, START_LIMIT_S)
        self.admin_token = run_command(self.home, "token", "add", "--admin", "--name", "crash")

    def _times_served(self) -> int:
        """How often every worker was ready, as the log says: before that none may die."""
        return self.log_path.read_bytes().count(b'"serving on ')

    def is_ready(self) -> bool:
        """Whether it answers that it is ready."""
        assert self.is_running, self.log_path.read_text()[-2000:]
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).is_success
        return False

    async def restart(self) -> None:
        """Start it again, and wait until it answers."""
        served = self._times_served()
        self.start()
        await async_wait_until(
            lambda: self._times_served() > served or not self.is_running, START_LIMIT_S
        )

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None:
            if self.is_running:
                self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=START_LIMIT_S)

    def kill(self) -> None:
        """Kill its first process; the workers end by themselves, the store stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def status_of_chat(self, token: str) -> int:
        """Ask one question with a token, and return the answer's status."""
        body = {"model": "openai/sandbox-echo", "messages": [{"role": "user", "content": "Hello"}]}
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/chat/completions",
            json=body,
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        ).status_code

    def admin(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Make a request, which must succeed; as the administrator unless a token is given."""
        answer = httpx.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            json=body,
            headers={"authorization": f"Bearer {token or self.admin_token}"},
            timeout=30,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def make_user(self) -> tuple[str, str]:
        """Make a user with a key for both providers; returns id and token."""
        user = self.admin("POST", "/admin/v1/users", {})["id"]
        allows = {"name": "crash", "allows": ["chat", "account"]}
        token = self.admin("POST", f"/admin/v1/users/{user}/tokens", allows)["token"]
        for provider in ("openai", "anthropic"):
            secret = {"secret": f"sk-crash-{user}"}
            self.admin("PUT", f"/v1/me/providers/{provider}", secret, token)
        return user, token

    # --- the store ----------------------------------------------------------------------------

    @property
    def store_url(self) -> str:
        """Where its embedded store is."""
        inside = self.data / "store" / "store.sock"
        moved = files_of(self.data).moved_socket
        return f"unix://{moved.read_text() if moved.exists() else inside}"

    def store_pid(self) -> int | None:
        """Return the pid of the store, None while it is dead."""
        with FileLock(self.data / "store" / "server.lock") as lock:
            return None if lock.try_shared() else lock.read_pid()

    def put_aside(self) -> None:
        """Copy the store's files, as a state to go back to."""
        shutil.rmtree(self._aside, ignore_errors=True)
        shutil.copytree(self.data / "store" / "appendonlydir", self._aside)

    async def kill_store(self) -> None:
        """Kill the store, and wait for its end."""
        pid = self.store_pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await async_wait_until(lambda: self.store_pid() != pid)

    async def lose_tail(self) -> None:
        """Kill the store and give it the files that were put aside, before it is started again."""
        place = self.data / "store" / "appendonlydir"
        with FileLock(self.data / "store" / "start.lock") as lock:
            await async_wait_until(lock.try_exclusive, 60)
            await self.kill_store()
            shutil.rmtree(place)
            shutil.copytree(self._aside, place)

    # --- the end ------------------------------------------------------------------------------

    def is_drained(self) -> bool:
        """Whether the notes in the spools say that the store has taken all of them."""
        return all(_is_drained(folder) for folder in (self.data / "spool").iterdir())

    async def settle(self, limit_s: float = 60.0) -> bool:
        """Wait until the spools are drained; False if they are not in time."""
        try:
            await async_wait_until(self.is_drained, limit_s)
        except AssertionError:
            return False
        return True


def _is_drained(folder: Path) -> bool:
    segments = sorted(path for path in folder.glob("*.seg") if path.stat().st_size > 8)
    if not segments:
        return True
    try:
        note = json.loads((folder / "drained").read_bytes())
    except (OSError, ValueError):
        return False
    last = segments[-1]
    return (note["segment"], note["offset"]) >= (int(last.stem), last.stat().st_size)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
