"""How a key finds its connection: the one server here, the masters of a Cluster in `cluster.py`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.store.address import Address
from gateway.store.base import Argument, Command
from gateway.store.batch import Link, LinkState
from gateway.store.pack import pack
from gateway.store.replies import raise_first_error

_FACT = re.compile(rb"^(run_id|redis_mode|server_mode):(\w+)", re.MULTILINE)


class Greeting(Struct, frozen=True):
    """What a server says of itself; None where it will not tell."""

    run_id: str | None = None
    mode: str | None = None  # "standalone", "cluster", "sentinel"


class Node:
    """One server, its link, and which process of it answered last.

    `on_greeted` is called with what it says of itself each time a connection stands. Is a `Server`.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout_s: float,
        on_greeted: Callable[["Node", Greeting], None],
    ) -> None:
        self.address = address
        self.run_id: str | None = None
        self.was_greeted = False
        self.borrowed = False
        """Whether a slot on its way was looked for here since the map was last read."""
        self._timeout_s = timeout_s
        self._on_greeted = on_greeted
        self.link = Link(self._dial, timeout_s=timeout_s)

    @property
    def shown(self) -> str:
        """The address, without a password."""
        return self.address.shown

    @property
    def is_up(self) -> bool:
        """Whether the connection stands."""
        return self.link.state is LinkState.UP

    async def run(self, *command: Argument) -> Any:
        """Run one command on this server. See `Server`."""
        return (await self.run_many((command,)))[0]

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands to this server together. See `Server`."""
        replies = await self.ask(commands)
        raise_first_error(replies)
        return replies

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies, errors among them. Raises StoreAway."""
        data = b"".join([pack(command) for command in commands])
        return await self.link.submit(data, len(commands))

    def note_process(self, greeting: Greeting) -> bool:
        """Take note of which process answers; True if it is another than before, or the first."""
        is_new = not self.was_greeted or greeting.run_id != self.run_id
        self.was_greeted = True
        self.run_id = greeting.run_id
        return is_new

    async def _dial(self) -> AbstractConnection:
        connection = self.address.connect(
            **{
                **self.address.arguments,
                # RESP2: replies are bytes, int, list and None on every server version.
                "protocol": 2,
                "decode_responses": False,
                "driver_info": None,
                # The link's own watch is the timeout: one timer for a whole batch.
                "socket_timeout": None,
                "socket_connect_timeout": self._timeout_s,
                "retry": None,
                "maint_notifications_config": MaintNotificationsConfig(enabled=False),
            }
        )
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            greeting = await _greet(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._on_greeted(self, greeting)
        return connection


class Holders(Struct, frozen=True):
    """The nodes to be asked for everything of a kind, in order.

    `moving`: keys are on their way between them, so that a key may be met twice, and on a second
    round where it was missed on the first. Two equal values: nothing moved between.
    """

    nodes: tuple[Node, ...]
    held: tuple[frozenset[int], ...] = ()
    moving: frozenset[int] = frozenset()


class Router(Protocol):
    """Knows the nodes."""

    def link_for(self, key: Argument | None) -> Link:
        """Return the link to the node that holds `key`; None: any node."""
        ...

    def note_away(self) -> None:
        """Learn that a node did not answer."""
        ...

    async def mend(
        self, commands: Sequence[Command], replies: list[Any], key: Argument | None
    ) -> list[Any]:
        """Send again, elsewhere, what a node did not do because it is not the one to ask.

        Errors that stay are among the replies. Raises StoreAway.
        """
        ...

    async def masters(self) -> tuple[Node, ...]:
        """Return the nodes that hold all keys. Raises StoreAway where some are held by none."""
        ...

    async def holders(self, tag: str | None) -> Holders:
        """Return who holds the keys of a hash tag, None: all keys. Raises StoreAway."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether every node answers."""
        ...

    @property
    def serves(self) -> bool:
        """Whether the keys of some can be reached."""
        ...

    async def settled(self) -> None:
        """Wait until every node has been dialled once."""
        ...

    async def aclose(self) -> None:
        """Close every link."""
        ...


class SingleNode:
    """The router of a store that is one server."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def link_for(self, key: Argument | None) -> Link:  # noqa: ARG002  # one node has every key
        """Return the only link."""
        return self._node.link

    def note_away(self) -> None:
        """The link dials again by itself."""

    async def mend(
        self,
        commands: Sequence[Command],  # noqa: ARG002  # there is no elsewhere
        replies: list[Any],
        key: Argument | None,  # noqa: ARG002
    ) -> list[Any]:
        """Return the replies as they are."""
        return replies

    async def masters(self) -> tuple[Node, ...]:
        """Return the only node."""
        return (self._node,)

    async def holders(self, tag: str | None) -> Holders:  # noqa: ARG002
        """Return the only node."""
        return Holders((self._node,))

    @property
    def healthy(self) -> bool:
        """Whether the connection stands."""
        return self._node.is_up

    @property
    def serves(self) -> bool:
        """Whether the connection stands."""
        return self._node.is_up

    async def settled(self) -> None:
        """Wait until the first dial has succeeded or failed."""
        await self._node.link.settled()

    async def aclose(self) -> None:
        """Close the link."""
        await self._node.link.aclose()


async def _greet(connection: AbstractConnection) -> Greeting:
    """Prove that the server answers commands, and learn which process it is."""
    await connection.send_command("PING", check_health=False)
    await connection.read_response(disable_decoding=True)
    await connection.send_command("INFO", "server", check_health=False)
    try:
        info: Any = await connection.read_response(disable_decoding=True)
    except ResponseError:
        return Greeting()  # managed services may forbid INFO
    facts = dict(_FACT.findall(info)) if isinstance(info, bytes) else {}
    run_id = facts.get(b"run_id")
    mode = facts.get(b"redis_mode") or facts.get(b"server_mode")
    return Greeting(run_id.decode() if run_id else None, mode.decode() if mode else None)
