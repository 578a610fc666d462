"""A gateway as a whole: processes, signals, sockets. The application is a stub."""

import os
import pty
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.store.control import ask
from gateway.store.embedded import use_embedded
from gateway.supervisor.run import running_pid
from gateway.supervisor.settings import ChildSpec, Listen
from tests.supervisor.serving import Serving, is_alive, kill, launching, serving, stop_store
from tests.waiting import wait_until


def store_pid(gateway: Serving) -> int:
    """Return the pid of the embedded server."""
    return int((gateway.data_dir / "store" / "server.lock").read_text())


def answers(address: tuple[str, int]) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as client:
        return client.connect_ex(address) == 0


def stream(gateway: Serving) -> Iterator[bytes]:
    """Yield the pieces of a stream as they come."""
    url = f"http://127.0.0.1:{gateway.port}/stream"
    with httpx.Client(timeout=20) as client, client.stream("GET", url) as response:
        yield from response.iter_raw()


def test_every_worker_serves_the_socket_the_parent_bound(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as gateway:
        workers = gateway.workers()
        assert {worker["pid"] for worker in workers.values()} == set(gateway.ready.worker_pids)
        assert workers[0]["metrics_dir"] == str(gateway.data_dir / "metrics")
        assert workers[0]["store_url"] == gateway.ready.store_url
        assert running_pid(gateway.data_dir) == gateway.process.pid
    assert running_pid(gateway.data_dir) is None


def test_the_parent_holds_nothing_of_the_web_stack_and_stays_small(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        heavy = {"asyncio", "cryptography", "httpx", "prometheus_client", "redis", "starlette"}
        assert not heavy & set(gateway.modules)
        assert "uvicorn" not in gateway.modules
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        rss_kb = int(status.partition("VmRSS:")[2].split()[0])
        assert rss_kb < 30_000


def test_sigterm_lets_a_stream_in_flight_finish_and_then_ends_everything(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        worker, store = gateway.ready.worker_pids[0], store_pid(gateway)
        pieces = stream(gateway)
        assert next(pieces) == b"first "
        gateway.process.terminate()
        wait_until(lambda: gateway.status() is None)
        (gateway.data_dir / "finish").touch()
        assert b"".join(pieces) == b"last"
        assert gateway.process.wait(15) == 0
        assert not is_alive(worker)
        assert not is_alive(store)


def test_readiness_turns_before_the_listener_closes(tmp_path: Path) -> None:
    with serving(tmp_path, drain_notice_s=600.0) as gateway:
        assert gateway.status("/ready") == 200
        gateway.process.terminate()
        wait_until(lambda: gateway.status("/ready") == 503)
        assert gateway.status() == 200
        gateway.process.terminate()  # the second one does not wait for the notice
        assert gateway.process.wait(15) == 0


def test_a_second_signal_cuts_what_is_in_flight(tmp_path: Path) -> None:
    with serving(tmp_path, drain_limit_s=600.0) as gateway:
        pieces = stream(gateway)
        assert next(pieces) == b"first "
        gateway.process.send_signal(signal.SIGINT)
        wait_until(lambda: gateway.status() is None)
        gateway.process.send_signal(signal.SIGINT)
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
        assert gateway.process.wait(15) == 0


def test_requests_over_the_drain_limit_are_cut(tmp_path: Path) -> None:
    with serving(tmp_path, drain_limit_s=1.0) as gateway:
        pieces = stream(gateway)
        assert next(pieces) == b"first "
        gateway.process.terminate()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
        assert gateway.process.wait(15) == 0


def test_sighup_reaches_every_worker(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as gateway:
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: all(worker["reloads"] == 1 for worker in gateway.workers().values()))
        kill(gateway.ready.worker_pids[0])
        wait_until(lambda: "worker 0 (pid" in gateway.log)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: gateway.workers()[1]["reloads"] == 2)


def test_a_killed_worker_is_replaced_under_its_id_and_its_counts_stay_without_its_gauges(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, workers=2) as gateway:
        first = gateway.ready.worker_pids[0]
        gauge = gateway.data_dir / "metrics" / f"gauge_livesum_{first}.db"
        counter = gateway.data_dir / "metrics" / f"counter_{first}.db"
        gauge.write_bytes(b"")
        counter.write_bytes(b"")  # as when it dies while it makes the file
        kill(first)
        wait_until(lambda: gateway.workers()[0]["pid"] != first)
        wait_until(lambda: not gauge.exists())
        wait_until(lambda: not counter.exists())
        assert gateway.workers()[1]["pid"] == gateway.ready.worker_pids[1]


def test_a_worker_that_hangs_tells_where_and_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, hang_limit_s=2.0) as gateway:
        stuck = gateway.ready.worker_pids[0]
        with pytest.raises(httpx.TransportError):
            gateway.get("/hang")
        wait_until(lambda: gateway.status() == 200)
        assert gateway.get().json()["pid"] != stuck
        assert "stub_app.py" in gateway.log  # the stack


def test_a_worker_that_keeps_dying_ends_the_gateway_with_a_reason(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        (gateway.data_dir / "crash").touch()
        kill(gateway.ready.worker_pids[0])
        assert gateway.process.wait(30) == 1
        assert "worker 0 ended with status 9 again and again: giving up" in gateway.log
        assert not is_alive(store_pid(gateway))


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("bad-config", 78, "stub.path: the stub was told to refuse"),
        ("no-start", 3, "told to fail"),
    ],
)
def test_bad_surroundings_are_retried_until_they_are_mended(
    tmp_path: Path, fault: str, status: int, reason: str
) -> None:
    with serving(tmp_path) as gateway:
        (gateway.data_dir / fault).touch()
        kill(gateway.ready.worker_pids[0])
        wait_until(lambda: gateway.log.count(f"ended with status {status}") == 2)
        assert reason in gateway.log
        (gateway.data_dir / fault).unlink()
        wait_until(lambda: gateway.status() == 200)


def test_a_config_bad_from_the_start_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad-config").touch()
    with launching(tmp_path) as gateway:
        assert gateway.process.wait(20) == 1
        assert "stub.path: the stub was told to refuse" in gateway.log
        assert not is_alive(store_pid(gateway))


def test_a_killed_parent_takes_its_children_along_and_its_store_is_adopted(
    tmp_path: Path,
) -> None:
    extra = ChildSpec("sleeper", "http.server", ("0", "--bind", "127.0.0.1"))
    with serving(tmp_path, workers=2, extra=(extra,)) as gateway:
        server = store_pid(gateway)
        ask(Path(gateway.ready.store_url.removeprefix("unix://")), "SET", "kept", "yes")
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()]
        assert len(pids) == 4
        kill(gateway.process.pid)
        killed_at = time.monotonic()
        wait_until(lambda: not any(is_alive(pid) for pid in pids if pid != server))
        assert time.monotonic() - killed_at < 3  # promised: 1 s; slow machines get three
        adopted = use_embedded(gateway.data_dir)
        assert adopted.pid == server
        assert ask(adopted.socket, "GET", "kept") == b"yes"
        assert adopted.release()
        assert not is_alive(server)


def test_the_next_gateway_adopts_the_store_of_a_killed_one(tmp_path: Path) -> None:
    with serving(tmp_path) as killed:
        server = store_pid(killed)
        kill(killed.process.pid)
        killed.process.wait()
    with serving(tmp_path) as gateway:
        assert store_pid(gateway) == server
    assert not is_alive(server)


def test_a_killed_store_is_started_again(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        server = store_pid(gateway)
        socket_path = Path(gateway.ready.store_url.removeprefix("unix://"))
        ask(socket_path, "SET", "kept", "yes")
        kill(server)
        wait_until(lambda: store_pid(gateway) != server)
        wait_until(lambda: "was started again" in gateway.log)
        with_answer = wait_until(lambda: use_embedded(gateway.data_dir))
        assert ask(socket_path, "GET", "kept") == b"yes"
        assert not with_answer.release()  # the gateway still uses it


def test_a_second_gateway_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with serving(tmp_path) as first, launching(tmp_path) as second:
        assert second.process.wait(10) == 1
        assert f"pid {first.process.pid}" in second.log
        assert first.status() == 200


def test_a_port_in_use_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with launching(tmp_path, listeners=(Listen(port=port),)) as gateway:
            assert gateway.process.wait(10) == 1
            assert f"127.0.0.1:{port}: the port is in use" in gateway.log
            assert not (gateway.data_dir / "store").exists()


def test_listeners_are_told_apart_by_their_port(tmp_path: Path) -> None:
    both = (Listen(port=0), Listen(port=0, name="admin"))
    with serving(tmp_path, listeners=both) as gateway:
        main, admin = gateway.ready.addresses
        assert (main.name, admin.name) == ("main", "admin")
        for address in (main, admin):
            answer = httpx.get(f"http://127.0.0.1:{address.port}/").json()
            assert answer["port"] == address.port


def test_ctrl_c_in_a_terminal_ends_everything_in_order(tmp_path: Path) -> None:
    extra = ChildSpec("sleeper", "http.server", ("0", "--bind", "127.0.0.1"))
    with serving(tmp_path, extra=(extra,)) as gateway:
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()]
        groups = {os.getpgid(pid) for pid in pids}
        assert len(groups) == 3  # none shares the parent's, so none gets the terminal's SIGINT
        assert os.getpgid(gateway.process.pid) not in groups
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(15) == 0
        assert not any(is_alive(pid) for pid in pids)


def test_ctrl_c_typed_in_a_terminal_stops_the_gateway(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    try:
        with serving(tmp_path, terminal=terminal) as gateway:
            os.write(keyboard, b"\x03")
            assert gateway.process.wait(15) == 0
            assert not is_alive(store_pid(gateway))
    finally:
        os.close(keyboard)


def test_a_closed_terminal_stops_the_gateway_instead_of_reloading_it(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    with serving(tmp_path, terminal=terminal) as gateway:
        os.kill(gateway.process.pid, signal.SIGHUP)  # the terminal is open: this means reload
        wait_until(lambda: gateway.workers()[0]["reloads"] == 1)
        os.close(keyboard)
        assert gateway.process.wait(15) == 0
        assert not is_alive(store_pid(gateway))


def test_an_extra_child_is_awaited_and_replaced(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = ("127.0.0.1", port)
    extra = ChildSpec("files", "http.server", (str(port), "--bind", "127.0.0.1"), address)
    with serving(tmp_path, extra=(extra,)) as gateway:
        socket.create_connection(address).close()
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
        started = {int(pid) for pid in children.read_text().split()}
        known = {*gateway.ready.worker_pids, store_pid(gateway)}
        (child,) = started - known
        kill(child)
        wait_until(lambda: "files (pid" in gateway.log)
        wait_until(lambda: answers(address))


def test_a_start_that_takes_long_can_be_given_up(tmp_path: Path) -> None:
    extra = ChildSpec("never", "http.server", ("0", "--bind", "127.0.0.1"), ("127.0.0.1", 1))
    with launching(tmp_path, extra=(extra,)) as gateway:
        wait_until(lambda: (gateway.data_dir / "store" / "server.lock").exists())
        wait_until(lambda: (gateway.data_dir / "metrics").exists())
        gateway.process.terminate()
        assert gateway.process.wait(15) == 0
        assert not is_alive(store_pid(gateway))


def test_an_orphaned_store_is_found_by_a_later_command(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        kill(gateway.process.pid)
        gateway.process.wait()
        stop_store(gateway.data_dir)
        assert not is_alive(store_pid(gateway))
