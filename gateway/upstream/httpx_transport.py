"""The portable transport: anything that is an `httpx.AsyncBaseTransport`, our own dial by default.

`httpx.AsyncClient` is left out on purpose: cookies, redirects, proxy variables, default headers and
the rewriting of paths live in it, and a transport needs none of them.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Self

import httpx

from gateway.errors import UpstreamError
from gateway.types.clock import Clock
from gateway.types.upstream import ReplyHead, UpstreamRequest
from gateway.upstream import failures
from gateway.upstream.dial import Dialer
from gateway.upstream.dialled import DialledTransport
from gateway.upstream.failures import FOREIGN, Stage
from gateway.upstream.heads import WireRequest, prepare_request, read_reply_head
from gateway.upstream.transport import Limits, Reply, Timeouts


class HttpxTransport:
    """A `Transport` on httpx.

    Around a transport of your own (an egress proxy, HTTP/2, client certificates, a mock in tests)
    nothing judges addresses but that transport: give such a one trusted endpoints only.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        dialled = isinstance(inner, DialledTransport)  # no other tells when it has a connection
        self._first_stage = Stage.CONNECT if dialled else Stage.HEAD

    @classmethod
    def dialled(cls, dialer: Dialer, clock: Clock, limits: Limits = Limits()) -> Self:  # noqa: B008  # frozen
        """Return the transport for production: our dial, our pool."""
        return cls(DialledTransport(dialer, clock, limits), clock)

    async def send(self, request: UpstreamRequest, *, trusted: bool, timeouts: Timeouts) -> Reply:
        """Send a request; see `Transport.send`."""
        wire = prepare_request(request)
        wait = _Wait(timeouts, self._clock, self._first_stage)
        failure: UpstreamError
        try:
            async with wait.limit():
                outgoing = _outgoing(request, wire, wait, trusted=trusted)
                response = await self._inner.handle_async_request(outgoing)
        except FOREIGN as exc:
            failure = failures.from_exception(exc, wait.stage, trusted=trusted)
        except UpstreamError as exc:
            # A kept connection may have taken the request before a new one could not be made.
            exc.sent = exc.sent or wait.stage is not Stage.CONNECT
            raise
        else:
            return await self._open(response, timeouts)
        raise failure

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _open(self, response: httpx.Response, timeouts: Timeouts) -> "HttpxReply":
        try:
            head = read_reply_head(response.status_code, response.headers.raw)
        except UpstreamError:
            await response.aclose()
            raise
        return HttpxReply(head, response, timeouts, self._clock)


class HttpxReply:
    """A `Reply` over an httpx response whose body is read raw: nothing is inflated."""

    def __init__(
        self, head: ReplyHead, response: httpx.Response, timeouts: Timeouts, clock: Clock
    ) -> None:
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport returns an asynchronous body")
        self._head = head
        self._stream = response.stream
        self._chunks: AsyncIterator[bytes] = aiter(response.stream)
        self._timeouts = timeouts
        self._clock = clock
        self._ended = False
        self._closed = False

    @property
    def head(self) -> ReplyHead:
        """Status and headers."""
        return self._head

    async def read(self) -> bytes:
        """Return the next chunk; see `Reply.read`."""
        if self._ended:
            return b""
        if self._closed:
            raise failures.cut()
        failure: UpstreamError
        try:
            async with asyncio.timeout(self._time_for_a_chunk()):
                chunk = await self._next()
            if not chunk:
                self._ended = True
                await self.aclose()
            return chunk
        except FOREIGN as exc:
            failure = failures.from_exception(exc, Stage.BODY, trusted=True)
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()
        raise failure

    async def aclose(self) -> None:
        """Let go of the reply; see `Reply.aclose`."""
        if self._closed:
            return
        self._closed = True
        await self._stream.aclose()
        if isinstance(self._chunks, AsyncGenerator):
            await self._chunks.aclose()

    def _time_for_a_chunk(self) -> float:
        left = self._timeouts.deadline - self._clock.monotonic()
        if left <= 0:  # a body that never makes us wait would outrun a timer
            raise TimeoutError
        return min(self._timeouts.gap_s, left)

    async def _next(self) -> bytes:
        async for chunk in self._chunks:
            if chunk:
                return chunk
        return b""


class _Wait:
    """The wait for one reply head: first for a connection, then for the provider."""

    def __init__(self, timeouts: Timeouts, clock: Clock, stage: Stage) -> None:
        self.stage = stage
        self._timeouts = timeouts
        self._clock = clock
        self._limit: asyncio.Timeout | None = None

    @property
    def connect_s(self) -> float:
        """The time left for getting a connection."""
        return min(self._timeouts.connect_s, self._left())

    def limit(self) -> asyncio.Timeout:
        """Return the limit to wait under. Raises TimeoutError where no time is left."""
        left = self._left()
        if left <= 0:
            raise TimeoutError
        both = self._timeouts.connect_s + self._timeouts.first_byte_s
        self._limit = asyncio.timeout(min(both, left))
        return self._limit

    def begin_sending(self) -> None:
        """From now on the provider is on the clock."""
        self.stage = Stage.HEAD
        if self._limit is not None:
            now = asyncio.get_running_loop().time()
            self._limit.reschedule(now + min(self._timeouts.first_byte_s, self._left()))

    def _left(self) -> float:
        return self._timeouts.deadline - self._clock.monotonic()


def _outgoing(
    request: UpstreamRequest, wire: WireRequest, wait: _Wait, *, trusted: bool
) -> httpx.Request:
    """Write the request for httpx: `target` is sent byte for byte, since httpx rewrites paths."""
    extensions = {
        "target": wire.target,
        "wire": wire,
        "trusted": trusted,
        "connect_s": wait.connect_s,
        "sending": wait.begin_sending,
    }
    return httpx.Request(
        request.method,
        request.url,
        headers=list(wire.headers),
        content=request.body,
        extensions=extensions,
    )
