"""What a route is: a path, a method, what it demands of its caller, and who answers."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from gateway.endpoints.replies import Reply
from gateway.errors import ConfigError
from gateway.types.account import Need

Handler = Callable[..., Awaitable[Reply | None]]


class Route(Struct, frozen=True):
    """One route: the edge authenticates by `need` and calls `handler` with what that gives.

    A user need: `(services, request, caller)`; ADMIN: `(services, request, admin)`;
    OPEN and METRICS: `(services, request)`. A handler returns a Reply, or None when it has
    answered itself through `request.downstream`. With `admits`, the caller is recognized from memory
    where it is known, and the handler has the store confirm it together with its limits.
    """

    method: str
    path: str
    need: Need
    handler: Handler
    admits: bool = False


def check_routes(routes: Sequence[Route]) -> None:
    """Raise ConfigError for a route that declares no need, or that stands there twice."""
    seen: set[tuple[str, str]] = set()
    for route in routes:
        if not isinstance(route.need, Need):
            raise ConfigError(f"route {route.method} {route.path} declares no need")
        if (route.method, route.path) in seen:
            raise ConfigError(f"route {route.method} {route.path} is declared twice")
        seen.add((route.method, route.path))
