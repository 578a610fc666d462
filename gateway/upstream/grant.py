"""Reads the replies of an OAuth 2.0 token endpoint (RFC 6749, 5.1 and 5.2). Pure."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from gateway.errors import Failure, UpstreamError
from gateway.providers.wait_time import wait_seconds
from gateway.types.secret import Secret
from gateway.types.upstream import ReplyHead
from gateway.upstream import failures

# RFC 6749 5.2, and Google's own words for accounts and keys that are gone or may not do this
# (Google "OAuth 2.0 for Server to Server Applications", error codes, read November 2026).
_KEY_ERRORS = frozenset(
    {
        "access_denied",
        "admin_policy_enforced",
        "deleted_client",
        "disabled_client",
        "invalid_client",
        "invalid_grant",
        "org_internal",
        "unauthorized_client",
    }
)
_PASSING_ERRORS = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
_BUSY_ERRORS = frozenset({"rate_limit_exceeded", "slow_down"})
_TOKEN = re.compile(r"[!-~]{1,16384}")
_CODE = re.compile(r"[a-z0-9_]{1,64}")
_SECRET_LIKE = re.compile(r"[A-Za-z0-9_+/=-]{32,}")
_MAX_DESCRIPTION = 300


class Grant(Struct, frozen=True):
    """An access token, and for how many seconds it is good."""

    token: Secret
    expires_in: float


class _Granted(Struct, frozen=True):
    """A successful reply, as far as we use it. Without `expires_in` a token is used once."""

    access_token: str
    expires_in: float = 0.0
    token_type: str = "Bearer"  # noqa: S105  # a word, no secret

    def __repr__(self) -> str:
        return "_Granted([secret])"


def read_token_reply(head: ReplyHead, body: bytes, now: float) -> Grant:
    """Return the token of a reply. `now` is Unix seconds, for waits that name a point in time.

    Raises UpstreamError: KEY_REJECTED, RATE_LIMITED, OVERLOADED, SERVER, or BAD_REPLY for what is
    no answer of a token endpoint. Its message repeats what the endpoint said, without anything that
    could be a token, an assertion or a key.
    """
    if head.status != 200:
        raise _refusal(head, body, now)
    try:
        granted = msgspec.json.decode(body, type=_Granted, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        granted = None
    usable = granted is not None and granted.token_type.lower() == "bearer"
    if granted is None or not usable or not _TOKEN.fullmatch(granted.access_token):
        raise failures.bad_reply("sent no access token", status=head.status)
    return Grant(Secret(granted.access_token), granted.expires_in)


def _refusal(head: ReplyHead, body: bytes, now: float) -> UpstreamError:
    said = _read_object(body)
    code = said.get("error")
    code = code if isinstance(code, str) and _CODE.fullmatch(code) else None
    failure = _failure_of(head.status, code)
    if failure is Failure.BAD_REPLY:
        return failures.bad_reply("is no token endpoint, or not one for us", status=head.status)
    return UpstreamError(
        failure,
        _describe(code, said.get("error_description")),
        status=head.status,
        code=code,
        wait_s=None if failure is Failure.KEY_REJECTED else wait_seconds(head.headers, None, now),
    )


def _failure_of(status: int, code: str | None) -> Failure:
    if code in _KEY_ERRORS:
        return Failure.KEY_REJECTED
    if status == 429 or code in _BUSY_ERRORS:
        return Failure.RATE_LIMITED
    if status == 503:
        return Failure.OVERLOADED
    if status >= 500 or status == 408 or code in _PASSING_ERRORS:
        return Failure.SERVER
    if status in (401, 403):
        return Failure.KEY_REJECTED
    return Failure.BAD_REPLY


def _read_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _describe(code: str | None, description: Any) -> str:
    """Return what the endpoint said, on one line, with everything that looks secret taken out."""
    what = code or "no reason given"
    if not isinstance(description, str):
        return f"No access token for the service account: {what}."
    printable = "".join(char for char in description if char.isprintable())
    shown = _SECRET_LIKE.sub("[secret]", printable)[:_MAX_DESCRIPTION]
    return f"No access token for the service account: {what}: {shown}"
