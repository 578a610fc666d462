"""Builders of users and configurations, so that a test shows only what it is about."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from gateway.catalogue.lookup import Catalogue
from gateway.config.check import check
from gateway.config.parse import parse
from gateway.config.secrets import Secrets
from gateway.config.snapshot import Snapshot, compile_config
from gateway.types.account import AccountView, Preferences, ProviderKeyInfo, UserRecord
from gateway.types.secret import Secret


@cache
def catalogue() -> Catalogue:
    return Catalogue.load()


def configured(value: Mapping[str, Any] | None = None, **platform_keys: str) -> Snapshot:
    """A snapshot of a configuration without faults, with these platform keys."""
    config = parse(value or {})
    assert check(config) == []
    secrets = Secrets({name: Secret(key) for name, key in platform_keys.items()})
    return compile_config(config, secrets, catalogue())


def key(
    name: str, kind: str | None = None, *, created: int = 1, **settings: str
) -> ProviderKeyInfo:
    """A user's provider key; with `endpoint` it is that of an endpoint of theirs."""
    audience = kind or name
    if "endpoint" in settings:
        scheme, _, rest = settings["endpoint"].partition("://")
        audience = f"{scheme}://{rest.partition('/')[0]}"
    return ProviderKeyInfo(
        name=name,
        type=kind or name,
        settings=settings,
        audience=audience,
        last4="abcd",
        fingerprint="f",
        created=created,
    )


def user(
    *keys: ProviderKeyInfo | str, platform_keys: bool | None = None, **preferences: Any
) -> AccountView:
    """A user with these keys and preferences."""
    named = [key(k) if isinstance(k, str) else k for k in keys]
    record = UserRecord("u", 1, platform_keys=platform_keys, preferences=Preferences(**preferences))
    return AccountView(record, {k.name: k for k in named})
