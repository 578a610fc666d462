"""`/admin/v1/users/{id}/limits`: what a user may use, and how much of it is used."""

from typing import Any

import msgspec

from gateway.accounting.cost import format_usd
from gateway.accounting.limits.counters import USER, Standing, counters_of
from gateway.accounting.limits.reserve import NOTHING
from gateway.accounting.limits.slots import read_standings
from gateway.accounting.limits.windows import windows_at
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.identity.admin_tokens import Admin
from gateway.identity.changes import LimitChange
from gateway.types.account import UserRecord
from gateway.types.limits import LIMIT_NAMES, LimitSet, merge_limits


async def show_limits(services: Services, request: IncomingRequest, admin: Admin) -> Reply:  # noqa: ARG001
    """Return a user's own limits, those in force, and what is used of these now."""
    record = await services.users.get(request.path_params["user_id"])
    return json_reply(await _shown(services, record))


async def put_limits(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Give a user these limits in place of all they had; a kind left out is the operator's default."""
    user_id = request.path_params["user_id"]
    change = LimitChange(await request.read_as(LimitSet))
    record = await services.users.change(user_id, change)
    await services.audit.record(admin.token.id, "user.limits", user_id, address=request.peer)
    return json_reply(await _shown(services, record))


def public_limits(limits: LimitSet) -> dict[str, Any]:
    """Return limits as the API shows them, every member present; dollars are decimal strings."""
    return {name: msgspec.to_builtins(getattr(limits, name)) for name in LIMIT_NAMES}


async def _shown(services: Services, record: UserRecord) -> dict[str, Any]:
    snapshot = services.snapshots.current
    in_force = merge_limits(record.limits, snapshot.config.limits.user)
    windows = windows_at(services.clock.now(), snapshot.zone)
    counters = counters_of({USER: in_force}, NOTHING, windows)
    standings = await read_standings(services.store, record.id, counters)
    return {
        "object": "limits",
        "user_id": record.id,
        "limits": public_limits(record.limits),
        "in_force": public_limits(in_force),
        "now": [_public_standing(standing) for standing in standings],
    }


def _public_standing(standing: Standing) -> dict[str, Any]:
    counter = standing.counter
    amounts = {"limit": counter.limit, "used": standing.used, "reserved": standing.held}
    if counter.is_cost:
        shown: dict[str, Any] = {name: format_usd(nano) for name, nano in amounts.items()}
    else:
        shown = dict(amounts)
    return {"measure": counter.measure.value, **shown, "resets": counter.window.end or None}
