"""`gateway key`: a user's provider keys. A secret is read from standard input, never an argument."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.local import ACTOR, Local, run_local
from gateway.cli.options import local_options, show, show_table
from gateway.endpoints.me import public_key
from gateway.identity.provider_keys import KeyChange
from gateway.types.account import ProviderKeyInfo

_COLUMNS = ("name", "type", "audience", "last4", "fingerprint", "health", "last_used")


@click.group()
def command() -> None:
    """Set, list and remove the provider keys of users."""


@command.command("set")
@local_options
@click.argument("user")
@click.argument("name")
@click.option("--type", "type_", help="The provider it is for; default: NAME.")
@click.option("--setting", "settings", multiple=True, metavar="KEY=VALUE", help="Repeat it.")
def set_(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,  # click passes options by name
    user: str,
    name: str,
    type_: str | None,
    settings: tuple[str, ...],
) -> None:
    """Save the key NAME of USER; the secret comes from standard input.

    A secret that begins with "{" is read as JSON (AWS key pairs, Google service accounts).
    """
    change = KeyChange(type=type_, secret=_read_secret(), settings=_read_settings(settings))

    async def work(local: Local) -> ProviderKeyInfo:
        record = await local.find_user(user)
        info, _ = await local.provider_keys.put(record.id, name, change, local.offer)
        await local.audit.record(ACTOR, "key.set", f"{record.id}/{name}")
        return info

    show(public_key(run_local(config_path, data_dir, work)), as_json=as_json)


@command.command("list")
@local_options
@click.argument("user")
def list_(config_path: Path | None, data_dir: Path, as_json: bool, user: str) -> None:
    """List the provider keys of USER, without their secrets."""

    async def work(local: Local) -> list[ProviderKeyInfo]:
        return await local.provider_keys.list_keys((await local.find_user(user)).id)

    rows = [public_key(info) for info in run_local(config_path, data_dir, work)]
    show_table(rows, _COLUMNS, as_json=as_json)


@command.command()
@local_options
@click.argument("user")
@click.argument("name")
def remove(config_path: Path | None, data_dir: Path, as_json: bool, user: str, name: str) -> None:
    """Remove the key NAME of USER."""

    async def work(local: Local) -> None:
        record = await local.find_user(user)
        await local.provider_keys.remove(record.id, name)
        await local.audit.record(ACTOR, "key.remove", f"{record.id}/{name}")

    run_local(config_path, data_dir, work)
    show({"removed": name}, as_json=as_json)


def _read_secret() -> Any:
    if sys.stdin.isatty():
        text = click.prompt("Secret", hide_input=True, err=True)
    else:
        text = sys.stdin.read()
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise click.UsageError("The secret begins like JSON, but is not valid JSON.") from None


def _read_settings(pairs: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--setting takes KEY=VALUE, not {pair!r}.")
        settings[name] = value
    return settings
