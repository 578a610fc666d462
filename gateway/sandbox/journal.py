"""What exactly arrived: the last requests, headers and bodies, secrets replaced by their SHA-256."""

import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from msgspec import Struct

from gateway.sandbox.asgi import Call

MAX_REQUESTS = 200
MAX_BYTES = 4_000_000

_SECRET_HEADERS = frozenset(
    ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "cookie")
)
_SECRET_QUERIES = frozenset(("key", "access_token"))
_SECRET_FIELDS = frozenset(("assertion", "client_secret", "refresh_token", "access_token"))
_FORM = "application/x-www-form-urlencoded"


class Entry(Struct, frozen=True):
    """One request as it arrived. `path` is the whole path; `body` is raw."""

    client_request_id: str
    request_id: str
    received: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def as_json(self) -> dict[str, Any]:
        """Return the entry for a reader: the body parsed where it is JSON, else as text."""
        try:
            body = orjson.loads(self.body) if self.body else None
        except orjson.JSONDecodeError:
            body = self.body.decode("utf-8", "replace")
        return {
            "client_request_id": self.client_request_id,
            "request_id": self.request_id,
            "received": self.received,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": body,
        }


class Journal:
    """The last requests, bounded in number and in bytes."""

    def __init__(self, max_requests: int = MAX_REQUESTS, max_bytes: int = MAX_BYTES) -> None:
        self._entries: deque[Entry] = deque()
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._bytes = 0

    def add(self, call: Call, path: str, request_id: str, now: float) -> None:
        """Keep a request; the oldest make room."""
        entry = Entry(
            client_request_id=call.header("x-client-request-id") or request_id,
            request_id=request_id,
            received=now,
            method=call.method,
            path=path,
            query=_hide_query(call.query),
            headers={name: hide_secret(name, value) for name, value in call.headers.items()},
            body=_hide_form(call),
        )
        self._entries.append(entry)
        self._bytes += len(entry.body)
        while len(self._entries) > self._max_requests or (
            self._bytes > self._max_bytes and len(self._entries) > 1
        ):
            self._bytes -= len(self._entries.popleft().body)

    def entries(self, client_request_id: str | None = None) -> list[Entry]:
        """Return entries, newest first: all of them, or those of one client request id."""
        return [
            entry
            for entry in reversed(self._entries)
            if client_request_id in (None, entry.client_request_id)
        ]

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()
        self._bytes = 0


def fingerprint(value: str | bytes) -> str:
    """Return the SHA-256 of a secret, or of anything too big to keep, in hexadecimal."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()


def hide_secret(name: str, value: str) -> str:
    """Return a header's value, or `sha256:…` of the credential in it (without "Bearer ")."""
    if name not in _SECRET_HEADERS:
        return value
    scheme, _, rest = value.partition(" ")
    return f"sha256:{fingerprint(rest if scheme.lower() == 'bearer' else value)}"


def _hide_query(query: str, secret: frozenset[str] = _SECRET_QUERIES) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    hidden = [
        (name, f"sha256:{fingerprint(value)}" if name in secret else value) for name, value in pairs
    ]
    return urlencode(hidden)


def _hide_form(call: Call) -> bytes:
    """Return the body; the credentials of a form, such as a token request is, replaced."""
    if not call.header("content-type").startswith(_FORM):
        return call.body
    return _hide_query(call.body.decode("utf-8", "replace"), _SECRET_FIELDS).encode()
