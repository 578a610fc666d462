r"""The one reading of a URL: scheme, host and port in canonical form, and the exact target to send.

Two readers of one URL that disagree are a hole (`http://evil\@127.0.0.1/`), so nothing else in the
gateway takes a URL apart before connecting.
"""

import ipaddress
import re

import idna
from msgspec import Struct

DEFAULT_PORTS = {"http": 80, "https": 443}

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[/?][!-~]*)?"
)
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[^\[\]:@\\%\s]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
# RFC 3986 dot segments, also percent-encoded: some servers decode before they resolve them.
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)
_IDEOGRAPHIC_DOTS = "\u3002\uff0e\uff61"


class MalformedUrl(ValueError):
    """A URL we do not send to. `reason` is a phrase that follows "the URL" and repeats no input."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Origin(Struct, frozen=True):
    """Where a connection goes. `host` is a lower-case ASCII name, or an IP literal unbracketed."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header: without the scheme's default port."""
        return self.netloc if self.port != DEFAULT_PORTS[self.scheme] else self._bracketed

    @property
    def netloc(self) -> str:
        """`host:port`, always with the port."""
        return f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def split_url(url: str) -> tuple[Origin, str]:
    """Return the origin of an http(s) URL and its target: path and query, exactly as written.

    Raises MalformedUrl for every other scheme, for userinfo, fragments, dot segments, characters
    that are not printable ASCII outside the host, and hosts that `canonical_host` refuses.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise MalformedUrl("is not of the form https://host/path")
    scheme = match["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise MalformedUrl("must begin with https:// or http://")
    target = match["target"] or "/"
    if "#" in target or "\\" in target:
        raise MalformedUrl("must not contain '#' or a backslash")
    if _DOT_SEGMENT.search(target.split("?", 1)[0]):
        raise MalformedUrl("must not contain '.' or '..' as a path segment")
    host, port = _split_authority(match["authority"], DEFAULT_PORTS[scheme])
    return Origin(scheme, host, port), target if target.startswith("/") else f"/{target}"


def canonical_origin(url: str) -> str:
    """Return `scheme://host:port`, lower-case and in ASCII: a credential's audience.

    Raises MalformedUrl as `split_url` does.
    """
    return str(split_url(url)[0])


def canonical_host(text: str) -> str:
    """Return a host in the one form we compare, resolve and send.

    An IPv4 literal has four plain decimal numbers, an IPv6 literal (given without brackets) is
    compressed, a name is lower-case ASCII (IDNA 2008) without the final dot. Raises MalformedUrl
    for anything that another parser could read as a different host: `127.1`, `0x7f000001`,
    `0177.0.0.1`, full-width digits and dots, percent signs.
    """
    if ":" in text:
        return _canonical_ipv6(text)
    name = _to_ascii(text.removesuffix("."))
    labels = name.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return _canonical_ipv4(name)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise MalformedUrl("has a host that is no valid name")
    return name


def _split_authority(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise MalformedUrl("must not contain a user name or password")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise MalformedUrl("has a host or port that is not valid")
    port = int(match["port"]) if match["port"] else default_port
    if port > 65535:
        raise MalformedUrl("has a port that is not valid")
    return canonical_host(match["host"].strip("[]")), port


def _to_ascii(name: str) -> str:
    # Only ASCII letters are folded: `str.lower` maps the Kelvin sign to "k", which is another name.
    folded = "".join(char.lower() if char.isascii() else char for char in name)
    if folded.isascii() and "xn--" not in folded:
        return folded
    if any(dot in folded for dot in _IDEOGRAPHIC_DOTS):
        raise MalformedUrl("has a host with a dot that is not '.'")
    try:
        return idna.encode(folded).decode("ascii")
    except UnicodeError:
        raise MalformedUrl("has a host that is no valid international name") from None


def _canonical_ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise MalformedUrl(
            "has a numeric host that is not an address of four decimal numbers"
        ) from None


def _canonical_ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise MalformedUrl("has a host that is not a valid IPv6 address") from None
