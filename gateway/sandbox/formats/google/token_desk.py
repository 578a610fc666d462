"""The token endpoint: a signed JWT of a service account becomes an access token (RFC 7523).

Source: developers.google.com, "Using OAuth 2.0 for Server to Server Applications" (2026), and
refusals seen from the real endpoint.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
from msgspec import Struct

from gateway.sandbox.accounts import Account
from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Answer, Refused, parse_object
from gateway.sandbox.formats.google.generate import Surface
from gateway.sandbox.formats.google.parsing import BadValue, read_bytes
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.rsa import verify
from gateway.sandbox.script import Failure
from gateway.sandbox.world import World

TOKEN_PATH = "/token"  # noqa: S105  # a path
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = (
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
)
_SKEW_S = 300
_MAX_LIFE_S = 3600
_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class _Assertion(Struct, frozen=True):
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


class TokenDesk(Surface):
    """See `gateway.sandbox.formats.base.Format`: one operation, that issues tokens."""

    name = "vertex"

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def route(self, call: Call) -> str:
        """Know the one path."""
        if call.method != "POST":
            raise _refuse("invalid_request", "Method not allowed.", 405)
        return "token"

    def identify(self, call: Call) -> str:
        """Nobody has to: the assertion is the credential."""
        del call
        return ""

    def answer(self, operation: str, call: Call) -> Answer:
        """Check the assertion and issue a token."""
        del operation
        form = {name: values[-1] for name, values in parse_qs(call.body.decode("latin-1")).items()}
        if form.get("grant_type") != _GRANT:
            found = form.get("grant_type", "")
            raise _refuse("unsupported_grant_type", f"Invalid grant_type: {found}")
        assertion = _parse(form.get("assertion", ""))
        account = self._check(assertion, call)
        body = {
            "access_token": self._world.accounts.issue(account, call.received),
            "expires_in": account.lifetime_s,
            "token_type": "Bearer",
        }
        return Answer(orjson.dumps(body))

    def _check(self, assertion: _Assertion, call: Call) -> Account:
        account = self._world.accounts.find(str(assertion.claims.get("iss")))
        if account is None:
            raise _refuse("invalid_grant", "Invalid grant: account not found")
        account.asked += 1
        if account.failures:
            status = account.failures.popleft()
            raise _refuse("internal_failure", "The service failed as it was told to.", status)
        key_id = assertion.header.get("kid")
        wrong_key = None not in (account.key_id, key_id) and key_id != account.key_id
        if wrong_key or not verify(account.key, assertion.signed, assertion.signature):
            raise _refuse("invalid_grant", "Invalid JWT Signature.")
        _check_claims(assertion.claims, call)
        return account

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Only a request that is too large can fail here."""
        del failure, prompt, retry_after
        return _refuse("invalid_request", "The request is too large.", 413)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body as OAuth has it."""
        del request_id
        return orjson.dumps(refused.error, option=orjson.OPT_INDENT_2)


def _refuse(code: str, description: str, status: int = 400) -> Refused:
    return Refused(status, {"error": code, "error_description": description})


def _parse(text: str) -> _Assertion:
    parsed = _take_apart(text)
    if parsed is None:
        raise _refuse("invalid_request", "Invalid JWT: it cannot be parsed.")
    if parsed.header.get("alg") != "RS256":
        raise _refuse("invalid_grant", "Invalid JWT: Unsupported algorithm.")
    return parsed


def _take_apart(text: str) -> _Assertion | None:
    signed, _, signature = text.rpartition(".")
    pieces = signed.split(".")
    if not text.isascii() or len(pieces) != 2:
        return None
    try:
        header, claims = (parse_object(read_bytes(piece)) for piece in pieces)
        mark = read_bytes(signature)
    except BadValue:
        return None
    if header is None or claims is None:
        return None
    return _Assertion(header, claims, signed.encode(), mark)


def _check_claims(claims: Mapping[str, Any], call: Call) -> None:
    own = f"http://{call.header('host')}/vertex{TOKEN_PATH}"
    if claims.get("aud") not in (*_AUDIENCES, own):
        raise _refuse("invalid_grant", "Invalid JWT: Failed audience check.")
    issued: Any = claims.get("iat")
    expires: Any = claims.get("exp")
    now = call.received
    is_sound = _is_time(issued) and _is_time(expires) and expires - issued <= _MAX_LIFE_S
    if not is_sound or expires < now - _SKEW_S or issued > now + _SKEW_S:
        raise _refuse("invalid_grant", _TIMES)
    if not claims.get("scope") and not claims.get("target_audience"):
        raise _refuse("invalid_scope", "Empty or missing scope not allowed.")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
