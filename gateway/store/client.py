"""The one implementation of `Store`: packs commands, picks the node, reads what came back."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

from redis.exceptions import MovedError, NoScriptError, ResponseError

from gateway.errors import ConfigError, StoreAway
from gateway.store.address import Address, read_address
from gateway.store.base import Argument, Command, Script, Server
from gateway.store.cluster import Cluster
from gateway.store.node import Greeting, Node, Router, SingleNode
from gateway.store.pack import pack
from gateway.store.replies import is_elsewhere, raise_first_error
from gateway.store.scanning import scan

DEFAULT_TIMEOUT_S = 0.25


class RedisStore:
    """A store at one address, or the Cluster that the node there is of.

    Make it with `connect`; close it with `aclose` or `async with`.
    """

    def __init__(self, address: Address, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.address = address
        self.mode: str | None = None
        """What the server says it is: "standalone", "cluster", "sentinel"; None before it has."""
        self.run_id: str | None = None
        """Which server process answered last; a new one may have lost its last second."""
        self.epoch = 0
        """Grows each time another server process answers than the one before: in a Cluster, each
        time any master's does, so at its start to their number."""
        self._shas: dict[Script, bytes] = {}
        self._timeout_s = timeout_s
        self._first = Node(address, timeout_s=timeout_s, on_greeted=self._note_greeting)
        self._router: Router = SingleNode(self._first)

    @property
    def healthy(self) -> bool:
        """Whether the whole store answered when last asked; costs nothing."""
        return self._router.healthy

    @property
    def serves(self) -> bool:
        """Whether it can serve some users at least: a Cluster may, when it has lost a master.

        For readiness: all replicas of the gateway would else be taken out for a part of the users.
        """
        return self._router.serves

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

    async def servers(self) -> Sequence[Server]:
        """Return every server that holds keys. See `Store`."""
        return await self._router.masters()

    def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        """Yield the keys of a pattern, page by page. See `Store`."""
        return scan(self._router, pattern, kind)

    async def aclose(self) -> None:
        """Send what is queued and close the connections."""
        await self._router.aclose()

    async def settled(self) -> None:
        """Wait until the first connections stand or have failed."""
        router = None
        while router is not self._router:  # it may turn out to be a Cluster
            router = self._router
            await router.settled()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _send(self, commands: Sequence[Command], key: Argument | None) -> list[Any]:
        data = b"".join([pack(command) for command in commands])
        try:
            replies = await self._router.link_for(key).submit(data, len(commands))
            for reply in replies:
                if isinstance(reply, ResponseError):
                    if is_elsewhere(reply):
                        replies = await self._mend(commands, replies, key)
                    raise_first_error(replies)
                    break
        except StoreAway:
            self._router.note_away()
            raise
        return replies

    async def _mend(
        self, commands: Sequence[Command], replies: list[Any], key: Argument | None
    ) -> list[Any]:
        if any(isinstance(reply, MovedError) for reply in replies):
            self._use_cluster()  # where INFO is forbidden, this is how it shows
        return await self._router.mend(commands, replies, key)

    def _note_greeting(self, node: Node, greeting: Greeting) -> None:
        if self.mode != "cluster":
            self.mode = greeting.mode
        if greeting.mode == "cluster":
            self._use_cluster()
        elif isinstance(self._router, SingleNode) and node.note_process(greeting):
            self._note_new_life(greeting.run_id)

    def _use_cluster(self) -> None:
        if isinstance(self._router, SingleNode):
            self.mode = "cluster"
            self._router = Cluster(
                self._first, timeout_s=self._timeout_s, on_new_life=self._note_new_life
            )

    def _note_new_life(self, run_id: str | None) -> None:
        self.run_id = run_id
        self.epoch += 1


async def connect(url: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> RedisStore:
    """Return a store at `url`, after its first dial has succeeded or failed.

    A node of a Cluster stands for the whole. The store keeps dialling by itself: where `healthy` is
    False the caller decides whether to go on. Raises ConfigError for a URL that cannot be meant, and
    for a server that holds no keys (Sentinel).
    """
    store = RedisStore(read_address(url), timeout_s=timeout_s)
    await store.settled()
    if store.mode not in (None, "standalone", "cluster"):
        await store.aclose()
        raise ConfigError(
            f"the server at {store.address.shown} is in {store.mode} mode, which this release "
            "does not support: give a single server, or any node of a Cluster"
        )
    return store
