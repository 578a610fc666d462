"""Starts the two sorts of children: workers, and the further processes of `ServeSettings.extra`."""

import os
import socket
import time
from collections.abc import Mapping, Sequence

import msgspec

from gateway.config.worker import Listener, WorkerSettings
from gateway.errors import ConfigError
from gateway.store.embedded import EmbeddedStore
from gateway.supervisor.child import Child
from gateway.supervisor.settings import ChildSpec, ServeSettings


class Surroundings(msgspec.Struct, frozen=True):
    """What was prepared before any child: sockets, store and the children's environment."""

    sockets: Sequence[socket.socket]
    store_url: str
    metrics_dir: str
    env: Mapping[str, str]
    embedded: EmbeddedStore | None = None


def start_worker(settings: ServeSettings, place: Surroundings, number: int) -> Child:
    """Start the worker of one number and hand it its settings."""
    child = Child(
        f"worker {number}",
        lambda inward, outward: ("gateway.supervisor.worker", str(inward), str(outward)),
        place.env,
        [sock.fileno() for sock in place.sockets],
    )
    child.tell(msgspec.json.encode(_settings_of_worker(settings, place, number)).decode())
    return child


def start_extra(spec: ChildSpec, env: Mapping[str, str], limit_s: float) -> Child:
    """Start a further process, and wait up to `limit_s` until it accepts connections.

    Raises ConfigError if it ends or does not answer.
    """
    child = Child(
        spec.name,
        lambda inward, _: ("gateway.supervisor.tether", str(inward), spec.module, *spec.args),
        env,
        (),
    )
    try:
        if spec.wait_for:
            _await_port(child, spec.wait_for, time.monotonic() + limit_s)
    except BaseException:
        child.process.kill()
        child.process.wait()
        child.close()
        raise
    return child


def _settings_of_worker(
    settings: ServeSettings, place: Surroundings, number: int
) -> WorkerSettings:
    return WorkerSettings(
        worker_id=number,
        workers=settings.workers,
        parent_pid=os.getpid(),
        data_dir=settings.data_dir,
        store_url=place.store_url,
        metrics_dir=place.metrics_dir,
        listeners=tuple(
            Listener(listen.name, listen.host, sock.getsockname()[1], sock.fileno())
            for listen, sock in zip(settings.listeners, place.sockets, strict=True)
        ),
        config_path=settings.config_path,
        app=settings.app,
        drain_notice_s=settings.drain_notice_s,
        drain_limit_s=settings.drain_limit_s,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
    )


def _await_port(child: Child, address: tuple[str, int], deadline: float) -> None:
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            raise ConfigError(f"{child.name} ended while starting")
        try:
            socket.create_connection(address, timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise ConfigError(f"{child.name} does not answer at {address[0]}:{address[1]}")
