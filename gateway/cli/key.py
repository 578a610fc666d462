"""`gateway key`: a user's provider keys. A secret is read from standard input, never an argument."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from gateway.cli.local import ACTOR, Local, run_local
from gateway.cli.options import local_options, show, show_table
from gateway.config.system_clock import SystemClock
from gateway.endpoints.me import public_key
from gateway.endpoints.probe import public_report
from gateway.errors import NotFound
from gateway.identity.account import Account, account_commands, read_account
from gateway.identity.key_settings import allow_rules
from gateway.identity.provider_keys import KeyChange
from gateway.offers.asking import Asker
from gateway.offers.key_check import KeyReport, check_key
from gateway.types.account import ProviderKeyInfo
from gateway.upstream.connections import tls_context
from gateway.upstream.dial import Dialer
from gateway.upstream.exchange import GOOGLE_TOKEN_URL, TokenExchange
from gateway.upstream.httpx_transport import HttpxTransport
from gateway.upstream.resolve import SystemResolver

_COLUMNS = ("name", "type", "audience", "last4", "fingerprint", "health", "last_used")


@click.group()
def command() -> None:
    """Set, list, test and remove the provider keys of users."""


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


@command.command("test")
@local_options
@click.argument("user")
@click.argument("name")
def test_(config_path: Path | None, data_dir: Path, as_json: bool, user: str, name: str) -> None:
    """Send the provider a cheap request with the key NAME of USER; exit with 1 if it is not taken."""

    async def work(local: Local) -> KeyReport:
        account = await _find_account(local, user)
        async with _open_asker(local) as asker:
            report = await check_key(asker, account, local.snapshot, name)
        await local.audit.record(ACTOR, "key.test", f"{account.record.id}/{name}")
        return report

    report = run_local(config_path, data_dir, work)
    show(public_report(report), as_json=as_json)
    sys.exit(0 if report.error is None else 1)


async def _find_account(local: Local, user: str) -> Account:
    record = await local.find_user(user)
    account = read_account(record.id, await local.store.run_many(account_commands(record.id)))
    if account is None:  # removed since
        raise NotFound("No such user.")
    return account


@asynccontextmanager
async def _open_asker(local: Local) -> AsyncIterator[Asker]:
    """Open what a worker has for asking providers, for the length of one command."""
    clock = SystemClock()
    tls, rules = tls_context(local.snapshot), allow_rules(local.snapshot)
    dialer = Dialer(SystemResolver(), tls, allowed=rules)
    transport = HttpxTransport.dialled(dialer, clock)
    token_url = local.snapshot.config.upstream.google_token_url or GOOGLE_TOKEN_URL
    tokens = TokenExchange(transport, clock, token_url=token_url)
    try:
        yield Asker(local.provider_keys, transport, tokens, clock)
    finally:
        await tokens.aclose()
        await transport.aclose()
        await dialer.aclose()


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
