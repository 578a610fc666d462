"""The shape of addresses in the config file. Pure: names are judged, not resolved.

The operator is trusted, so private servers are fine; cloud metadata services are not, because no
model lives there and credentials do. What a name resolves to is judged again at every connect.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_METADATA_NAMES = ("metadata", "metadata.google.internal", "metadata.goog", "instance-data")
_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # AWS, Google, Azure, Oracle, OpenStack
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure wire server
        "192.0.0.192/32",  # Oracle, classic
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
        "fe80::/10",  # link-local
    )
)
_ALLOW_RULE = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:./]+)\]|(?P<v4>[0-9./]+)):(?P<port>\*|\d{1,5})")
_STORE_SCHEMES = ("redis://", "rediss://", "unix://")


def base_url_fault(url: str) -> str | None:
    """Return what is wrong with a provider's base URL, None if nothing is."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be a URL like https://llm.example.com/v1"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        return "must not have a query or a fragment"
    if _is_metadata(parts.hostname):
        return "leads to a cloud metadata service"
    return None


def store_url_fault(url: str, *, is_secret: bool = False) -> str | None:
    """Return what is wrong with the store's URL, None if nothing is.

    A password may be in it only where the URL itself is kept like a secret.
    """
    if not url.startswith(_STORE_SCHEMES):
        return "must begin with redis://, rediss:// or unix://"
    parts = _split(url)
    if is_secret:
        return None
    if parts is None:
        return "must be a URL like redis://localhost:6379/0"
    if parts.password is not None or "password=" in parts.query:
        return "must not hold a password: put the URL into a variable (url_env) or file (url_file)"
    return None


def allow_rule_fault(rule: str) -> str | None:
    """Return what is wrong with `cidr:port` or `[cidr]:port`, None if nothing is."""
    match = _ALLOW_RULE.fullmatch(rule)
    if match is None:
        return "must be like 10.0.0.0/8:11434 or [fd00::/8]:443"
    if match["port"] != "*" and not 1 <= int(match["port"]) <= 65_535:
        return "has a port that is none"
    try:
        ipaddress.ip_network(match["v6"] or match["v4"])
    except ValueError:
        return "has a network that is none, or one with host bits"
    return None


def _split(url: str) -> SplitResult | None:
    """Take a URL apart; None where readers could disagree about it."""
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in ' \\"<>^`{|}'):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for a port that is none
    except ValueError:
        return None
    return parts


def _is_metadata(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name in _METADATA_NAMES or name.endswith((".metadata.google.internal", ".metadata.goog")):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return _is_odd_address(name)
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in _METADATA)


def _is_odd_address(name: str) -> bool:
    """Whether a host is an address in a spelling (`0xa9fea9fe`, `2852039166`) that hides it."""
    last = name.rsplit(".", 1)[-1]
    return re.fullmatch(r"\d+|0x[0-9a-f]*", last) is not None
