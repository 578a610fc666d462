"""`gateway usage`: what was used and what it cost, as a table."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct

from gateway.accounting.span import Span, read_groups, read_span
from gateway.accounting.usage import GROUPS, read_sums
from gateway.accounting.usage_csv import flat_total, head_line, lines, total_columns
from gateway.cli.local import Local, run_local
from gateway.cli.options import local_options, show_table
from gateway.config.system_clock import SystemClock
from gateway.endpoints.admin_usage import every_user, user_columns
from gateway.endpoints.usage_query import USER_GROUP
from gateway.identity.ids import is_user_id

_NUMBERS: Final = ("requests", "attempts", "tokens", "cost_usd", "estimated", "aborted", "unpriced")
_ALL_GROUPS: Final = (*GROUPS, USER_GROUP)


class _Found(Struct, frozen=True):
    """Totals by group, and altogether."""

    span: Span
    group_by: Sequence[str]
    groups: Sequence[Mapping[str, Any]]
    total: Mapping[str, Any]


@click.command()
@local_options
@click.option("--user", help="Only this user's (an id or an external id).")
@click.option("--from", "first", help="First day, YYYY-MM-DD (UTC); default: 29 days before --to.")
@click.option("--to", "last", help="Last day, YYYY-MM-DD (UTC); default: today.")
@click.option(
    "--group-by",
    default="day",
    show_default=True,
    help=f"One or more of {', '.join(_ALL_GROUPS)}, joined by commas.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets.")
def command(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,  # click passes options by name
    user: str | None,
    first: str | None,
    last: str | None,
    group_by: str,
    as_csv: bool,
) -> None:
    """Show what was used and what it cost: of everyone, or of one user.

    Costs are US dollars. `estimated` and `aborted` are attempts whose tokens the provider did not
    report; `unpriced` are those whose price is not known, which cost nothing here.
    """
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both.")

    async def work(local: Local) -> _Found:
        span = read_span(first, last, datetime.fromtimestamp(SystemClock().now(), UTC).date())
        groups = read_groups(group_by, GROUPS if user else _ALL_GROUPS)
        return await _read(local, span, groups, user)

    found = run_local(config_path, data_dir, work)
    if as_csv:
        columns = total_columns(found.group_by)
        click.echo(head_line(columns) + lines(columns, map(flat_total, found.groups)), nl=False)
    elif as_json:
        click.echo(json.dumps(_public(found)))
    else:
        _show(found)


async def _read(local: Local, span: Span, groups: Sequence[str], user: str | None) -> _Found:
    if user is not None:
        user = user if is_user_id(user) else (await local.users.find(user)).id
    inner = [name for name in groups if name != USER_GROUP]
    sums = await read_sums(local.store, user, span.days, inner)
    if USER_GROUP not in groups:
        return _Found(span, groups, sums.groups(), sums.total())
    every = every_user(local.store, local.users.index, span.days, groups)
    return _Found(span, user_columns(groups), [group async for group in every], sums.total())


def _public(found: _Found) -> dict[str, Any]:
    days = {"from": found.span.days[0], "to": found.span.days[-1]}
    return {**days, "group_by": found.group_by, "data": found.groups, "total": found.total}


def _show(found: _Found) -> None:
    rows = [{**group, **_numbers(group)} for group in found.groups]
    name, *others = found.group_by
    rows.append({name: "total", **dict.fromkeys(others, ""), **_numbers(found.total)})
    show_table(rows, (*found.group_by, *_NUMBERS), as_json=False, right=_NUMBERS)


def _numbers(total: Mapping[str, Any]) -> dict[str, Any]:
    split = total["by_certainty"]
    return {
        "requests": total["requests"],
        "attempts": total["attempts"],
        "tokens": total["total_tokens"],
        "cost_usd": f"{Decimal(total['cost_usd']):.9f}",
        "estimated": split["estimated"]["attempts"],
        "aborted": split["aborted"]["attempts"],
        "unpriced": total["unpriced_requests"],
    }
