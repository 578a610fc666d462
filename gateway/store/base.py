"""What the other packages see of the store. One implementation: `store/client.py`."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

Argument = str | bytes | int | float
Command = tuple[Argument, ...]


class Script(Struct, frozen=True):
    """A Lua script that touches the keys of one slot only. Loaded by SHA, sent whole on a miss."""

    name: str
    source: str


class Server(Protocol):
    """One server of the store, for what is about a server and not about a key."""

    @property
    def shown(self) -> str:
        """Where it is, without a password."""
        ...

    async def run(self, *command: Argument) -> Any:
        """Run one command on it. Raises StoreAway, ResponseError."""
        ...

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands to it together and return their replies in order. Raises likewise."""
        ...


class Store(Protocol):
    """Commands are coalesced with those of other requests of the same moment into one pipeline.

    Every method raises `StoreAway` when the store does not answer in time; a command's own error
    (WRONGTYPE, a script's `error_reply`) raises `redis.exceptions.ResponseError`. Replies are as
    redis-py gives them undecoded: bytes, int, list, None. A cancelled caller cancels only its own
    wait, never the connection. A command goes to the server of its first argument, which must be a
    key; a command without one goes to any.
    """

    async def run(self, *command: Argument) -> Any:
        """Run one command and return its reply."""
        ...

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together (same slot, not atomic) and return their replies in order."""
        ...

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script; all `keys` share a hash tag."""
        ...

    async def servers(self) -> Sequence[Server]:
        """Return every server that holds keys: the only one, or the masters of a Cluster."""
        ...

    def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        """Yield every key that was there all the while, on whichever server, page by page.

        `kind` is the type as SCAN calls it. A key may come more than once. Where the pattern begins
        with a hash tag, only the server that has its slot is asked.
        """
        ...

    async def aclose(self) -> None:
        """Send what is queued and close the connections."""
        ...
