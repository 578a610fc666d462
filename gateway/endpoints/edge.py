"""The edge: every HTTP request passes here, whatever its route.

Gives the request its id, authenticates by the route's declared need, turns every error into
OpenAI's JSON shape, counts, and writes the one line of the access log.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.routing import Route as PathRoute, Router
from starlette.types import Message, Receive, Scope, Send

from gateway import metrics
from gateway.endpoints.log import ACCESS
from gateway.endpoints.needs import authorize
from gateway.endpoints.replies import error_reply, send_head, send_reply
from gateway.endpoints.requests import ClientGone, IncomingRequest
from gateway.endpoints.routes import Route, check_routes
from gateway.endpoints.services import Services
from gateway.endpoints.unserved import refuse_path
from gateway.errors import GatewayError, Internal, MethodNotAllowed, RecordIntegrity

log = logging.getLogger("gateway.edge")

_CLIENT_GONE = 499  # as nginx logs it: never sent
_ON_EVERY_REPLY = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


class Edge:
    """The ASGI application: the routes, and what is common to them."""

    def __init__(self, services: Services, routes: Sequence[Route]) -> None:
        check_routes(routes)
        self._services = services
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        paths = [
            PathRoute(path, _PathEndpoint(services, methods)) for path, methods in by_path.items()
        ]
        self._router = Router(paths, redirect_slashes=False, default=refuse_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request. Lifespan is the worker's business, websockets are refused."""
        if scope["type"] != "http":
            await _refuse_other(scope, receive, send)
            return
        exchange = _HttpExchange(self._services, scope, receive, send)
        await exchange.run(self._router)


class _PathEndpoint:
    """One path and its methods."""

    def __init__(self, services: Services, methods: Mapping[str, Route]) -> None:
        self._services = services
        self._methods = methods

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        exchange: _HttpExchange = scope["gateway.exchange"]
        route = self._methods.get(scope["method"])
        if route is None:
            allowed = ", ".join(sorted(self._methods))
            raise MethodNotAllowed(f"This path answers {allowed}.")
        exchange.route = route.path
        request = exchange.open_request(scope)
        arguments = await authorize(self._services, request, route)
        reply = await route.handler(self._services, request, *arguments)
        if reply is not None:
            await send_reply(exchange.send, reply)


class _HttpExchange:
    """One request and its answer: id, status and summary for metrics and log."""

    def __init__(self, services: Services, scope: Scope, receive: Receive, send: Send) -> None:
        self.route = "unknown"
        self.ended = False
        self.is_event_stream = False
        self.outlives_client = False
        self.is_muted = False
        self.status = 0
        self.summary: dict[str, Any] = {}
        self._services = services
        self._scope = scope
        self._receive = receive
        self._send = send
        self._clock = services.clock
        self._received = self._clock.now()
        self._started = self._clock.monotonic()
        self._request_id = services.new_request_id()

    @property
    def started(self) -> bool:
        """Whether the response head is out."""
        return self.status != 0

    def open_request(self, scope: Scope) -> IncomingRequest:
        """Return the routed request for the endpoint, its headers checked."""
        return IncomingRequest(
            scope,
            self._receive,
            downstream=self,
            request_id=self._request_id,
            received=self._received,
            started=self._started,
            max_body=self._services.snapshots.current.config.limits.max_body_bytes,
            summary=self.summary,
        )

    async def run(self, router: Router) -> None:
        """Route the request and answer whatever comes of it."""
        scope = {**self._scope, "gateway.exchange": self}
        metrics.IN_FLIGHT.inc()
        try:
            await router(scope, self._receive, self.send)
        except GatewayError as error:
            await self._answer_error(error)
        except ClientGone:
            self.status = _CLIENT_GONE
        except Exception:  # the last resort: a bug becomes a 500 that says nothing
            log.exception("unexpected", extra={"fields": {"request_id": self._request_id}})
            await self._answer_error(Internal("Internal error. Quote the x-request-id header."))
        finally:
            metrics.IN_FLIGHT.dec()
            self._report()

    async def send(self, message: Message) -> None:
        """Pass an ASGI message on; the head gets what every reply carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = ((b"x-request-id", self._request_id.encode()), *_ON_EVERY_REPLY)
            message = {**message, "headers": [*message["headers"], *own]}
        await self._send(message)

    def outlive_client(self) -> None:
        """Read the answer to its end even if the client hangs up (the pipeline's downstream)."""
        self.outlives_client = True

    def mute(self) -> None:
        """Let what is written from now on go nowhere: the client has hung up."""
        self.is_muted = True

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the response head (the pipeline's downstream)."""
        if self.is_muted:
            return
        self.is_event_stream = headers.get("content-type", "").startswith("text/event-stream")
        await send_head(self.send, status, headers)

    async def write(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body (the pipeline's downstream)."""
        self.ended = not more
        if self.is_muted:
            return
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _answer_error(self, error: GatewayError) -> None:
        if isinstance(error, RecordIntegrity):
            metrics.INTEGRITY_FAILURES.inc()
        self.summary.update(code=error.code, origin=error.origin.value)
        if self.status == 0:
            await send_reply(self.send, error_reply(error))
        # else: the head is out; closing without an end tells the client that the answer is cut.

    def _report(self) -> None:
        seconds = self._clock.monotonic() - self._started
        origin = str(self.summary.get("origin", "none"))
        metrics.REQUESTS.labels(self.route, str(self.status), origin).inc()
        metrics.REQUEST_SECONDS.labels(self.route).observe(seconds)
        fields = {
            "request_id": self._request_id,
            "method": self._scope["method"],
            "route": self.route,
            "status": self.status,
            "duration_ms": round(seconds * 1000, 1),
            **self.summary,
        }
        ACCESS.info("request", extra={"fields": fields})


async def _refuse_other(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
