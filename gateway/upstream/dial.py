"""Resolves, judges, connects and does TLS, for every connection to a provider there is.

One resolution per connect; the connection is made to the very address that was judged. Proxy
variables of the environment are not read.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

from gateway.errors import UpstreamError
from gateway.upstream import failures
from gateway.upstream.addresses import AllowRule, judge_address, judge_trusted_address
from gateway.upstream.origin import Origin
from gateway.upstream.resolve import Resolver

P = TypeVar("P", bound=asyncio.BaseProtocol)

_MAX_TRIED = 4
# Models think for minutes without sending a byte; NAT and load balancers forget a silent
# connection after 60 to 350 s. Seconds, and probes.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


class Dialer:
    """Opens connections. `allowed` are the operator's exceptions for users' endpoints."""

    def __init__(
        self, resolver: Resolver, tls: ssl.SSLContext, *, allowed: Sequence[AllowRule] = ()
    ) -> None:
        self._resolver = resolver
        self._tls = tls
        self._allowed = tuple(allowed)

    def allow(self, rules: Sequence[AllowRule]) -> None:
        """Replace the exceptions, on reload; connections already open are judged again on reuse."""
        self._allowed = tuple(rules)

    def permits(self, ip: str, port: int, *, trusted: bool) -> bool:
        """Whether a connection to this address is allowed now."""
        return judge_trusted_address(ip) if trusted else judge_address(ip, port, self._allowed)

    async def connect(
        self, factory: Callable[[], P], origin: Origin, *, trusted: bool, timeout_s: float
    ) -> tuple[P, str]:
        """Connect a protocol to an origin, TLS included; return it with the peer's address.

        Raises UpstreamError: ENDPOINT_REFUSED if any resolved address is denied, TIMEOUT if all
        of it took longer than `timeout_s`, else UNREACHABLE.
        """
        failure: UpstreamError
        try:
            async with asyncio.timeout(timeout_s):
                addresses = await self._resolve(origin.host, trusted=trusted)
                if all(self.permits(ip, origin.port, trusted=trusted) for ip in addresses):
                    sock, ip = await _reach(addresses, origin.port, timeout_s)
                    return await self._start(factory, sock, origin), ip
                failure = failures.endpoint_refused(trusted=trusted)
        except (OSError, UnicodeError) as exc:
            failure = failures.cannot_connect(exc, trusted=trusted)
        raise failure

    async def aclose(self) -> None:
        """Stop resolving. Connections belong to whoever asked for them."""
        await self._resolver.aclose()

    async def _resolve(self, host: str, *, trusted: bool) -> Sequence[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            addresses = await self._resolver.resolve(host, trusted=trusted)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return addresses

    async def _start(self, factory: Callable[[], P], sock: socket.socket, origin: Origin) -> P:
        https = origin.scheme == "https"
        try:
            _, protocol = await asyncio.get_running_loop().create_connection(
                factory,
                sock=sock,
                ssl=self._tls if https else None,
                server_hostname=origin.host if https else None,
            )
        except ConnectionError as exc:  # TCP stood already: the peer hung up on the handshake
            raise ssl.SSLError("handshake refused") from exc
        return protocol


async def _reach(
    addresses: Sequence[str], port: int, timeout_s: float
) -> tuple[socket.socket, str]:
    """Connect to the first address that answers, families in turn, each with its share of time."""
    clock = asyncio.get_running_loop().time
    end = clock() + timeout_s
    tried = _alternate_families(addresses)[:_MAX_TRIED]
    last: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for position, ip in enumerate(tried):
        share = (end - clock()) / (len(tried) - position)
        try:
            async with asyncio.timeout(share):
                return await _open_socket(ip, port), ip
        except OSError as exc:
            last = exc
    raise last


def _alternate_families(addresses: Sequence[str]) -> list[str]:
    first_is_6 = ":" in addresses[0]
    first = [ip for ip in addresses if (":" in ip) == first_is_6]
    second = [ip for ip in addresses if (":" in ip) != first_is_6]
    return [ip for ip in chain.from_iterable(zip_longest(first, second)) if ip is not None]


async def _open_socket(ip: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.settimeout(0)  # asyncio's sockets do not block
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):  # macOS lacks some
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        await asyncio.get_running_loop().sock_connect(sock, (ip, port))
    except BaseException:
        sock.close()
        raise
    return sock
