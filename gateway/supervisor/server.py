"""uvicorn's server without its signal handling, told when it has started."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator

import uvicorn

from gateway.config.worker import AsgiCallable, WorkerSettings

KEEP_ALIVE_S = 75
"""Longer than clients and load balancers keep idle connections (httpx 5 s, AWS ALB 60 s): whoever
sends next must not be the one who finds it closed."""

CUT_GRACE_S = 0.3
"""For a cancelled request to write its last words before its connection is cut."""


class WorkerServer(uvicorn.Server):
    """A server that stops when told, never by a signal; `on_started` is called when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the worker: uvicorn's SIGTERM would close the listener at once."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the lifespan's start, listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def close_gracefully(self) -> None:
        """Close the listener and let requests in flight finish within the limit."""
        self.should_exit = True

    async def cut(self) -> None:
        """Close the listener, cancel what is in flight, and cut what does not end by itself."""
        self.config.timeout_graceful_shutdown = 0
        self.should_exit = True
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(CUT_GRACE_S)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def configure(settings: WorkerSettings, asgi: AsgiCallable) -> uvicorn.Config:
    """Return uvicorn's configuration: the fast parts, and nothing that adds what we did not ask."""
    return uvicorn.Config(
        asgi,
        loop="uvloop",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.drain_limit_s),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
