"""Judges the endpoints that users supply: their shape when saved, their addresses when connected.

Pure: it resolves and connects nothing. What a name stands for is judged by `dial.py`, at connect
time, with `judge_address`.
"""

from collections.abc import Sequence

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.upstream.addresses import AllowRule, judge_address, judge_trusted_address
from gateway.upstream.origin import MalformedUrl, Origin, canonical_origin, split_url

__all__ = [
    "AllowRule",
    "Endpoint",
    "canonical_origin",
    "check_endpoint",
    "judge_address",
    "judge_trusted_address",
]

_MAX_URL = 2_048
_CURE = "Give the address of a public server, such as https://llm.example.com/v1."
_PATH_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:@+,=")

# Names under which clouds serve instance metadata; refused whatever they resolve to.
_METADATA_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}
)
_METADATA_SUFFIXES = (".metadata.google.internal", ".metadata.goog")
# RFC 6761, 6762, 8375, 9476 and names routers and companies use inside.
_PRIVATE_SUFFIXES = frozenset(
    {"localhost", "local", "localdomain", "internal", "intranet", "lan", "corp", "home", "private"}
)


class Endpoint(Struct, frozen=True):
    """A user's endpoint as we keep it: rebuilt from its parts, so that only one reading exists.

    `url` has no trailing slash; `origin` is `scheme://host:port`, the credential's audience.
    """

    url: str
    origin: str


def check_endpoint(
    url: str,
    *,
    allow_http: bool = False,
    allowed: Sequence[AllowRule] = (),
    own_origins: Sequence[str] = (),
) -> Endpoint:
    """Check an endpoint URL when a user saves it, and return its canonical form.

    `own_origins` are the gateway's own URLs: an endpoint there would call itself. Nothing is
    resolved: a name that passes here is judged again, by address, at every connect.
    Raises InvalidRequest (`endpoint_not_allowed`, param `settings.endpoint`) with a cure.
    """
    if len(url) > _MAX_URL:
        raise _refused(f"is longer than {_MAX_URL} characters")
    try:
        origin, target = split_url(url)
    except MalformedUrl as error:
        raise _refused(error.reason) from None
    if origin.scheme == "http" and not allow_http:
        raise _refused("must begin with https://")
    _check_host(origin, allowed)
    _check_port(origin, allowed)
    if any(origin.netloc == split_url(own)[0].netloc for own in own_origins):
        raise _refused("is an address of this gateway itself")
    return Endpoint(f"{origin.scheme}://{origin.authority}{_check_path(target)}", str(origin))


def _check_host(origin: Origin, allowed: Sequence[AllowRule]) -> None:
    host = origin.host
    if host in _METADATA_NAMES or host.endswith(_METADATA_SUFFIXES):
        raise _refused("names a cloud metadata service")
    if _is_address(host):
        if not judge_address(host, origin.port, allowed):
            raise _refused("points at an address or port that is not open to users")
    elif _is_private_name(host) and not any(rule.covers_port(origin.port) for rule in allowed):
        raise _refused("names a server inside a private network")


def _check_port(origin: Origin, allowed: Sequence[AllowRule]) -> None:
    standard = 443 if origin.scheme == "https" else 80
    if origin.port != standard and not any(rule.covers_port(origin.port) for rule in allowed):
        raise _refused(f"must use port {standard}")


def _check_path(target: str) -> str:
    path = target.rstrip("/")
    if not _PATH_SAFE.issuperset(path) or "//" in path:
        raise _refused(
            "may have a path of letters, digits and - . _ ~ : @ + , = only: no query, no percent "
            "escapes, no double slash"
        )
    return path


def _is_address(host: str) -> bool:
    # `canonical_host` lets no name end in a number.
    return ":" in host or host.rpartition(".")[2].isdigit()


def _is_private_name(host: str) -> bool:
    last = host.rpartition(".")[2]
    return "." not in host or last in _PRIVATE_SUFFIXES or host.endswith(".home.arpa")


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The endpoint URL {reason}. {_CURE} The operator of this gateway can allow others.",
        code="endpoint_not_allowed",
        param="settings.endpoint",
    )
