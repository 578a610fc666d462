"""A steady load on a gateway: so many requests a second, whether it keeps up or not."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Call(Struct, frozen=True):
    """One request of a load."""

    method: str
    path: str
    token: str
    body: Any = None

    def to_bytes(self, host: str) -> bytes:
        """Return it as it goes over the wire."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nhost: {host}\r\n"
            f"authorization: Bearer {self.token}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Load:
    """Sends `next_call()` at a rate over a few kept connections, and counts what comes back.

    Anything but a 2xx, a broken connection included, is a failure. Latency is counted from the
    moment at which a request was due.
    """

    def __init__(self, url: str, next_call: Callable[[int], Call], rate: float) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._next_call = next_call
        self._rate = rate
        self._connections: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        self.sent = 0
        self.latencies_s: list[tuple[float, float]] = []  # when it was due, how long it took
        self.failures: Counter[str] = Counter()

    async def run(self, until: asyncio.Event, most_connections: int = 48) -> None:
        """Send until told to stop, then wait for what is under way."""
        for _ in range(most_connections):
            self._connections.put_nowait(_Connection(self._host, self._port))
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            while not until.is_set():
                due = started + self.sent / self._rate
                await asyncio.sleep(max(due - time.monotonic(), 0))
                tasks.create_task(self._send(self._next_call(self.sent), due))
                self.sent += 1
        while not self._connections.empty():
            await self._connections.get_nowait().aclose()

    def percentile_ms(self, share: float, since: float = 0, to: float = float("inf")) -> float:
        """Return a percentile of the latencies of requests due in this time."""
        found = sorted(took for due, took in self.latencies_s if since <= due <= to)
        return found[min(int(len(found) * share), len(found) - 1)] * 1000 if found else 0.0

    async def _send(self, call: Call, due: float) -> None:
        connection = await self._connections.get()
        try:
            status, body = await connection.send(call)
            if not 200 <= status < 300:
                self.failures[f"{call.method} {call.path}: {status} {body[:200]!r}"] += 1
        except (OSError, EOFError, ValueError) as error:
            await connection.aclose()
            self.failures[f"{call.method} {call.path}: {type(error).__name__}"] += 1
        finally:
            self._connections.put_nowait(connection)
        self.latencies_s.append((due, time.monotonic() - due))


class _Connection:
    """One kept connection; dialled at its first use."""

    def __init__(self, host: str, port: int) -> None:
        self._place = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, call: Call) -> tuple[int, bytes]:
        """Send one request and return status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place)
        reader, writer = self._streams
        writer.write(call.to_bytes(self._place[0]))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if "transfer-encoding: chunked" in head:
            return int(head[9:12]), await _read_chunks(reader)
        length = head.partition("content-length: ")[2].partition("\r\n")[0]
        return int(head[9:12]), await reader.readexactly(int(length or 0))

    async def aclose(self) -> None:
        """Close the connection; the next use dials anew."""
        if self._streams is not None:
            self._streams[1].close()
            await asyncio.gather(self._streams[1].wait_closed(), return_exceptions=True)
            self._streams = None


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
