"""Keeps a streamed answer alive while nothing comes: proxies and clients give silence up.

Before the first event the head is held back, so that a fallback can still change what it says. If
nothing came for `stream.commit_after_s`, the head goes out without the headers that name the
answer, and a comment every `stream.keepalive_s` from then on. Comments are not events: fallback
stays possible until the first event is written.
"""

import asyncio
from collections.abc import Mapping
from typing import Self

from gateway.config.schema import Stream
from gateway.errors import GatewayError
from gateway.exchange import STREAM_HEADERS, Downstream
from gateway.wire.errors import error_body
from gateway.wire.sse import encode_event

_COMMENT = b": keep-alive\n\n"


class KeepAlive:
    """A downstream that speaks up by itself in silence. Use it as a context manager."""

    def __init__(self, downstream: Downstream, timing: Stream, *, enabled: bool) -> None:
        self._downstream = downstream
        self._timing = timing
        self._enabled = enabled
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._comment: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        if self._enabled:
            self._timer = self._loop.call_later(self._timing.commit_after_s, self._tick)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()

    @property
    def started(self) -> bool:
        """Whether the head is out."""
        return self._downstream.started

    @property
    def ended(self) -> bool:
        """Whether the last byte is out."""
        return self._downstream.ended

    @property
    def is_event_stream(self) -> bool:
        """Whether the head said that events follow."""
        return self._downstream.is_event_stream

    @property
    def outlives_client(self) -> bool:
        """Whether the answer is read to its end even if the client hangs up."""
        return self._downstream.outlives_client

    @property
    def is_muted(self) -> bool:
        """Whether the client has hung up."""
        return self._downstream.is_muted

    def outlive_client(self) -> None:
        """Read the answer to its end even if the client hangs up."""
        self._downstream.outlive_client()

    def mute(self) -> None:
        """Let what is written from now on go nowhere."""
        self._downstream.mute()

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the response head."""
        await self._downstream.start(status, headers)

    async def write(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body."""
        self._last = self._loop.time()
        await self._downstream.write(data, more=more)

    async def fail(self, error: GatewayError) -> None:
        """End an answer that has a head but no event with an error event; else do nothing."""
        if self.started:
            await self.write(encode_event(error_body(error)), more=False)

    def _tick(self) -> None:
        idle = self._loop.time() - self._last
        patience = self._timing.keepalive_s if self.started else self._timing.commit_after_s
        # A little early counts: timers and clocks differ by less than a millisecond.
        if idle + 0.001 >= patience and (self._comment is None or self._comment.done()):
            self._comment = self._loop.create_task(self._speak())
            idle, patience = 0.0, self._timing.keepalive_s
        self._timer = self._loop.call_later(max(patience - idle, 0.001), self._tick)

    async def _speak(self) -> None:
        if not self.started:
            await self.start(200, STREAM_HEADERS)
        await self.write(_COMMENT, more=True)
