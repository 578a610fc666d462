"""A scripted TCP server on 127.0.0.1 that can send anything, invalid HTTP included.

A scene is a coroutine that plays one connection (`raw_scenes.py` makes plain ones from steps):

    async def scene(peer: Peer) -> None:
        request = await peer.read_request()
        peer.send(reply(b"half", length=10))
        peer.reset()

    async with serve_raw(scene) as upstream:
        ...                                  # upstream.url, upstream.requests, upstream.opened
        await upstream.until(lambda: upstream.closed == 1)

Counters are kept whether or not the scene reads: that a connection was closed is seen at once.
A scene that raises fails the test when the server stops; one that outlives its peer just ends.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

from msgspec import Struct

Scene = Callable[["Peer"], Awaitable[None]]


class PeerGone(Exception):
    """The other side closed while a scene wanted something of it. Ends the scene, quietly."""


class SeenRequest(Struct, frozen=True):
    """A request as it arrived: `head` is the exact bytes, header names are lower-case."""

    head: bytes
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for found, value in self.headers if found == name), None)


class Peer(asyncio.Protocol):
    """One connection, seen from the server's side."""

    def __init__(self, upstream: "RawUpstream") -> None:
        self.upstream = upstream
        self.number = 0  # 0 for the server's first connection, 1 for its second
        self.gone = False  # the other side closed, or we did
        self._transport: asyncio.Transport | None = None
        self._full = False
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        self._lost = asyncio.Event()
        self._scene: asyncio.Task[None] | None = None

    # What a scene does.

    async def read_head(self) -> bytes:
        """Return the bytes of a request's head, the empty line included."""
        return await self._take_through(b"\r\n\r\n")

    async def read(self, count: int) -> bytes:
        """Return that many bytes."""
        return await self._take(count)

    async def read_request(self) -> SeenRequest:
        """Read a whole request and count it."""
        head = await self.read_head()
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        pairs = [line.split(":", 1) for line in lines[1:] if line]
        headers = tuple((name.lower(), value.strip()) for name, value in pairs)
        length = int(dict(headers).get("content-length", "0"))
        seen = SeenRequest(head, method, target, headers, await self._take(length))
        self.upstream.requests.append(seen)
        self.upstream.changed()
        return seen

    def send(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        if self.gone or self._transport is None:
            raise PeerGone
        self._transport.write(data)
        self.upstream.bytes_out += len(data)
        self.upstream.changed()

    async def trickle(self, data: bytes, *, every_s: float, size: int = 1) -> None:
        """Send bytes in small pieces, with a pause after each."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            await self.pause(every_s)

    async def pause(self, seconds: float) -> None:
        """Be silent for a while; ends early, with PeerGone, when the other side closes."""
        try:
            async with asyncio.timeout(seconds):
                await self.hang()
        except TimeoutError:
            return
        raise PeerGone

    async def hang(self) -> None:
        """Be silent until the other side closes."""
        while not self.gone:
            await self._wait()

    async def drained(self) -> None:
        """Wait until the other side has taken most of what was sent; `upstream.stalled` tells."""
        while self._full and not self.gone:
            await self._wait()
        await asyncio.sleep(0)

    def stop_reading(self) -> None:
        """Leave what arrives in the kernel, so that the sender's buffers fill."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on after `stop_reading`."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close in order: what was sent is delivered, then FIN."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close with RST, once what was sent has left our buffer."""
        if self._transport is None:
            return
        sock = cast("socket.socket", self._transport.get_extra_info("socket"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.number = self.upstream.opened
        self.upstream.opened += 1
        self.upstream.peers.append(self)
        self._scene = asyncio.ensure_future(self.upstream.play_scene(self))
        self.upstream.changed()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self.upstream.bytes_in += len(data)
        self._changed.set()
        self.upstream.changed()

    def eof_received(self) -> None:
        self._leave()

    def pause_writing(self) -> None:
        self._full = self.upstream.stalled = True
        self.upstream.changed()

    def resume_writing(self) -> None:
        self._full = False
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._lost.set()

    # Inside.

    async def stop(self) -> None:
        """End the scene and the connection."""
        if self._scene is not None:
            self._scene.cancel()
            await asyncio.gather(self._scene, return_exceptions=True)
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()

    def _leave(self) -> None:
        if not self.gone:
            self.gone = True
            self.upstream.closed += 1
            self._changed.set()
            self.upstream.changed()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if self.gone:
                raise PeerGone
            await self._wait()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    async def _take_through(self, mark: bytes) -> bytes:
        while (found := self._buffer.find(mark)) < 0:
            if self.gone:
                raise PeerGone
            await self._wait()
        return await self._take(found + len(mark))


class RawUpstream:
    """The server: its address, what it saw, and its counters."""

    def __init__(self, scene: Scene) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.scheme = "http"
        self.opened = 0  # connections accepted (with TLS: after the handshake)
        self.closed = 0  # of these, closed by either side
        self.bytes_in = 0
        self.bytes_out = 0
        self.stalled = False  # some connection's buffers are or were full
        self.requests: list[SeenRequest] = []
        self.peers: list[Peer] = []
        self.faults: list[Exception] = []  # what scenes raised
        self._scene = scene
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """`scheme://127.0.0.1:port`, no trailing slash."""
        return f"{self.scheme}://{self.host}:{self.port}"

    async def until(self, condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
        """Wait until something that this server can see is so. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def changed(self) -> None:
        """Wake those who wait in `until`."""
        self._changed.set()

    async def play_scene(self, peer: Peer) -> None:
        """Play one connection and keep what went wrong; a scene that returns leaves it open."""
        try:
            await self._scene(peer)
        except PeerGone:
            pass
        except Exception as exc:  # noqa: BLE001  # raised again when the server stops
            self.faults.append(exc)
            peer.close()


@asynccontextmanager
async def serve_raw(
    scene: Scene, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawUpstream]:
    """Listen on a free port of 127.0.0.1, play `scene` on every connection, and stop at the end."""
    upstream = RawUpstream(scene)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(upstream), upstream.host, 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    upstream.scheme = "https" if tls else "http"
    try:
        yield upstream
    finally:
        for _ in range(5):  # steps in which connections made just now get their peer
            await asyncio.sleep(0)
        server.close()
        for peer in upstream.peers:
            await peer.stop()
        await server.wait_closed()
    if upstream.faults:
        raise ExceptionGroup("a scene of the raw upstream failed", upstream.faults)
