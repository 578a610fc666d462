"""Runs the sandbox: as a process of its own (`serve`), or in a thread beside a test."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from gateway.sandbox.app import Sandbox
from gateway.sandbox.clock import WallClock
from gateway.sandbox.world import World
from gateway.types.clock import Clock

_BACKLOG = 1024
_GRACE_S = 1
_KEEP_ALIVE_S = 75
_START_S = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

OnReady = Callable[[int], None]


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling; replies that wait are let go when it closes."""

    def __init__(
        self, sandbox: Sandbox, log_level: str | None, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                sandbox,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=log_level,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._sandbox = sandbox
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when connections are taken."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go what hangs on purpose, then close."""
        self._sandbox.release()
        await super().shutdown(sockets)


async def serve_async(
    host: str,
    port: int,
    fd: int | None = None,
    clock: Clock | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    `port` 0 takes a free one; `fd` is a listening socket to use instead of host and port. `on_ready`
    is told the port when connections are taken. Raises OSError when the address cannot be bound.
    """
    listener = _listen(host, port, fd)
    bound = int(listener.getsockname()[1])
    server = _Server(
        Sandbox(clock or WallClock()), "critical", lambda: on_ready(bound) if on_ready else None
    )
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop, server)
    try:
        await server.serve(sockets=[listener])
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def serve(
    host: str,
    port: int,
    fd: int | None = None,
    clock: Clock | None = None,
    on_ready: OnReady | None = None,
) -> None:
    """Serve in this process until SIGINT or SIGTERM; see `serve_async`."""
    factory = uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve_async(host, port, fd, clock, on_ready))


class RunningSandbox:
    """A sandbox in a thread. `url` has no trailing slash; `world` is what it remembers."""

    def __init__(self, url: str, world: World) -> None:
        self.url = url
        self.world = world


@contextlib.contextmanager
def start_sandbox(host: str = "127.0.0.1", clock: Clock | None = None) -> Iterator[RunningSandbox]:
    """Run a sandbox on a free port for the length of a `with`, beside whatever loop the caller has."""
    listener = _listen(host, 0, None)
    port = listener.getsockname()[1]
    sandbox = Sandbox(clock or WallClock())
    ready = threading.Event()
    server = _Server(sandbox, None, ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="sandbox")
    thread.start()
    try:
        if not ready.wait(_START_S):
            raise RuntimeError("the sandbox did not start")
        yield RunningSandbox(f"http://{host}:{port}", sandbox.world)
    finally:
        _stop(server)
        thread.join()


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _listen(host: str, port: int, fd: int | None) -> socket.socket:
    if fd is not None:
        return socket.socket(fileno=fd)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
