"""The sandbox as a process of its own: how it starts, how big it is, how it ends."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.sandbox.server import serve, start_sandbox
from tests.sandbox.talking import OPENAI, chat
from tests.waiting import wait_until

PROGRAM = """
import sys
from gateway.sandbox.server import serve
fd = int(sys.argv[1]) if len(sys.argv) > 1 else None
serve("127.0.0.1", 0, fd, on_ready=lambda port: print(port, flush=True))
print("ended", flush=True)
"""
KEY = {"authorization": "Bearer k"}
MOST_MEMORY_KB = 45_000


@contextmanager
def sandbox_process(
    *arguments: str, fds: tuple[int, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a sandbox process; it is killed at the end if it still runs."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=fds
    ) as process:
        try:
            assert process.stdout is not None
            yield process, f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def _resident_kb(process: subprocess.Popen[str]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_it_never_said_a_word(number: signal.Signals) -> None:
    with sandbox_process() as (process, url):
        assert httpx.post(url + OPENAI, json=chat("gpt-4o"), headers=KEY).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(url + OPENAI, json=chat("sandbox-cut-1"), headers=KEY)
        process.send_signal(number)
        said, complained = process.communicate(timeout=15)
        assert process.returncode == 0
        assert (said, complained) == ("ended\n", "")


def test_a_reply_that_hangs_does_not_keep_it_alive() -> None:
    with (
        sandbox_process() as (process, url),
        httpx.Client(base_url=url, headers=KEY, timeout=20) as client,
        client.stream("POST", OPENAI, json=chat("sandbox-hang-after-1", stream=True)) as reply,
    ):
        assert reply.status_code == 200
        process.terminate()
        assert process.wait(timeout=15) == 0


def test_it_can_be_given_a_socket_that_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fd = listener.fileno()
        with sandbox_process(str(fd), fds=(fd,)) as (_, url):
            assert url.endswith(f":{port}")
            assert httpx.get(f"{url}/sandbox").status_code == 200


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_it_stays_small() -> None:
    with sandbox_process() as (process, url), httpx.Client(base_url=url, headers=KEY) as client:
        for at in range(300):
            client.post(OPENAI, json=chat("sandbox-echo", f"{at} " * 2000))
        assert _resident_kb(process) < MOST_MEMORY_KB


def test_an_address_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="in use"):
        serve("127.0.0.1", listener.getsockname()[1])


def test_a_sandbox_in_a_thread_closes_with_its_block() -> None:
    with start_sandbox() as running:
        assert httpx.get(f"{running.url}/sandbox").status_code == 200
        host, port = running.url.removeprefix("http://").split(":")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/sandbox")
    assert wait_until(lambda: _is_free(host, int(port)))


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0
