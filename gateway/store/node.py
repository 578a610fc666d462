"""How a key finds its connection: one node today, the seam for Sentinel and Cluster."""

import re
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.store.address import Address
from gateway.store.base import Argument
from gateway.store.batch import Link, LinkState

_FACT = re.compile(rb"^(run_id|redis_mode|server_mode):(\w+)", re.MULTILINE)


class Greeting(Struct, frozen=True):
    """What a server says of itself; None where it will not tell."""

    run_id: str | None = None
    mode: str | None = None  # "standalone", "cluster", "sentinel"


class Router(Protocol):
    """Knows the nodes. A Cluster router hashes the key; a Sentinel router asks who the primary is."""

    def link_for(self, key: Argument | None) -> Link:
        """Return the link to the node that holds `key`; None: any node."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether every node answers."""
        ...

    async def settled(self) -> None:
        """Wait until every node has been dialled once."""
        ...

    async def aclose(self) -> None:
        """Close every link."""
        ...


class SingleNode:
    """The router of a store that is one server.

    `on_connected` is called with what the server says of itself each time a connection stands.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout_s: float,
        on_connected: Callable[[Greeting], None],
    ) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._on_connected = on_connected
        self._link = Link(self._dial, timeout_s=timeout_s)

    def link_for(self, key: Argument | None) -> Link:  # noqa: ARG002  # one node has every key
        """Return the only link."""
        return self._link

    @property
    def healthy(self) -> bool:
        """Whether the connection stands."""
        return self._link.state is LinkState.UP

    async def settled(self) -> None:
        """Wait until the first dial has succeeded or failed."""
        await self._link.settled()

    async def aclose(self) -> None:
        """Close the link."""
        await self._link.aclose()

    async def _dial(self) -> AbstractConnection:
        connection = self._address.connect(
            **{
                **self._address.arguments,
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
        self._on_connected(greeting)
        return connection


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
