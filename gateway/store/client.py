"""The one implementation of `Store`: packs commands, picks the node, reads what came back."""

import hashlib
from collections.abc import Sequence
from typing import Any, Self

from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from gateway.errors import ConfigError, StoreAway
from gateway.store.address import Address, read_address
from gateway.store.base import Argument, Command, Script
from gateway.store.node import Greeting, Router, SingleNode
from gateway.store.pack import pack

DEFAULT_TIMEOUT_S = 0.25

_UNABLE = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "TRYAGAIN")
"""First words of replies by which a server says that it cannot do anything of the kind now."""


class RedisStore:
    """A store at one address. Make it with `connect`; close it with `aclose` or `async with`."""

    def __init__(self, address: Address, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.address = address
        self.mode: str | None = None
        """What the server says it is: "standalone", "cluster", "sentinel"; None before it has."""
        self.run_id: str | None = None
        """Which server process answered last; a new one may have lost its last second."""
        self.epoch = 0
        """Grows each time another server process answers than the one before."""
        self._shas: dict[Script, bytes] = {}
        self._router: Router = SingleNode(
            address, timeout_s=timeout_s, on_connected=self._note_connected
        )

    @property
    def healthy(self) -> bool:
        """Whether the store answered when last asked; costs nothing, for readiness."""
        return self._router.healthy

    async def ping(self) -> None:
        """Ask for a sign of life. Raises StoreAway."""
        await self.run("PING")

    async def run(self, *command: Argument) -> Any:
        """Run one command and return its reply. See `Store`."""
        return (await self._send((command,), command[1] if len(command) > 1 else None))[0]

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together and return their replies in order. See `Store`.

        All are sent; the first error reply among them is raised.
        """
        if not commands:
            return []
        return await self._send(commands, commands[0][1] if len(commands[0]) > 1 else None)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script by its SHA, or whole where the server does not know it. See `Store`."""
        sha = self._shas.get(script)
        if sha is None:
            digest = hashlib.sha1(script.source.encode(), usedforsecurity=False)
            sha = self._shas[script] = digest.hexdigest().encode()
        key = keys[0] if keys else None
        tail = (len(keys), *keys, *args)
        try:
            return (await self._send((("EVALSHA", sha, *tail),), key))[0]
        except NoScriptError:
            return (await self._send((("EVAL", script.source, *tail),), key))[0]

    async def aclose(self) -> None:
        """Send what is queued and close the connections."""
        await self._router.aclose()

    async def settled(self) -> None:
        """Wait until the first connection stands or has failed."""
        await self._router.settled()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _send(self, commands: Sequence[Command], key: Argument | None) -> list[Any]:
        data = b"".join([pack(command) for command in commands])
        replies = await self._router.link_for(key).submit(data, len(commands))
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise _judge(reply)
        return replies

    def _note_connected(self, greeting: Greeting) -> None:
        self.mode = greeting.mode
        if greeting.run_id != self.run_id:
            self.run_id = greeting.run_id
            self.epoch += 1


async def connect(url: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> RedisStore:
    """Return a store at `url`, after its first dial has succeeded or failed.

    It keeps dialling by itself: where `healthy` is False the caller decides whether to go on.
    Raises ConfigError for a URL that cannot be meant, and for a server that holds only a part of
    the keys (Cluster) or none (Sentinel).
    """
    store = RedisStore(read_address(url), timeout_s=timeout_s)
    await store.settled()
    if store.mode not in (None, "standalone"):
        await store.aclose()
        raise ConfigError(
            f"the server at {store.address.shown} is in {store.mode} mode, which this release "
            "does not support: use a single server"
        )
    return store


def _judge(error: ResponseError) -> Exception:
    """Tell 'the store cannot now' from 'this command is wrong'."""
    if isinstance(error, OutOfMemoryError):
        return StoreAway("the store is out of memory")
    if str(error).startswith(_UNABLE) or (error.status_code or "") in _UNABLE:
        return StoreAway("the store cannot serve this now")
    return error
