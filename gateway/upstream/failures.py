"""The one place where what the network, TLS and the HTTP libraries raise becomes our `UpstreamError`.

Exception texts are never used: h11's repeat the header value they refuse, httpx's the URL. Callers
raise what these functions return *outside* their `except` block, so that no foreign exception hangs
on ours as its context.
"""

import socket
import ssl
from enum import StrEnum

import httpcore
import httpx

from gateway.errors import Failure, UpstreamError

FOREIGN: tuple[type[Exception], ...] = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,  # TimeoutError and ssl.SSLError are OSErrors
)
"""What the libraries below us raise when a peer or the network fails, as opposed to a bug."""

_TIMED_OUT = (httpx.TimeoutException, httpcore.TimeoutException, TimeoutError)
_NOT_SENT = (
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpcore.LocalProtocolError,
    httpcore.UnsupportedProtocol,
)
_NONSENSE = (httpx.RemoteProtocolError, httpx.DecodingError, httpcore.RemoteProtocolError)

_OWN_ENDPOINT = (
    "The endpoint could not be reached. It must resolve to public addresses only, accept "
    "connections, and have a valid TLS certificate for its name."
)
"""One text for refused, closed, filtered, unresolved and unencrypted: no port scanner (C-20)."""


class Stage(StrEnum):
    """How far an attempt had come when it failed."""

    CONNECT = "connect"  # until there is a connection
    HEAD = "head"  # until the reply's headers are complete
    BODY = "body"


def cannot_connect(exc: OSError | UnicodeError, *, trusted: bool) -> UpstreamError:
    """Resolving, connecting or the TLS handshake failed: UNREACHABLE, or TIMEOUT if it took long."""
    failure = Failure.TIMEOUT if isinstance(exc, TimeoutError) else Failure.UNREACHABLE
    message = _connect_reason(exc) if trusted else _OWN_ENDPOINT
    return UpstreamError(failure, message, sent=False)


def connect_timed_out(*, trusted: bool) -> UpstreamError:
    """No connection came about in time; waiting for a free one counts."""
    return cannot_connect(TimeoutError(), trusted=trusted)


def endpoint_refused(*, trusted: bool) -> UpstreamError:
    """The address guard said no; nothing was sent."""
    message = "The provider's address is a cloud metadata service." if trusted else _OWN_ENDPOINT
    return UpstreamError(Failure.ENDPOINT_REFUSED, message, sent=False)


def cannot_send(reason: str) -> UpstreamError:
    """The request itself is not fit to be sent; `reason` repeats nothing of its values."""
    return UpstreamError(Failure.BAD_REQUEST, f"The request cannot be sent: {reason}.", sent=False)


def bad_reply(reason: str, *, status: int | None = None) -> UpstreamError:
    """The reply is not one we take; `reason` repeats nothing of it."""
    return UpstreamError(Failure.BAD_REPLY, f"The provider {reason}.", status=status)


def timed_out(stage: Stage) -> UpstreamError:
    """A time limit passed after the connection was there."""
    if stage is Stage.BODY:
        return UpstreamError(Failure.TIMEOUT, "The provider did not finish its reply in time.")
    return UpstreamError(Failure.TIMEOUT, "The provider did not answer in time.")


def cut() -> UpstreamError:
    """The connection ended before the reply did."""
    return UpstreamError(Failure.CUT, "The provider closed the connection before its reply ended.")


def from_exception(exc: Exception, stage: Stage, *, trusted: bool) -> UpstreamError:
    """Map an exception of `FOREIGN` by its type and by how far the attempt had come."""
    error = _map(exc, stage, trusted=trusted)
    error.sent = stage is not Stage.CONNECT and not isinstance(exc, _NOT_SENT)
    return error


def _map(exc: Exception, stage: Stage, *, trusted: bool) -> UpstreamError:
    if isinstance(exc, _TIMED_OUT):
        connecting = stage is Stage.CONNECT
        return connect_timed_out(trusted=trusted) if connecting else timed_out(stage)
    if isinstance(exc, _NOT_SENT):
        return cannot_send("its URL or headers are malformed")
    if stage is Stage.BODY:
        return cut()
    if isinstance(exc, _NONSENSE):
        return bad_reply("sent a reply that is not HTTP")
    if isinstance(exc, OSError):
        return cannot_connect(exc, trusted=trusted)
    message = "The provider closed the connection without a reply." if trusted else _OWN_ENDPOINT
    return UpstreamError(Failure.UNREACHABLE, message)


def _connect_reason(exc: OSError | UnicodeError) -> str:
    if isinstance(exc, TimeoutError):
        return "The provider could not be reached in time."
    if isinstance(exc, ssl.SSLCertVerificationError):
        return "The provider's TLS certificate is not valid for its name, or not trusted."
    if isinstance(exc, ssl.SSLError):
        return "The TLS handshake with the provider failed."
    if isinstance(exc, socket.gaierror | UnicodeError):
        return "The provider's name does not resolve."
    return "The provider could not be reached."
