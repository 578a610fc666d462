"""The transport for addresses that nobody vouches for: it shows where a redirect leads.

Every other transport treats a redirect as a broken reply. Here it is an answer, for a caller that
judges the next address like the first.
"""

from typing import Self

import httpx

from gateway.types.clock import Clock
from gateway.upstream.dial import Dialer
from gateway.upstream.dialled import DialledTransport
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.transport import Limits

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Redirected(Exception):
    """The server wants us elsewhere. `location` is as it was sent, None if it names not one place."""

    def __init__(self, location: str | None) -> None:
        super().__init__("redirected")
        self.location = location


class VisitTransport(HttpxTransport):
    """A `Transport` whose `send` also raises Redirected, and which keeps no connection."""

    @classmethod
    def dialled(cls, dialer: Dialer, clock: Clock, limits: Limits = Limits()) -> Self:  # noqa: B008  # frozen
        """Return the transport over our dial; of `limits` only `max_connections` matters."""
        return cls(_Visits(dialer, clock, Limits(limits.max_connections, max_idle=0)), clock)


class _Visits(DialledTransport):
    """Stops at a redirect, before its head is taken for a reply's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if response.status_code not in _REDIRECTS:
            return response
        await response.aclose()
        locations = response.headers.get_list("location")
        raise Redirected(locations[0] if len(locations) == 1 else None)
