"""Binds the sockets that every worker inherits."""

import errno
import socket
from collections.abc import Sequence

from gateway.errors import ConfigError
from gateway.supervisor.settings import Listen

BACKLOG = 2048


def bind(addresses: Sequence[Listen]) -> list[socket.socket]:
    """Return one listening socket per address. Raises ConfigError saying what is in the way."""
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            bound.append(_bind_one(address))  # noqa: PERF401  # what is bound must be closed
    except BaseException:
        for sock in bound:
            sock.close()
        raise
    return bound


def _bind_one(address: Listen) -> socket.socket:
    shown = f"{address.host}:{address.port}"
    if not 0 <= address.port <= 65535:  # the resolver would wrap it around
        raise ConfigError(f"cannot listen on {shown}: a port is a number from 0 to 65535")
    try:
        found = socket.getaddrinfo(
            address.host or None,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except OSError as exc:
        raise ConfigError(f"cannot listen on {shown}: the host is not known here") from exc
    family, kind, protocol, _, place = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # A restarted gateway must not wait for connections of the old one to time out.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        why = exc.strerror
        if exc.errno == errno.EADDRINUSE:
            why = "the port is in use by another program; stop it or choose another --port"
        elif exc.errno == errno.EACCES:
            why = "ports below 1024 need more rights; choose another --port"
        raise ConfigError(f"cannot listen on {shown}: {why}") from exc
    return sock
