"""The reply's end of one HTTP exchange: sends, waits, and knows whether the client is still there."""

import asyncio
from collections.abc import Sequence

from gateway.sandbox.asgi import Header, Receive, Send


class Wire:
    """Wraps an ASGI `receive`/`send` pair once the request's body has been read.

    A watcher task reads `receive` from the first call that needs it; `close` ends it.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Send the status line and headers."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, data: bytes, *, more: bool = False) -> None:
        """Send a piece of the body; the last one has `more` False."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Send a complete reply."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [*headers, length])
        await self.body(body)

    async def wait(self, seconds: float) -> bool:
        """Let `seconds` pass, or less when the client hangs up; return whether it is still there."""
        watcher = self._watch()
        if seconds > 0:
            await asyncio.wait({watcher}, timeout=seconds)
        else:
            await asyncio.sleep(0)  # lets the loop read a disconnect, however fast we write
        return not watcher.done()

    async def hang(self) -> None:
        """Say nothing until the client hangs up."""
        await asyncio.wait({self._watch()})

    @property
    def left(self) -> bool:
        """Whether the client is known to have hung up."""
        return self._watcher is not None and self._watcher.done()

    def release(self) -> None:
        """End all waiting: the server is closing."""
        if self._watcher is not None:
            self._watcher.cancel()

    def abort(self) -> None:
        """Close the TCP connection at once, with nothing more sent.

        Reaches for the transport behind uvicorn's `receive`: ASGI has no word for this. Under
        another server it does nothing, and an unfinished reply is closed when the app returns.
        """
        transport = getattr(getattr(self._receive, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()

    async def close(self) -> None:
        """End the watcher."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})

    def _watch(self) -> asyncio.Task[None]:
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._until_left())
        return self._watcher

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
