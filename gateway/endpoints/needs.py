"""Checks what a route demands of its caller. The one place where access is decided."""

from ipaddress import ip_address, ip_network
from typing import Any

from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.routes import Route
from gateway.endpoints.services import Services
from gateway.errors import NotAllowed
from gateway.identity.accounts import Caller
from gateway.types.account import USER_NEEDS, Need


async def authorize(services: Services, request: IncomingRequest, route: Route) -> tuple[Any, ...]:
    """Return what the handler gets beside the request: nobody, a caller, or an admin.

    Raises AuthenticationFailed, NotAllowed, StoreAway.
    """
    authorization, need = request.headers.get("authorization"), route.need
    if need is Need.OPEN:
        return ()
    if need is Need.METRICS:
        if not _from_allowed_network(services, request.peer):
            await services.admins.authenticate(authorization)
        return ()
    started = services.clock.monotonic()
    if need is Need.ADMIN:
        admin = await services.admins.authenticate(authorization)
        request.summary["admin"] = admin.token.id
        return (admin,)
    if route.admits:
        caller = await services.chat.entrance.recognize(authorization)
    else:
        caller = await services.accounts.authenticate(authorization)
    request.summary.update(user=caller.user_id, token=caller.token.id)
    request.timing["auth"] = (services.clock.monotonic() - started) * 1000
    _require(caller, need)
    return (caller,)


def _require(caller: Caller, need: Need) -> None:
    assert need in USER_NEEDS  # noqa: S101  # the others are answered above
    if need not in caller.token.allows:
        raise NotAllowed(
            f"This token may not do this: the route needs '{need.value}'. "
            "Use a token that allows it, or mint one."
        )


def _from_allowed_network(services: Services, peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    allowed = services.snapshots.current.config.metrics.allow
    return any(address in ip_network(network, strict=False) for network in allowed)
