"""The three callables of ASGI 3, and the refusals of a body that cannot be read."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from msgspec import Struct

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

Header = tuple[bytes, bytes]


class Call(Struct, frozen=True):
    """One HTTP request as it arrived. `path` is below the format's prefix; header names are lower-case.

    `raw_path` is the whole path as it was on the wire, still percent-encoded; `received` is when,
    in Unix seconds. A signed request needs both.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    raw_path: str = ""
    received: float = 0.0

    def header(self, name: str) -> str:
        """Return a header's value by its lower-case name, "" where it is absent."""
        return self.headers.get(name, "")


class BodyTooLarge(Exception):
    """The request's body is longer than any vendor takes."""


class ClientLeft(Exception):
    """The client hung up before its request was complete."""


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """Return the whole request body.

    Raises BodyTooLarge past `max_bytes`, ClientLeft when the client hangs up first.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            raise BodyTooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
