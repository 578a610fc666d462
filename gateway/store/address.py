"""Where the store is: a URL read into what a connection needs, without ever showing its password."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)

from gateway.errors import ConfigError

SINGLE_NODE_SCHEMES = ("unix", "redis", "rediss")
MANY_NODE_SCHEMES = (
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
)


class Address(Struct, frozen=True):
    """One node: the connection class and its arguments, and a text safe to show."""

    connect: type[AbstractConnection]
    arguments: Mapping[str, Any]
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    @property
    def host(self) -> str:
        """The host's name; the local one for a socket path."""
        return str(self.arguments.get("host") or "localhost")

    def at(self, host: str, port: int) -> "Address":
        """Return another node of the same deployment: same login, same encryption."""
        kept = {name: value for name, value in self.arguments.items() if name != "path"}
        is_local = issubclass(self.connect, UnixDomainSocketConnection)
        scheme = "rediss" if issubclass(self.connect, SSLConnection) else "redis"
        shown = f"{scheme}://{_bracketed(host)}:{port}"
        connect = Connection if is_local else self.connect
        return Address(connect, {**kept, "host": host, "port": port}, shown)


def read_address(url: str) -> Address:
    """Read `unix://path`, `redis://[user:password@]host[:port][/db]` or `rediss://…`.

    Query members are redis-py's own (`db`, `ssl_ca_certs`, …). Raises ConfigError; its message
    never holds user or password.
    """
    scheme = url.partition("://")[0].lower()
    if scheme in MANY_NODE_SCHEMES:
        raise ConfigError(
            f"'{scheme}' is not supported; give redis:// or rediss:// with a single server, or with "
            "any node of a Cluster"
        )
    if scheme not in SINGLE_NODE_SCHEMES:
        raise ConfigError("the store's URL must begin with unix://, redis:// or rediss://")
    try:
        shown = _hide_login(url)
        arguments: dict[str, Any] = dict(parse_url(url))
        connect = arguments.pop("connection_class", Connection)
        # Names and values of the query are the operator's: a wrong one shows only here.
        connect(**arguments)
    except (TypeError, ValueError, AttributeError):
        # `from None`: the cause may quote the URL, password included.
        raise ConfigError("the store's URL is not valid") from None
    if connect is UnixDomainSocketConnection and not arguments.get("path"):
        raise ConfigError("the store's URL names no socket path")
    return Address(connect, arguments, shown)


def _hide_login(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = _bracketed(parts.hostname or "localhost")
    return f"{parts.scheme}://{host}:{parts.port or 6379}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
