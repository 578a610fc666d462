"""A real Cluster: three masters (and replicas where asked for), started by the test as processes."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from gateway.store.binary import find_server
from tests.waiting import wait_until

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_500
CONFIG = """\
bind 127.0.0.1
port {port}
cluster-port {bus}
dir "{home}"
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout {timeout}
cluster-require-full-coverage {coverage}
cluster-replica-validity-factor 0
repl-diskless-sync-delay 0
appendonly yes
save ""
loglevel notice
logfile "{home}/server.log"
"""


class RunningNode:
    """One server process of a Cluster; `ask` runs a command on it."""

    def __init__(self, home: Path, *, coverage: bool, more: str = "") -> None:
        home.mkdir()
        self.home = home
        self.port, bus = _free_ports()
        config = CONFIG.format(
            port=self.port,
            bus=bus,
            home=home,
            timeout=NODE_TIMEOUT_MS,
            coverage="yes" if coverage else "no",
        )
        (home / "server.conf").write_text(config + more)
        self._client = Redis(port=self.port, socket_timeout=5)
        self._client.response_callbacks.clear()  # replies as the server sends them
        self.start()

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        self.process = subprocess.Popen(
            [find_server(), self.home / "server.conf"], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers)
        self.id = self.ask("CLUSTER MYID").decode()

    def ask(self, *command: str | bytes | int) -> Any:
        """Run one command on this node."""
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call]

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        self._client.connection_pool.disconnect()

    def pause(self) -> None:
        """Leave the process alive and deaf."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self.process.send_signal(signal.SIGCONT)

    def facts(self, command: str = "CLUSTER INFO") -> dict[str, str]:
        """Return what the node says of the Cluster, or of itself."""
        lines = self.ask(command).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def close(self) -> None:
        """Stop the process for good."""
        self.resume()
        self.kill()
        self._client.close()

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError, OSError):
            return bool(self._client.ping())
        return False


class RunningCluster:
    """Masters of a third of the slots each; `replicas[n]` follows `masters[n]`, if there are any."""

    def __init__(self, home: Path, *, replicas: bool = False, coverage: bool = True) -> None:
        self.home = home
        self._coverage = coverage
        self.replicas: list[RunningNode] = []
        self.spare: list[RunningNode] = []
        self.masters = [self._add(f"master{n}") for n in range(3)]
        self.replicas = [self._add(f"replica{n}") for n in range(3)] if replicas else []
        for n, master in enumerate(self.masters):
            master.ask("CLUSTER SET-CONFIG-EPOCH", n + 1)
            first, last = SLOTS * n // 3, SLOTS * (n + 1) // 3 - 1
            master.ask("CLUSTER ADDSLOTSRANGE", first, last)
        for other in self.nodes[1:]:
            self._meet(other)
        self._await_agreement(len(self.nodes))
        for master, replica in zip(self.masters, self.replicas, strict=False):
            replica.ask("CLUSTER REPLICATE", master.id)
        for replica in self.replicas:
            wait_until(lambda r=replica: r.facts("INFO").get("master_link_status") == "up")  # type: ignore[misc]

    @property
    def nodes(self) -> list[RunningNode]:
        """All nodes."""
        return [*self.masters, *self.replicas, *self.spare]

    @property
    def url(self) -> str:
        """The URL of one node, by which the others are found."""
        return f"redis://127.0.0.1:{self.masters[0].port}"

    def add_empty(self) -> RunningNode:
        """Let a master join that holds no slot yet."""
        node = self._add(f"spare{len(self.spare)}")
        self.spare.append(node)
        self._meet(node)
        self._await_agreement(len(self.nodes))
        return node

    def owner_of(self, key: str) -> RunningNode:
        """Return the master that holds a key, as the nodes see it."""
        slot = key_slot(key.encode())
        for node in self.nodes:
            if node.process.poll() is None and slot in _own_slots(node):
                return node
        raise AssertionError(f"nobody holds slot {slot}")

    def begin_move(self, slot: int, source: RunningNode, target: RunningNode) -> None:
        """Mark a slot as on its way; its keys are still where they were."""
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id)

    def move_keys(
        self, slot: int, source: RunningNode, target: RunningNode, count: int = 1_000
    ) -> int:
        """Move up to so many of the slot's keys, and return how many there were."""
        keys = source.ask("CLUSTER GETKEYSINSLOT", slot, count)
        if keys:
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *keys)
        return len(keys)

    def end_move(self, slot: int, source: RunningNode, target: RunningNode) -> None:
        """Give the slot to its new owner, and wait until all know of it.

        Nodes that are hurried from one move into the next fall out with each other over the epochs.
        """
        masters = [*self.masters, *self.spare]
        for node in (target, *(each for each in masters if each is not target)):
            node.ask("CLUSTER SETSLOT", slot, "NODE", target.id)
        wait_until(lambda: len({_ownership_as_seen_by(node) for node in masters}) == 1)

    def move(self, slot: int, source: RunningNode, target: RunningNode) -> None:
        """Move a slot with all its keys."""
        self.begin_move(slot, source, target)
        while self.move_keys(slot, source, target):
            pass
        self.end_move(slot, source, target)

    def flush(self) -> None:
        """Delete every key."""
        for node in self.masters:
            node.ask("FLUSHALL")
        wait_until(lambda: all(node.facts()["cluster_state"] == "ok" for node in self.masters))

    def close(self) -> None:
        """Stop all processes."""
        for node in self.nodes:
            node.close()

    def _add(self, name: str) -> RunningNode:
        return RunningNode(self.home / name, coverage=self._coverage)

    def _meet(self, node: RunningNode) -> None:
        bus = (node.home / "server.conf").read_text().split("cluster-port ")[1].split()[0]
        self.masters[0].ask("CLUSTER MEET", "127.0.0.1", node.port, bus)

    def _await_agreement(self, count: int) -> None:
        def agreed() -> bool:
            views = [node.facts() for node in self.nodes]
            return all(
                view["cluster_state"] == "ok" and view["cluster_known_nodes"] == str(count)
                for view in views
            )

        wait_until(agreed, 30)


def _ownership_as_seen_by(node: RunningNode) -> tuple[tuple[str, ...], ...]:
    """Return each node's id, epoch and slots."""
    lines = (line.split() for line in node.ask("CLUSTER NODES").decode().splitlines())
    return tuple(sorted((line[0], line[6], *line[8:]) for line in lines))


def _own_slots(node: RunningNode) -> set[int]:
    lines = node.ask("CLUSTER NODES").decode().splitlines()
    (mine,) = (line.split() for line in lines if "myself" in line)
    found: set[int] = set()
    for word in mine[8:]:
        first, _, last = word.partition("-")
        if not word.startswith("["):
            found |= set(range(int(first), int(last or first) + 1))
    return found


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


ClusterMaker = Callable[..., RunningCluster]


@pytest.fixture(scope="session")
def cluster() -> Iterator[RunningCluster]:
    """Three masters, shared by the run; a test that moves or stops anything takes `make_cluster`."""
    home = Path(tempfile.mkdtemp(prefix="gwcluster-"))
    running = RunningCluster(home)
    yield running
    running.close()
    shutil.rmtree(home)


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[ClusterMaker]:
    """Make a Cluster of the test's own."""
    with contextlib.ExitStack() as stack:

        def make(**options: bool) -> RunningCluster:
            running = RunningCluster(tmp_path / "cluster", **options)
            stack.callback(running.close)
            return running

        (tmp_path / "cluster").mkdir()
        yield make
