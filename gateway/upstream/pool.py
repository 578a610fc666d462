"""Keep-alive connections, per origin and per policy, for whichever transport needs them.

Our own because httpcore 1.0.9's pool has two faults a gateway cannot live with (measured November
2026): it reuses a connection in whose buffer lie bytes nobody asked for, so that the next request
reads them as its reply; and a cancel that lands in the step in which a queued request is given its
connection loses that slot for ever.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from gateway.types.clock import Clock
from gateway.upstream.origin import Origin
from gateway.upstream.transport import Limits


class PoolKey(Struct, frozen=True):
    """What may share a connection: the same origin under the same policy (C-09)."""

    origin: Origin
    trusted: bool


class Pooled(Protocol):
    """A connection as the pool sees it. Nothing here may wait."""

    @property
    def reusable(self) -> bool:
        """Whether the last reply is complete, the peer is there, and its address still allowed."""
        ...

    def abort(self) -> None:
        """Close at once. Harmless when repeated."""
        ...

    async def wait_closed(self) -> None:
        """Wait until the socket is closed, after `abort`."""
        ...


C = TypeVar("C", bound=Pooled)


class Lease(Generic[C]):
    """One request's hold on a connection. `reused`: the connection has served a reply before."""

    __slots__ = ("connection", "key", "released", "reused")

    def __init__(self, key: PoolKey, connection: C, *, reused: bool) -> None:
        self.key = key
        self.connection = connection
        self.reused = reused
        self.released = False


class _Place(Generic[C]):
    """The connections of one key: free slots, and idle connections with the time they expire."""

    __slots__ = ("holders", "idle", "slots")

    def __init__(self, slots: int) -> None:
        self.slots = asyncio.Semaphore(slots)
        self.holders = 0  # leases, and those who wait for one
        self.idle: deque[tuple[float, C]] = deque()


class Pool(Generic[C]):
    """Hands out connections; `connect` opens a new one."""

    def __init__(
        self, connect: Callable[[PoolKey, float], Awaitable[C]], limits: Limits, clock: Clock
    ) -> None:
        self._connect = connect
        self._limits = limits
        self._clock = clock
        self._places: dict[PoolKey, _Place[C]] = {}
        self._leases: set[Lease[C]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def acquire(self, key: PoolKey, timeout_s: float, *, fresh: bool = False) -> Lease[C]:
        """Wait for a free slot, then take the connection used last, or open one.

        `fresh` always opens one. Raises TimeoutError when no slot came free or the connection did
        not open in time, and what `connect` raises. Every lease must be released.
        """
        place = self._places.setdefault(key, _Place(self._limits.max_connections))
        place.holders += 1
        held = False
        try:
            async with asyncio.timeout(timeout_s):
                held = await place.slots.acquire()
                idle = None if fresh else self._take_idle(place)
                connection = idle or await self._connect(key, timeout_s)
        except BaseException:
            self._leave(key, place, held=held)
            raise
        lease = Lease(key, connection, reused=idle is not None)
        self._leases.add(lease)
        return lease

    def release(self, lease: Lease[C]) -> None:
        """Give a connection back: kept if it can serve again, else closed. Harmless when repeated."""
        if lease.released:
            return
        lease.released = True
        self._leases.discard(lease)
        place = self._places[lease.key]
        keep = lease.connection.reusable and not self._closed and self._limits.max_idle > 0
        if keep:
            self._keep(place, lease.connection)
        else:
            lease.connection.abort()
        self._leave(lease.key, place, held=True)

    async def aclose(self) -> None:
        """Close every connection, those in use included, and wait until they are."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        closing = [lease.connection for lease in self._leases]
        for place in self._places.values():
            closing += [connection for _, connection in place.idle]
            place.idle.clear()
        for connection in closing:
            connection.abort()
        for connection in closing:
            await connection.wait_closed()

    def _take_idle(self, place: _Place[C]) -> C | None:
        now = self._clock.monotonic()
        while place.idle:
            expires, connection = place.idle.pop()
            if expires > now and connection.reusable:
                return connection
            connection.abort()
        return None

    def _keep(self, place: _Place[C], connection: C) -> None:
        place.idle.append((self._clock.monotonic() + self._limits.keepalive_s, connection))
        if len(place.idle) > self._limits.max_idle:
            place.idle.popleft()[1].abort()
        self._plan_sweep()

    def _plan_sweep(self) -> None:
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._limits.keepalive_s, self._close_expired)

    def _close_expired(self) -> None:
        self._sweep = None
        now = self._clock.monotonic()
        for key, place in list(self._places.items()):
            while place.idle and (place.idle[0][0] <= now or not place.idle[0][1].reusable):
                place.idle.popleft()[1].abort()
            if place.idle:
                self._plan_sweep()
            self._forget_if_empty(key, place)

    def _leave(self, key: PoolKey, place: _Place[C], *, held: bool) -> None:
        place.holders -= 1
        if held:
            place.slots.release()
        self._forget_if_empty(key, place)

    def _forget_if_empty(self, key: PoolKey, place: _Place[C]) -> None:
        if not place.holders and not place.idle:
            self._places.pop(key, None)
