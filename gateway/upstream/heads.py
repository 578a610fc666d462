"""Checks the head of a request before it is sent, and of a reply before anybody sees it.

Every transport uses these, so that what one lets pass no other refuses.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from gateway.types.upstream import ReplyHead, UpstreamRequest
from gateway.upstream import failures
from gateway.upstream.origin import MalformedUrl, Origin, split_url

MAX_HEADERS = 256
MAX_HEADER_BYTES = 64 * 1024

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Visible ASCII with inner blanks; a trailing newline of a pasted key ends here, unseen by h11,
# whose exception would repeat it.
_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# RFC 9110 7.6.1, and the message framing: these belong to the connection, not to the request.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OURS = _HOP_BY_HOP | {"accept-encoding", "content-length", "expect", "host"}
_NOT_SHOWN = _HOP_BY_HOP | {"set-cookie", "set-cookie2"}
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class WireRequest(Struct, frozen=True):
    """A request fit to be sent: where to, the target as built, and every header there will be."""

    origin: Origin
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]


def prepare_request(request: UpstreamRequest) -> WireRequest:
    """Check a request and complete its headers.

    Host, framing and `accept-encoding: identity` are set here; whatever the request says of them is
    left out. Raises UpstreamError(BAD_REQUEST), which names a header but never shows a value.
    """
    if not _TOKEN.fullmatch(request.method):
        raise failures.cannot_send("its method is malformed")
    try:
        origin, target = split_url(request.url)
    except MalformedUrl as error:
        reason = error.reason
    else:
        headers = [(b"host", origin.authority.encode("ascii"))]
        for name, value in request.headers:
            _check_header(name, value)
            if name.lower() not in _OURS:
                headers.append((name.encode("ascii"), value.encode("ascii")))
        headers.append((b"accept-encoding", b"identity"))
        if request.body or request.method not in _BODILESS:
            headers.append((b"content-length", b"%d" % len(request.body)))
        return WireRequest(origin, target.encode("ascii"), tuple(headers))
    raise failures.cannot_send(f"its URL {reason}")


def read_reply_head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> ReplyHead:
    """Return a reply's head without hop-by-hop headers and cookies.

    Raises UpstreamError(BAD_REPLY) for a redirect (its Location is not shown), a switch of
    protocols, too many or malformed headers, and a body that is compressed although we asked for none.
    """
    found: dict[str, str] = {}
    size = 0
    for count, (raw_name, raw_value) in enumerate(headers, 1):
        size += len(raw_name) + len(raw_value)
        if count > MAX_HEADERS or size > MAX_HEADER_BYTES or _CONTROL.search(raw_value):
            raise failures.bad_reply("sent headers we do not take", status=status)
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    if not 200 <= status < 300 and status < 400:
        raise failures.bad_reply("answered with a redirect, which we do not follow", status=status)
    if found.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise failures.bad_reply("compressed its reply without being asked", status=status)
    named = {token.strip().lower() for token in found.get("connection", "").split(",")}
    shown = {
        name: value for name, value in found.items() if name not in _NOT_SHOWN and name not in named
    }
    return ReplyHead(status, shown)


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise failures.cannot_send("the name of a header is malformed")
    if not _VALUE.fullmatch(value):
        raise failures.cannot_send(f"its header '{name}' has characters that are not allowed")
