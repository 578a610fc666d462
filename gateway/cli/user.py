"""`gateway user`: add, list, show and remove users; set what they prefer."""

from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.local import ACTOR, Local, run_local
from gateway.cli.options import local_options, show, show_table
from gateway.cli.user_limits import limits
from gateway.endpoints.me import public_user
from gateway.identity.changes import NewUser, UserChange
from gateway.identity.ids import is_user_id
from gateway.rotation.dek import DekRotated
from gateway.types.account import UserRecord

_COLUMNS = ("id", "external_id", "name", "provider", "default_model", "disabled")
_PAGE = 200


@click.group()
def command() -> None:
    """Add, list, show, change, limit and remove users."""


command.add_command(limits)


@command.command()
@local_options
@click.option("--external-id", help="Your own id of this user; unique.")
@click.option("--name", help="A name to show.")
@click.option("--provider", help="The provider this user prefers.")
@click.option("--model", help="The model this user prefers.")
def add(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,  # click passes options by name
    external_id: str | None,
    name: str | None,
    provider: str | None,
    model: str | None,
) -> None:
    """Add a user and print the new id."""
    new = NewUser(external_id=external_id, name=name, preferences=_preferences(provider, model))

    async def work(local: Local) -> UserRecord:
        record = await local.users.create(new, local.snapshot.providers.keys())
        await local.audit.record(ACTOR, "user.create", record.id)
        return record

    show(_shown(run_local(config_path, data_dir, work)), as_json=as_json)


@command.command("set")
@local_options
@click.argument("user")
@click.option("--provider", help="The provider this user prefers.")
@click.option("--model", help="The model this user prefers.")
def set_(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,
    user: str,
    provider: str | None,
    model: str | None,
) -> None:
    """Change what USER (an id or an external id) prefers."""
    change = UserChange(preferences=_preferences(provider, model))

    async def work(local: Local) -> UserRecord:
        record = await local.find_user(user)
        record = await local.users.change(record.id, change, local.snapshot.providers.keys())
        await local.audit.record(ACTOR, "user.change", record.id)
        return record

    show(_shown(run_local(config_path, data_dir, work)), as_json=as_json)


@command.command("list")
@local_options
def list_(config_path: Path | None, data_dir: Path, as_json: bool) -> None:
    """List all users, oldest first."""

    async def work(local: Local) -> list[UserRecord]:
        found: list[UserRecord] = []
        cursor: str | None = None
        while True:
            page = await local.users.index.page(cursor, _PAGE)
            found += page.users
            cursor = page.next_cursor
            if cursor is None:
                return found

    rows = [_shown(record) for record in run_local(config_path, data_dir, work)]
    show_table(rows, _COLUMNS, as_json=as_json)


@command.command("show")
@local_options
@click.argument("user")
def show_(config_path: Path | None, data_dir: Path, as_json: bool, user: str) -> None:
    """Show USER (an id or an external id)."""

    async def work(local: Local) -> UserRecord:
        return await local.find_user(user)

    show(public_user(run_local(config_path, data_dir, work)), as_json=as_json)


@command.command()
@local_options
@click.argument("user")
@click.confirmation_option("--yes", prompt="Remove this user, their keys and their context?")
def remove(config_path: Path | None, data_dir: Path, as_json: bool, user: str) -> None:
    """Erase USER (an id or an external id) and print the signed receipt.

    A running gateway, or the next one to start, also has the store's files written anew.
    """

    async def work(local: Local) -> dict[str, Any]:
        user_id = user if is_user_id(user) else (await local.find_user(user)).id
        receipt = await local.privacy.erasure.erase(user_id, ACTOR)
        return local.privacy.signer.sign(receipt)

    show(run_local(config_path, data_dir, work), as_json=as_json)


@command.command("rotate-dek")
@local_options
@click.argument("user")
def rotate_dek(config_path: Path | None, data_dir: Path, as_json: bool, user: str) -> None:
    """Give USER (an id or an external id) a new data key, and seal everything of theirs under it.

    Serving goes on. A call that was cut short is finished by the next one.
    """

    async def work(local: Local) -> DekRotated:
        record = await local.find_user(user)
        done = await local.deks.rotate(record.id)
        await local.audit.record(ACTOR, "user.rotate_dek", record.id)
        return done

    done = run_local(config_path, data_dir, work)
    show(msgspec.structs.asdict(done), as_json=as_json)


def _preferences(provider: str | None, model: str | None) -> dict[str, Any]:
    named = {"provider": provider, "default_model": model}
    return {name: value for name, value in named.items() if value is not None}


def _shown(record: UserRecord) -> dict[str, Any]:
    user = public_user(record)
    preferences = user["preferences"]
    return {name: user.get(name, preferences.get(name)) for name in _COLUMNS}
