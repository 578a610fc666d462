"""Hard ends for a server process."""

import os
import signal

from gateway.store.embedded import EmbeddedStore
from tests.waiting import wait_until


def kill_server(server: EmbeddedStore) -> None:
    """Kill the server process and wait until it is gone."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.pid is None)


def signal_server(server: EmbeddedStore, sign: signal.Signals) -> None:
    """Send the server process a signal."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, sign)
