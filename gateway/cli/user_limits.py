"""`gateway user limits`: what a user may use."""

from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.local import ACTOR, Local, run_local
from gateway.cli.options import local_options, show
from gateway.endpoints.limits import public_limits
from gateway.errors import InvalidRequest
from gateway.identity.changes import LimitChange
from gateway.types.limits import LIMIT_NAMES, LimitSet, merge_limits

_NONE = "none"


@click.command("limits")
@local_options
@click.argument("user")
@click.option("--requests-per-minute", metavar="N")
@click.option("--tokens-per-minute", metavar="N")
@click.option("--concurrent", metavar="N", help="Requests at the same time.")
@click.option("--cost-per-day-usd", metavar="DOLLARS")
@click.option("--cost-per-month-usd", metavar="DOLLARS")
def limits(
    config_path: Path | None, data_dir: Path, as_json: bool, user: str, **given: str | None
) -> None:
    """Show or change what USER (an id or an external id) may use.

    A limit that is not named stays as it is; `none` takes it away, and the operator's default for
    every user holds again.
    """
    wanted = {name: text for name, text in given.items() if text is not None}

    async def work(local: Local) -> dict[str, Any]:
        record = await local.find_user(user)
        if wanted:
            change = LimitChange(_changed(record.limits, wanted))
            record = await local.users.change(record.id, change)
            await local.audit.record(ACTOR, "user.limits", record.id)
        default = local.snapshot.config.limits.user
        return {
            "user_id": record.id,
            "limits": public_limits(record.limits),
            "in_force": public_limits(merge_limits(record.limits, default)),
        }

    shown = run_local(config_path, data_dir, work)
    if as_json:
        show(shown, as_json=True)
        return
    own, in_force = shown["limits"], shown["in_force"]
    rows = {name: _line(own[name], in_force[name]) for name in LIMIT_NAMES}
    show({"user_id": shown["user_id"], **rows}, as_json=False)


def _changed(own: LimitSet, wanted: dict[str, str]) -> LimitSet:
    members = {**msgspec.structs.asdict(own), **wanted}
    members = {name: value for name, value in members.items() if value not in (None, _NONE)}
    try:
        return msgspec.convert(members, LimitSet, strict=False)
    except msgspec.ValidationError:
        raise InvalidRequest(f"Give each limit as a number, or '{_NONE}'.") from None


def _line(own: Any, in_force: Any) -> str:
    if in_force is None:
        return "-"
    return f"{in_force}" if own is not None else f"{in_force} (every user's)"
