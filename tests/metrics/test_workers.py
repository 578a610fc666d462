"""Counters over several workers: right after a worker's death and a reload, and never twice."""

import os
import re
import signal
import threading
from pathlib import Path

import httpx
import openai
import pytest

from gateway.sandbox.server import start_sandbox
from tests.journeys.running import GatewayUser, RunningGateway, start_gateway
from tests.waiting import wait_until

CHATS = 'gateway_requests_total{origin="none",route="/v1/chat/completions",status="200"}'
TOKENS = "gateway_tokens_total"


def value(gateway: RunningGateway, series: str) -> float:
    """The sum of the series that begin so, in one scrape."""
    text = gateway.call("GET", "/metrics", gateway.admin_token).text
    lines = [line for line in text.splitlines() if line.startswith(series)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def workers_of(gateway: RunningGateway) -> list[int]:
    """The process ids of the workers."""
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text()
    named = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split()}
    return [pid for pid, line in named.items() if b"gateway.supervisor.worker" in line]


def chat(user: GatewayUser, times: int) -> int:
    """Ask so often over connections of their own; return how many were answered."""
    return sum(user.chat("gpt-4o-mini").status_code == 200 for _ in range(times))


def counts(gateway: RunningGateway) -> tuple[float, float]:
    """Answered chats, and tokens booked."""
    return value(gateway, CHATS), value(gateway, TOKENS)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc (Linux)")
def test_counts_survive_killed_workers_and_a_reload_and_are_never_doubled(tmp_path: Path) -> None:
    with (
        start_sandbox() as sandbox,
        start_gateway(tmp_path / "home", sandbox.url, workers=2) as gateway,
    ):
        user = gateway.new_user("openai")
        answered = chat(user, 10)
        wait_until(lambda: value(gateway, CHATS) == answered)
        _, each = counts(gateway)
        each /= answered
        opened = open_stream(user)
        assert value(gateway, "gateway_workers") == 2

        for killed in range(1, 3):
            os.kill(workers_of(gateway)[0], signal.SIGKILL)
            wait_until(lambda: is_well(gateway, 2 + killed), 30)  # noqa: B023  # waited for here
            answered += chat(user, 10)
            wait_until(lambda: value(gateway, CHATS) >= answered)  # noqa: B023  # waited for here
            assert value(gateway, CHATS) == answered
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: value(gateway, "gateway_config_reloads_total") == 2)
        opened.join(30)

        assert not opened.is_alive()
        ended = value(gateway, CHATS) - answered
        assert ended in (0, 1)  # the stream, where its worker lived
        assert value(gateway, TOKENS) >= each * answered
        # Nothing of the dead is in flight: what is left is the scrape itself.
        wait_until(lambda: value(gateway, "gateway_requests_in_flight") == 1)
        files = [path.name for path in (gateway.home / "data" / "metrics").glob("*.db")]
        pids = {int(name) for each in files for name in re.findall(r"_(\d+)\.db", each)}
        assert pids - {0} == set(workers_of(gateway))


def is_well(gateway: RunningGateway, starts: int) -> bool:
    """Whether a killed worker was replaced, and its counts taken over."""
    try:
        return (
            value(gateway, "gateway_worker_starts_total") == starts
            and value(gateway, "gateway_workers") == 2
            and len(list((gateway.home / "data" / "metrics").glob("counter_*.db"))) == 3
        )
    except httpx.TransportError:  # the dying worker had taken the connection
        return False


def open_stream(user: GatewayUser) -> threading.Thread:
    """Begin a stream of three seconds and read it in a thread, whatever becomes of it."""
    begun = threading.Event()

    def read() -> None:
        with user.openai(max_retries=0) as client:
            try:
                stream = client.chat.completions.create(
                    model="sandbox-long-60+slow-50",
                    messages=[{"role": "user", "content": "Hi"}],
                    stream=True,
                )
                for _ in stream:
                    begun.set()
            except (openai.APIError, httpx.HTTPError):  # its worker may be the one that is killed
                begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(15)
    return thread
