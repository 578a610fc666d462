"""The bytes of one connection, as httpcore reads and writes them.

It honours no time limits of its own: the transport cancels, and a cancelled read or write leaves
the decision to abort with its owner.
"""

import asyncio
import ssl
from typing import Any, cast

import httpcore

from gateway.upstream import failures

_PAUSE_ABOVE = 256 * 1024  # bytes buffered before we stop reading from the socket
MAX_HEAD_READ = 192 * 1024
"""Bytes we read while waiting for the final head: 1xx replies and one body buffer included."""


class SocketStream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connected socket, TLS already done. `received` counts bytes since `begin_request`."""

    def __init__(self) -> None:
        self.received = 0
        self.exhausted = False  # a reader has met the end, clean or not
        self._ended = False  # the peer closed, or the connection is lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._broken = False
        self._reading_paused = False
        self._head_left: int | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._closed = asyncio.Event()
        self._writing_paused = False

    def begin_request(self) -> None:
        """Count anew, and bound what may arrive before the reply's head is complete."""
        self.received = 0
        self._head_left = MAX_HEAD_READ

    def end_head(self) -> None:
        """The reply's head is complete: the bound on it no longer holds."""
        self._head_left = None

    @property
    def is_quiet(self) -> bool:
        """Open, and nothing has arrived: fit to carry another request."""
        return not (self._ended or self._buffer or self._transport is None)

    def abort(self) -> None:
        """Close at once, dropping what is still to be sent; a reader is told, not shown an end."""
        self._broken = True
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        await self._closed.wait()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # Not checked: uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep bytes until they are read; a reader that is slow stops the socket."""
        self.received += len(data)
        self._buffer += data
        self._readable.set()
        if self._writing_paused:  # an answer before we are done: let the writer look at it
            self._writable.set()
        if len(self._buffer) > _PAUSE_ABOVE and not self._reading_paused and self._transport:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Remember that the peer is done; asyncio then closes our side as well."""
        self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everybody who waits."""
        self._broken = self._broken or exc is not None
        self._finish()
        self._closed.set()

    def pause_writing(self) -> None:
        """Hold writers back."""
        self._writing_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writing_paused = False
        self._writable.set()

    # What httpcore calls.

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002  # httpcore's interface
    ) -> bytes:
        """Return what has arrived, b"" at the end. Raises httpcore.ReadError on a broken connection.

        Raises UpstreamError(BAD_REPLY) for a head without end.
        """
        while not self._buffer:
            if self._ended:
                self.exhausted = True
                if self._broken:
                    raise httpcore.ReadError
                return b""
            self._readable.clear()
            await self._readable.wait()
        data = bytes(self._buffer[:max_bytes])
        del self._buffer[:max_bytes]
        if self._reading_paused and len(self._buffer) < _PAUSE_ABOVE // 2 and self._transport:
            self._reading_paused = False
            self._transport.resume_reading()
        if self._head_left is not None:
            self._head_left -= len(data)
            if self._head_left < 0:
                raise failures.bad_reply("sent headers without end")
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002  # httpcore's interface
    ) -> None:
        """Send bytes. Raises httpcore.WriteError if the peer is gone, or has already answered.

        httpcore then reads the reply, which may be a good one. What was written still goes out
        until the connection is closed, so a 1xx reply in the midst of a body does no harm.
        """
        if not buffer:
            return
        if self._ended or self._transport is None or self._transport.is_closing():
            raise httpcore.WriteError
        self._transport.write(buffer)
        if self._writing_paused:
            await self._writable.wait()
            if self._writing_paused:
                raise httpcore.WriteError

    async def aclose(self) -> None:
        """Close at once."""
        self.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: `dial.py` has done TLS before anybody sees this stream."""
        raise NotImplementedError

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore's only question: whether an idle connection has something to read."""
        return not self.is_quiet if info == "is_readable" else None

    def _finish(self) -> None:
        self._ended = True
        self._readable.set()
        self._writable.set()
