"""What a local command works with: the store of the data directory, opened with its keys.

It works beside a running gateway, through the same store, and without one.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct

from gateway.app import key_keeper, process_environment
from gateway.catalogue.lookup import Catalogue
from gateway.config.load import load
from gateway.config.snapshot import Snapshot, compile_config
from gateway.config.system_clock import SystemClock
from gateway.errors import ConfigError, GatewayError
from gateway.identity.admin_tokens import AdminTokens
from gateway.identity.audit import AuditLog
from gateway.identity.ids import is_user_id
from gateway.identity.key_settings import endpoint_rules
from gateway.identity.provider_keys import Offer, ProviderKeys
from gateway.identity.user_tokens import UserTokens
from gateway.identity.users import Users
from gateway.privacy.desk import Privacy
from gateway.privacy.kinds import KindList
from gateway.rotation.dek import DekRotation
from gateway.store.base import Store
from gateway.store.local import open_local_store
from gateway.types.account import UserRecord
from gateway.vault.keeper import RingKeeper
from gateway.vault.vault import Vault

T = TypeVar("T")
ACTOR = "cli"
_GRACE_S = 600.0  # a command is over long before


class Local(Struct, frozen=True):
    """The parts of the gateway that commands use."""

    store: Store
    snapshot: Snapshot
    keeper: RingKeeper
    vault: Vault
    users: Users
    tokens: UserTokens
    admins: AdminTokens
    provider_keys: ProviderKeys
    audit: AuditLog
    privacy: Privacy
    deks: DekRotation

    @property
    def offer(self) -> Offer:
        """What a user's keys may be for."""
        return Offer(self.snapshot.providers, endpoint_rules(self.snapshot))

    async def find_user(self, name: str) -> UserRecord:
        """Return a user by id or external id. Raises NotFound."""
        if is_user_id(name):
            return await self.users.get(name)
        return await self.users.find(name)


@asynccontextmanager
async def open_local(config_path: Path | None, data_dir: Path) -> AsyncIterator[Local]:
    """Open the store and its keys for the duration of a command. Raises ConfigError, StoreAway."""
    loaded = load(config_path)
    url = loaded.secrets.store_url.reveal() if loaded.secrets.store_url else None
    async with open_local_store(data_dir, url) as store:
        clock = SystemClock()
        keeper = key_keeper(store, loaded.config, data_dir, clock, "a command", lambda: _GRACE_S)
        unlocked = await keeper.open(process_environment())
        try:
            for notice in unlocked.notices:
                click.echo(notice, err=True)
            keys, vault = unlocked.keys, Vault(keeper.rings)
            snapshot = compile_config(loaded.config, loaded.secrets, Catalogue.load())
            users, audit = Users(store, vault, clock), AuditLog(store, clock)
            kinds = KindList(store, lambda: snapshot.kinds)
            yield Local(
                store=store,
                snapshot=snapshot,
                keeper=keeper,
                vault=vault,
                users=users,
                tokens=UserTokens(store, keys.pepper, clock),
                admins=AdminTokens(store, keys.pepper, clock),
                provider_keys=ProviderKeys(store, vault, keys.fingerprint_key, clock),
                audit=audit,
                privacy=Privacy(store, users, audit, clock, kinds, keys.receipt_key),
                deks=DekRotation(store, vault),
            )
        finally:
            await keeper.aclose()


def run_local(config_path: Path | None, data_dir: Path, work: Callable[[Local], Awaitable[T]]) -> T:
    """Run a command's work on the store; a fault is said in a line and exits with 1."""

    async def run() -> T:
        async with open_local(config_path, data_dir) as local:
            return await work(local)

    try:
        return asyncio.run(run())
    except GatewayError as error:
        place = f" ({error.param})" if error.param else ""
        click.echo(f"gateway: {error.message}{place}", err=True)
    except ConfigError as error:
        click.echo(f"gateway: {error}", err=True)
    sys.exit(1)
