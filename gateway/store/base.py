"""What the other packages see of the store. One implementation: `store/client.py`."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

Argument = str | bytes | int | float
Command = tuple[Argument, ...]


class Script(Struct, frozen=True):
    """A Lua script that touches the keys of one slot only. Loaded by SHA, sent whole on a miss."""

    name: str
    source: str


class Store(Protocol):
    """Commands are coalesced with those of other requests of the same moment into one pipeline.

    Every method raises `StoreAway` when the store does not answer in time; a command's own error
    (WRONGTYPE, a script's `error_reply`) raises `redis.exceptions.ResponseError`. Replies are as
    redis-py gives them undecoded: bytes, int, list, None. A cancelled caller cancels only its own
    wait, never the connection.
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

    async def aclose(self) -> None:
        """Send what is queued and close the connections."""
        ...
