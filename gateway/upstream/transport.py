"""What a transport is: one method that sends a request, and a reply that is read in chunks.

A transport turns everything foreign into `UpstreamError`, follows no redirect, keeps no cookie,
reads no proxy variable, asks for no compression and inflates none. Cancelling the task that awaits
`send` or `read` closes the connection to the provider at once.
"""

from typing import Protocol

from msgspec import Struct

from gateway.types.upstream import ReplyHead, UpstreamRequest
from gateway.upstream import failures


class Timeouts(Struct, frozen=True):
    """Time limits of one attempt, in seconds; `deadline` is a reading of `Clock.monotonic`.

    `connect_s` bounds the wait for a free connection, resolving, connecting and TLS together;
    `first_byte_s` the time from sending to complete reply headers; `gap_s` the silence between two
    chunks of the body. None of them outlasts `deadline`.
    """

    connect_s: float
    first_byte_s: float
    gap_s: float
    deadline: float


class Limits(Struct, frozen=True):
    """How many connections are held: open ones per origin, idle ones per origin, and for how long.

    `keepalive_s` should be shorter than the providers' own limit; theirs are 60 s and more.
    """

    max_connections: int = 512
    max_idle: int = 64
    keepalive_s: float = 30.0


class Reply(Protocol):
    """An open reply. Read it to the end or close it; both give the connection back."""

    @property
    def head(self) -> ReplyHead:
        """Status and headers, hop-by-hop ones and cookies removed."""
        ...

    async def read(self) -> bytes:
        """Return the next chunk of the body as it arrived, b"" at the end.

        Raises UpstreamError: TIMEOUT, CUT, BAD_REPLY. One reader at a time.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the reply; an unfinished one closes its connection. Harmless when repeated."""
        ...


class Transport(Protocol):
    """Sends requests to providers. The implementations pass one test suite."""

    async def send(self, request: UpstreamRequest, *, trusted: bool, timeouts: Timeouts) -> Reply:
        """Send a request and return its reply once the headers are there, whatever the status.

        `trusted` is False for endpoints that users supply: their addresses are judged. Raises
        UpstreamError: UNREACHABLE, ENDPOINT_REFUSED, TIMEOUT, BAD_REPLY (also for a redirect and
        for a compressed body), CUT, BAD_REQUEST (a URL or header that cannot be sent).
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


async def read_all(reply: Reply, max_bytes: int) -> bytes:
    """Return the whole body and close the reply. Raises UpstreamError(BAD_REPLY) beyond the limit."""
    chunks = bytearray()
    try:
        while chunk := await reply.read():
            chunks += chunk
            if len(chunks) > max_bytes:
                raise failures.bad_reply(
                    "sent a reply larger than we take", status=reply.head.status
                )
        return bytes(chunks)
    finally:
        await reply.aclose()
