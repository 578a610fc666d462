"""httpx's network, with our dial and our pool under it: HTTP/1.1 by httpcore's connection."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from functools import partial

import httpcore
import httpx

from gateway.types.clock import Clock
from gateway.upstream import failures
from gateway.upstream.dial import Dialer
from gateway.upstream.heads import WireRequest
from gateway.upstream.pool import Lease, Pool, PoolKey
from gateway.upstream.stream import SocketStream
from gateway.upstream.transport import Limits

_GONE = (httpcore.NetworkError, httpcore.RemoteProtocolError)


class _Http11(httpcore.AsyncHTTP11Connection):
    """httpcore's connection, and a look into its buffer.

    httpcore would hand bytes that follow a complete reply to the next request (finding in
    `pool.py`). `_h11_state` is private to httpcore; a test over real sockets watches this use.
    """

    @property
    def has_leftover(self) -> bool:
        """Whether bytes lie in the parser that no reply accounts for."""
        leftover, _ = self._h11_state.trailing_data
        return bool(leftover)


class _Connection:
    """One connection as pool and transport see it."""

    def __init__(self, stream: SocketStream, http: _Http11, is_allowed: Callable[[], bool]) -> None:
        self.stream = stream
        self.http = http
        self._is_allowed = is_allowed

    @property
    def reusable(self) -> bool:
        """Idle, quiet, nothing left over, and the peer's address allowed by the policy of now."""
        idle = self.http.is_idle() and self.stream.is_quiet
        return idle and not self.http.has_leftover and self._is_allowed()

    def abort(self) -> None:
        """Close at once."""
        self.stream.abort()

    async def wait_closed(self) -> None:
        """Wait for the socket."""
        await self.stream.wait_closed()


class _Body(httpx.AsyncByteStream):
    """A reply's body, which gives its connection back at the end and closes it if left before."""

    def __init__(
        self, pool: Pool[_Connection], lease: Lease[_Connection], response: httpcore.Response
    ) -> None:
        if not isinstance(response.stream, AsyncIterable):
            raise TypeError("httpcore's asynchronous connection returns an asynchronous body")
        self._pool = pool
        self._lease = lease
        self._response = response
        self._chunks = aiter(response.stream)
        self._reading = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._reading = True
        try:
            chunk = await self._next()
        finally:
            self._reading = False
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def _next(self) -> bytes:
        nonsense = False
        try:
            chunk = await anext(self._chunks, b"")
            if not chunk:
                await self._response.aclose()  # httpcore calls the connection idle only now
                self._pool.release(self._lease)
            return chunk
        except httpcore.RemoteProtocolError:
            nonsense = not self._lease.connection.stream.exhausted
        except httpcore.NetworkError:
            pass
        except BaseException:
            self._pool.release(self._lease)
            raise
        self._pool.release(self._lease)
        raise failures.bad_reply("broke off into what is not HTTP") if nonsense else failures.cut()

    async def aclose(self) -> None:
        """Close the connection unless the body was read to its end."""
        if self._lease.released:
            return
        self._lease.connection.abort()
        self._pool.release(self._lease)
        if isinstance(self._chunks, AsyncGenerator) and not self._reading:
            await self._chunks.aclose()


class DialledTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests over connections that `Dialer` opened.

    Reads from `request.extensions`: `wire` (a `WireRequest`: origin, exact target, headers),
    `trusted`, `connect_s`, and `sending`, called without arguments once a connection is there.
    Raises httpcore exceptions, and UpstreamError for what only it can tell.
    """

    def __init__(self, dialer: Dialer, clock: Clock, limits: Limits) -> None:
        self._dialer = dialer
        self._pool = Pool(self._connect, limits, clock)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; once more where a kept connection proves to be closed, nothing read."""
        wire: WireRequest = request.extensions["wire"]
        key = PoolKey(wire.origin, request.extensions["trusted"])
        connect_s: float = request.extensions["connect_s"]
        lease = await self._acquire(key, connect_s)
        request.extensions["sending"]()
        response = await self._exchange(lease, request, wire)
        if response is None and lease.reused:
            lease = await self._acquire(key, connect_s, fresh=True)
            response = await self._exchange(lease, request, wire)
        if response is None:
            raise httpcore.ConnectError
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(self._pool, lease, response)
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _acquire(
        self, key: PoolKey, connect_s: float, *, fresh: bool = False
    ) -> Lease[_Connection]:
        try:
            return await self._pool.acquire(key, connect_s, fresh=fresh)
        except TimeoutError:
            pass
        raise failures.connect_timed_out(trusted=key.trusted)

    async def _exchange(
        self, lease: Lease[_Connection], request: httpx.Request, wire: WireRequest
    ) -> httpcore.Response | None:
        """Send on a connection; None if it ended before one byte of a reply."""
        stream = lease.connection.stream
        origin = wire.origin
        core = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=origin.scheme, host=origin.host, port=origin.port, target=wire.target
            ),
            headers=wire.headers,
            content=request.stream,
        )
        stream.begin_request()
        try:
            response = await lease.connection.http.handle_async_request(core)
        except BaseException as exc:
            self._pool.release(lease)
            if isinstance(exc, _GONE) and stream.exhausted and not stream.received:
                return None
            raise
        stream.end_head()
        return response

    async def _connect(self, key: PoolKey, timeout_s: float) -> _Connection:
        origin = key.origin
        stream, ip = await self._dialer.connect(
            SocketStream, origin, trusted=key.trusted, timeout_s=timeout_s
        )
        core_origin = httpcore.Origin(
            origin.scheme.encode(), origin.host.encode("ascii"), origin.port
        )
        permits = partial(self._dialer.permits, ip, origin.port, trusted=key.trusted)
        return _Connection(stream, _Http11(core_origin, stream), permits)
