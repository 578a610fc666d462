"""`gateway token`: add, list and revoke tokens. `--admin` is how the first admin comes to be."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.local import ACTOR, Local, run_local
from gateway.cli.options import local_options, show, show_table
from gateway.endpoints.me import minted_token, public_token
from gateway.identity.minting import TokenRequest
from gateway.identity.user_tokens import Minted
from gateway.types.account import USER_NEEDS, Need, TokenInfo

_COLUMNS = ("id", "name", "last4", "allows", "created", "expires", "created_by")
_WHOSE = "Give USER (an id or an external id), or --admin."


@click.group()
def command() -> None:
    """Add, list and revoke the tokens of users and admins."""


@command.command()
@local_options
@click.argument("user", required=False)
@click.option("--admin", is_flag=True, help="A token for the admin API instead of a user's.")
@click.option("--name", default="cli", show_default=True, help="What the token is for.")
@click.option("--ttl", type=int, help="Seconds until it expires; without it, never.")
@click.option(
    "--allow",
    "allows",
    multiple=True,
    type=click.Choice([need.value for need in USER_NEEDS]),
    help="What it may do; repeat it. Default: chat and context:write.",
)
def add(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,  # click passes options by name
    user: str | None,
    admin: bool,
    name: str,
    ttl: int | None,
    allows: tuple[str, ...],
) -> None:
    """Make a token for USER and print it, this once."""
    if admin == (user is not None):
        raise click.UsageError(_WHOSE)
    needs = tuple(Need(each) for each in allows) or None
    wanted = TokenRequest(name=name, ttl=ttl, allows=needs)

    async def work(local: Local) -> Minted:
        if user is None:
            minted, target = await local.admins.mint(wanted, created_by=ACTOR), "admin"
        else:
            record = await local.find_user(user)
            minted = await local.tokens.mint(record.id, wanted, created_by=ACTOR)
            target = record.id
        await local.audit.record(ACTOR, "token.mint", f"{target}/{minted.info.id}")
        return minted

    minted = run_local(config_path, data_dir, work)
    if as_json:
        show(minted_token(minted), as_json=True)
    else:
        click.echo(minted.token.reveal())


@command.command("list")
@local_options
@click.argument("user", required=False)
@click.option("--admin", is_flag=True, help="The admin tokens instead of a user's.")
def list_(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,
    user: str | None,
    admin: bool,
) -> None:
    """List the tokens of USER, never the tokens themselves."""
    if admin == (user is not None):
        raise click.UsageError(_WHOSE)

    async def work(local: Local) -> list[TokenInfo]:
        if user is None:
            return await local.admins.list_tokens()
        return await local.tokens.list_tokens((await local.find_user(user)).id)

    rows: list[dict[str, Any]] = [public_token(t) for t in run_local(config_path, data_dir, work)]
    show_table(rows, _COLUMNS, as_json=as_json)


@command.command()
@local_options
@click.argument("token_id")
@click.option("--user", help="Whose token it is; without it, an admin token.")
def revoke(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,
    token_id: str,
    user: str | None,
) -> None:
    """Revoke a token by its id: it holds from the next request on."""
    if token_id.startswith("gw_"):
        raise click.UsageError("Give the token's id (see `gateway token list`), not the token.")

    async def work(local: Local) -> TokenInfo:
        if user is None:
            revoked = await local.admins.revoke(token_id)
        else:
            revoked = await local.tokens.revoke((await local.find_user(user)).id, token_id)
        await local.audit.record(ACTOR, "token.revoke", token_id)
        return revoked

    show({"revoked": run_local(config_path, data_dir, work).id}, as_json=as_json)
