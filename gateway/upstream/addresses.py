"""Which addresses a connection may be made to: our own table, applied to the resolved address.

`ipaddress.is_global` is no such filter: in Python 3.11.7 it is true for multicast, for the NAT64
and 6to4 forms of private addresses and for Azure's 168.63.129.16 (measured November 2026).
Ranges: IANA special-purpose address registries (RFC 6890 and its updates), read November 2026.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Self

from msgspec import Struct

from gateway.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PUBLIC_PORTS = frozenset({80, 443})  # `check_endpoint` admits 80 only where http is allowed

_DENIED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the local host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/128",  # unspecified: reaches the local host
        "::1/128",  # loopback
        "::/96",  # IPv4-compatible
        "64:ff9b:1::/48",  # NAT64 for local use
        "100::/64",  # discard
        "2001::/23",  # IETF protocol assignments, Teredo and benchmarking among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)

# Instance metadata hands out the machine's own credentials, so no rule opens these addresses.
_METADATA: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # AWS, Google, Azure, Oracle, OpenStack, Tencent; ECS and EKS credentials
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure wire server
        "192.0.0.192/32",  # Oracle, classic
        "fd00:ec2::254/128",  # AWS
        "fd00:ec2::23/128",  # EKS pod identity
        "fd20:ce::254/128",  # Google
    )
)

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_UNICAST = ipaddress.IPv6Network("::/0")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_ALL_ONES = 0xFFFFFFFF

_RULE = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:./]+)\]|(?P<v4>[0-9./]+)):(?P<port>\*|[1-9][0-9]{0,4})", re.ASCII
)


class AllowRule(Struct, frozen=True):
    """An exception the operator makes for users' endpoints: a network and a port (None: every).

    A rule opens a private range only where its network lies inside that range: `10.1.0.0/16:443`
    opens private addresses, `0.0.0.0/0:8443` opens that port of public ones and nothing else.
    """

    network: Network
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `10.0.0.0/8:11434`, `[fd00::/8]:443` or `127.0.0.1/32:*`. Raises ConfigError."""
        match = _RULE.fullmatch(text)
        if match is None:
            raise ConfigError("an allow rule reads like '10.0.0.0/8:11434' or '[fd00::/8]:443'")
        port = None if match["port"] == "*" else int(match["port"])
        if port is not None and port > 65535:
            raise ConfigError("an allow rule's port is at most 65535")
        try:
            return cls(ipaddress.ip_network(match["v6"] or match["v4"]), port)
        except ValueError:
            raise ConfigError(
                "an allow rule's network must be a CIDR without host bits, like '10.0.0.0/8'"
            ) from None

    def covers_port(self, port: int) -> bool:
        """Whether the rule speaks of this port."""
        return self.port is None or self.port == port

    def opens(self, address: Address, port: int, denied: Network | None) -> bool:
        """Whether the rule admits an address that lies in the `denied` range (None: in none)."""
        if not self.covers_port(port) or address not in self.network:
            return False
        return denied is None or _lies_within(self.network, denied)


def judge_address(ip: str, port: int, allowed: Sequence[AllowRule] = ()) -> bool:
    """Whether a user's endpoint may be connected to at this resolved address.

    An address that carries an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) is
    judged by that one too. Zone ids and anything that is no address are refused.
    """
    address = _parse(ip)
    if address is None or not 0 < port <= 65535:
        return False
    forms = list(_forms(address))
    if any(_is_metadata(form) for form in forms):
        return False
    return all(_is_open(form, port, allowed) for form in forms)


def judge_trusted_address(ip: str) -> bool:
    """Whether an endpoint from the operator's config may be connected to: all but metadata."""
    address = _parse(ip)
    return address is not None and not any(_is_metadata(form) for form in _forms(address))


def _parse(ip: str) -> Address | None:
    if "%" in ip:
        return None
    try:
        return ipaddress.ip_address(ip)
    except ValueError:
        return None


def _forms(address: Address) -> Iterator[Address]:
    """Yield every address that a packet for this one may end up at."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    low = int(address) & _ALL_ONES
    if address in _NAT64:
        yield ipaddress.IPv4Address(low)
        return
    yield address
    if address in _COMPATIBLE and low > 1:
        yield ipaddress.IPv4Address(low)
    elif address in _SIX_TO_FOUR:
        yield ipaddress.IPv4Address((int(address) >> 80) & _ALL_ONES)
    elif address in _TEREDO:
        yield ipaddress.IPv4Address((int(address) >> 64) & _ALL_ONES)
        yield ipaddress.IPv4Address(low ^ _ALL_ONES)


def _is_metadata(address: Address) -> bool:
    return any(address in network for network in _METADATA)


def _is_open(address: Address, port: int, allowed: Sequence[AllowRule]) -> bool:
    denied = _denied_range(address)
    if denied is None and port in PUBLIC_PORTS:
        return True
    return any(rule.opens(address, port, denied) for rule in allowed)


def _denied_range(address: Address) -> Network | None:
    for network in _DENIED:
        if address in network:
            return network
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return _NOT_UNICAST
    return None


def _lies_within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)
