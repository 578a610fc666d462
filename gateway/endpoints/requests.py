"""One HTTP request as the endpoints see it: headers checked, body read within limits."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from gateway.errors import (
    GatewayError,
    InvalidRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from gateway.exchange import Downstream
from gateway.identity.reading import read_as
from gateway.types.json import JsonObject
from gateway.wire.json_body import read_json_object

T = TypeVar("T")


class ClientGone(Exception):
    """The client hung up before its answer was complete: nobody is left to answer."""


class IncomingRequest:
    """A request: method, path, headers (lower-case names), query, and the body on demand."""

    def __init__(  # noqa: PLR0913  # set once, by the edge
        self,
        scope: Scope,
        receive: Receive,
        *,
        downstream: Downstream,
        request_id: str,
        received: float,
        started: float,
        max_body: int,
        summary: dict[str, Any],
    ) -> None:
        self.downstream = downstream
        self.request_id = request_id
        self.received = received  # Unix seconds
        self.started = started  # monotonic seconds
        self.summary = summary  # what the access log says
        self.timing: dict[str, float] = {}  # milliseconds by stage
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.path_params: Mapping[str, str] = scope.get("path_params", {})
        self.headers = _read_headers(scope)
        self._scope = scope
        self._receive = receive
        self._max_body = max_body

    @property
    def peer(self) -> str:
        """The address of the peer."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""

    @property
    def query(self) -> dict[str, str]:
        """The query string's parameters; a repeated one is refused."""
        pairs = parse_qsl(self._scope.get("query_string", b"").decode("latin-1"), max_num_fields=50)
        query: dict[str, str] = {}
        for name, value in pairs:
            if name in query:
                raise InvalidRequest(f"Query parameter '{name}' is given twice.", param=name)
            query[name] = value
        return query

    def limit_body(self, max_bytes: int) -> None:
        """Take no larger body than this; never a larger one than the operator allows."""
        self._max_body = min(self._max_body, max_bytes)

    async def read_body(self) -> bytes:
        """Return the whole body.

        Raises UnsupportedMediaType, PayloadTooLarge (before reading, where the length is
        announced) and ClientGone.
        """
        media_type = self.headers.get("content-type", "")
        if not _is_json(media_type):
            raise UnsupportedMediaType(
                "Send 'Content-Type: application/json' with a JSON body.", param="content-type"
            )
        if self.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedMediaType(
                "Compressed bodies are not accepted; send the JSON as it is.",
                param="content-encoding",
            )
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body:
            raise self._too_large()
        return await self._read_all()

    async def read_object(self) -> JsonObject:
        """Return the body as a JSON object. Raises InvalidRequest and what `read_body` raises."""
        return read_json_object(await self.read_body())

    async def read_as(self, kind: type[T]) -> T:
        """Return the body as a typed value; unknown members and wrong types name their path."""
        return read_as(await self.read_object(), kind)

    async def wait_disconnect(self) -> None:
        """Return when the client hangs up. Call it only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _read_all(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> GatewayError:
        return PayloadTooLarge(
            f"The body is larger than {self._max_body} bytes. Send less, or ask the operator to "
            "raise limits.max_body_bytes."
        )


def _is_json(media_type: str) -> bool:
    kind, _, parameters = media_type.partition(";")
    if kind.strip().lower() != "application/json":
        return False
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return charset in ("", "utf-8", "utf8")


def _read_headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1")
        if name == "authorization" and name in headers:
            raise InvalidRequest(
                "Two Authorization headers: send exactly one.", code="ambiguous_credentials"
            )
        headers[name] = raw_value.decode("latin-1")
    return headers
