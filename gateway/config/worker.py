"""What a worker process is told by its parent, and what it asks of the application it serves."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec import Struct

AsgiCallable = Callable[[Any, Any, Any], Awaitable[None]]


class Listener(Struct, frozen=True):
    """A bound, inherited listening socket. `scope["server"]` tells which one a request came by."""

    name: str  # "main" or "admin"
    host: str
    port: int
    fd: int


class WorkerSettings(Struct, frozen=True):
    """What differs between processes and deployments; everything else is in the config file.

    Sent through an inherited pipe, never an argument or a variable. `worker_id` is 0 … `workers`
    - 1; a replacement takes over the id of the dead, and with it whatever it left on disk. To have
    every worker reload, send SIGHUP to `parent_pid`. `store_url` is the embedded store's socket or
    the URL `serve` was given. Durations are seconds.
    """

    worker_id: int
    workers: int
    parent_pid: int
    data_dir: str
    store_url: str
    metrics_dir: str
    listeners: tuple[Listener, ...]
    config_path: str | None = None
    app: str = "gateway.app:create_app"
    drain_notice_s: float = 3.0
    drain_limit_s: float = 120.0
    tls_cert: str | None = None  # PEM files; both or none
    tls_key: str | None = None

    def __repr__(self) -> str:
        # The store's URL may hold a password.
        return f"WorkerSettings(worker {self.worker_id} of {self.workers}, {self.data_dir!r})"


class WorkerApp(Protocol):
    """What an application factory returns."""

    @property
    def asgi(self) -> AsgiCallable:
        """The ASGI application; its lifespan is run, and its failure to start ends the worker."""
        ...

    async def reload(self) -> None:
        """Read the configuration again. Never raises: a bad file is logged and changes nothing."""
        ...

    def begin_drain(self) -> None:
        """Readiness is false from now on; requests go on being served for `drain_notice_s`."""
        ...


AppFactory = Callable[[WorkerSettings], WorkerApp]
"""Builds the application of one worker. Raises ConfigError for a configuration that cannot serve."""
