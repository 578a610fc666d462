"""One connection to one node, shared by all requests of a worker.

Commands submitted while the loop is busy leave in one write. Replies are matched to callers by
order alone, so the rule of this file is: a caller may walk away from its own future, but only the
tasks of the link touch the connection, every reply is read by them, and after any error or timeout
the connection is dropped with all that was in flight. No reply can reach another caller.
"""

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from gateway import metrics
from gateway.errors import StoreAway
from gateway.store.breaker import Breaker

log = logging.getLogger("gateway.store")

PING = b"*1\r\n$4\r\nPING\r\n"

MAX_QUEUED = 20_000
"""Calls waiting at one node; beyond it the node is not keeping up and new calls are refused."""

STALL_GRACE_S = 0.01

MAX_WRITE_BYTES = 1 << 20
"""Commands that leave in one write: bounds what a burst copies at a time."""


class LinkState(Enum):
    """`DOWN` is the open breaker; a probe that succeeds closes it."""

    TRYING = "trying"
    UP = "up"
    DOWN = "down"
    CLOSED = "closed"


class Call:
    """Commands of one caller that travel together, and the future that gets their replies."""

    __slots__ = ("count", "data", "expires", "future", "replies")

    def __init__(self, data: bytes, count: int, future: "asyncio.Future[list[Any]]") -> None:
        self.data = data
        self.count = count
        self.future = future
        self.expires = 0.0
        self.replies: list[Any] = []

    def take(self, reply: Any) -> bool:
        """Keep one reply; True once the call is complete."""
        self.replies.append(reply)
        if len(self.replies) < self.count:
            return False
        if not self.future.done():  # a cancelled caller has left; its reply ends here
            self.future.set_result(self.replies)
        return True

    def fail(self, why: str) -> None:
        """Tell the caller, if it still waits, that the store is away."""
        if not self.future.done():
            metrics.STORE_FAILURES.inc()
            self.future.set_exception(StoreAway(why))


class Link:
    """A queue in front of one connection, which it dials again when it breaks.

    `dial` returns a connection that has answered its first command, and cleans up after itself
    when cancelled. `timeout_s` bounds a dial and the wait for the reply of a written call.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[AbstractConnection]],
        *,
        timeout_s: float,
        breaker: Breaker | None = None,
    ) -> None:
        self.state = LinkState.TRYING
        self._dial = dial
        self._timeout_s = timeout_s
        self._breaker = breaker or Breaker()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Call] = deque()
        self._in_flight: deque[Call] = deque()
        self._work = asyncio.Event()
        self._sent = asyncio.Event()
        self._settled = asyncio.Event()
        self._task = self._loop.create_task(self._run(), name="store-link")

    async def settled(self) -> None:
        """Wait until the first dial has succeeded or failed."""
        await self._settled.wait()

    def submit(self, data: bytes, count: int) -> "asyncio.Future[list[Any]]":
        """Queue packed commands; the future yields `count` replies, error replies among them.

        A call whose caller has left before it was written is not sent. Raises StoreAway at once
        while the breaker is open, and when too many calls wait.
        """
        if self.state is LinkState.DOWN or self.state is LinkState.CLOSED:
            metrics.STORE_FAILURES.inc()
            raise StoreAway("the store is away")
        if len(self._waiting) >= MAX_QUEUED:
            metrics.STORE_FAILURES.inc()
            raise StoreAway("too many calls wait for the store")
        call = Call(data, count, self._loop.create_future())
        self._waiting.append(call)
        self._work.set()
        return call.future

    async def aclose(self) -> None:
        """Give queued calls up to the timeout to finish, then close the connection."""
        with contextlib.suppress(StoreAway, TimeoutError):
            # Replies come in order: when this one is here, all before it are.
            await asyncio.wait_for(self.submit(PING, 1), self._timeout_s)
        self.state = LinkState.CLOSED
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                rest_s = await self._live_once()
                self.state = LinkState.DOWN if rest_s else LinkState.TRYING
                if rest_s:
                    self._fail_all("the store is away")
                    self._settled.set()
                    await asyncio.sleep(rest_s)
        finally:
            self.state = LinkState.CLOSED
            self._fail_all("the store is closed")
            self._settled.set()

    async def _live_once(self) -> float:
        """Dial and serve until the connection breaks; return the seconds to rest."""
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._dial()
        except (RedisError, OSError, TimeoutError):
            return self._breaker.failed(self._loop.time())
        self.state = LinkState.UP
        self._breaker.connected(self._loop.time())
        self._settled.set()
        try:
            await self._serve(connection)
        finally:
            self._fail_in_flight()
            await connection.disconnect(nowait=True)
        return self._breaker.failed(self._loop.time())

    async def _serve(self, connection: AbstractConnection) -> None:
        tasks = [
            self._loop.create_task(self._write(connection), name="store-write"),
            self._loop.create_task(self._read(connection), name="store-read"),
            self._loop.create_task(self._watch(), name="store-watch"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, RedisError | OSError):
                # Ours or redis-py's fault; a new connection is still the best answer to it.
                log.error("the store connection failed", exc_info=end)

    async def _write(self, connection: AbstractConnection) -> None:
        if self._waiting:
            self._work.set()
        while True:
            await self._work.wait()
            self._work.clear()
            # Asked each time, because redis-py would connect again by itself, and greet nobody.
            while connection.is_connected and (batch := self._next_write()):
                await connection.send_packed_command(batch, check_health=False)
            if not connection.is_connected:
                return  # what was not written waits for the next connection

    def _next_write(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        expires = self._loop.time() + self._timeout_s
        while self._waiting and size < MAX_WRITE_BYTES:
            call = self._waiting.popleft()
            if call.future.done():
                continue
            call.expires = expires
            self._in_flight.append(call)
            batch.append(call.data)
            size += len(call.data)
        if batch:
            self._sent.set()
        return [b"".join(batch)] if batch else batch

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            try:
                reply = await connection.read_response(disable_decoding=True, timeout=math.inf)
            except ReadOnlyError:
                return  # this node is no primary any more: dial again, ask where the primary is
            except ResponseError as exc:
                reply = exc
            if not self._in_flight:
                return  # a reply nobody asked for: the order is lost
            if self._in_flight[0].take(reply):
                self._in_flight.popleft()

    async def _watch(self) -> None:
        """End the connection when its oldest call has waited too long."""
        while True:
            if not self._in_flight:
                self._sent.clear()
                await self._sent.wait()
                continue
            oldest = self._in_flight[0]
            await asyncio.sleep(oldest.expires - self._loop.time())
            if self._is_first(oldest):
                # If it was our own loop that stalled, the reply may lie in the socket, and a loop
                # may run its timers before it reads: let it read first.
                await asyncio.sleep(STALL_GRACE_S)
            if self._is_first(oldest):
                return

    def _is_first(self, call: Call) -> bool:
        return bool(self._in_flight) and self._in_flight[0] is call

    def _fail_in_flight(self) -> None:
        while self._in_flight:
            self._in_flight.popleft().fail("the store did not answer")

    def _fail_all(self, why: str) -> None:
        self._fail_in_flight()
        while self._waiting:
            self._waiting.popleft().fail(why)
