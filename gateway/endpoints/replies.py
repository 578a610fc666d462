"""What goes back: JSON bodies, errors in OpenAI's shape, and the headers every reply carries."""

import math
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct
from starlette.types import Send

from gateway.errors import GatewayError
from gateway.wire.errors import error_body

_RETRYABLE = (408, 409, 429)


class Reply(Struct, frozen=True):
    """A finished answer of an endpoint."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def json_reply(value: Any, status: int = 200) -> Reply:
    """Return a value as JSON. Personal answers must not be kept by caches on the way."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Reply(status, orjson.dumps(value), headers)


def error_reply(error: GatewayError) -> Reply:
    """Return an error in OpenAI's shape, saying whose fault it is and whether to try again."""
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-gateway-error-origin": error.origin.value,
        **error.headers,
    }
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    elif error.status in _RETRYABLE or error.status >= 500:
        # The SDK's own retries would multiply ours: no, unless a wait is named.
        headers["x-should-retry"] = "false"
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Reply(error.status, error_body(error), headers)


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a finished answer."""
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    await send_head(send, reply.status, headers)
    await send({"type": "http.response.body", "body": reply.body})


async def send_head(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """Send a response head; values that are no plain ASCII are made so."""
    raw = [(name.encode(), header_safe(value).encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


def header_safe(value: str) -> str:
    """Return a value fit for a header: printable ASCII, everything else as `?`."""
    return "".join(c if " " <= c <= "~" else "?" for c in value)
