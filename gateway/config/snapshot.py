"""The configuration as a request sees it: compiled once, immutable, swapped whole.

A request takes `snapshots.current` once, at its beginning, and finishes on it whatever happens
meanwhile.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.catalogue.lookup import Catalogue
from gateway.config.builtin import BUILTIN_PROVIDERS, label_of
from gateway.config.kinds import compile_kinds
from gateway.config.overrides import apply_override, find_override
from gateway.config.pricing import (
    agreed_price,
    discounted_price,
    own_endpoint_price,
    price_or_ceiling,
)
from gateway.config.schema import Config
from gateway.config.schema_models import AliasTarget, ModelOverride
from gateway.config.schema_providers import PlatformKeyFor, ProviderConfig, Timeouts
from gateway.config.secrets import Secrets
from gateway.types.account import Scope
from gateway.types.models import ModelInfo, ModelPrice
from gateway.types.secret import Secret

_CACHED_NAMES = 4096  # model names come from clients


class ProviderEntry(Struct, frozen=True):
    """A provider that is switched on, with everything the config says of it filled in.

    `audience` is what a user's key for it is sealed for: a fixed word, because the host is the
    operator's. `settings` are those of the operator (`api_version`, `region`, …).
    """

    name: str
    type: str
    base_url: str
    audience: str
    label: str
    key_required: bool
    timeouts: Timeouts
    platform_key: Secret | None = None
    platform_key_for: PlatformKeyFor = PlatformKeyFor.ALL
    headers: Mapping[str, str] = {}
    settings: Mapping[str, str] = {}
    default_model: str | None = None
    scope_ceiling: Scope | None = None


class Snapshot:
    """One configuration, compiled. Make it with `compile_config`; nothing in it ever changes."""

    def __init__(
        self, config: Config, providers: Mapping[str, ProviderEntry], catalogue: Catalogue
    ) -> None:
        self.config = config
        self.hash = config_hash(config)
        self.providers = MappingProxyType(dict(providers))
        self.aliases: Mapping[str, tuple[AliasTarget, ...]] = MappingProxyType(
            dict(config.models.aliases)
        )
        self.kinds = compile_kinds(config)
        self.zone = ZoneInfo(config.limits.timezone)
        self.own_endpoint_price = own_endpoint_price(config.prices)
        self.catalogue = catalogue
        self._model = lru_cache(maxsize=_CACHED_NAMES)(self._describe)
        self._elsewhere = lru_cache(maxsize=_CACHED_NAMES)(self._lists_elsewhere)

    def model(self, provider: str, model: str) -> ModelInfo:
        """Return what is known of a model at a provider; `known=False` where that is nothing."""
        return self._model(provider, model)

    def sets_price(self, provider: str, model: str) -> bool:
        """Whether the config itself gives a model's price."""
        override = find_override(self.config.models.overrides.get(provider, {}), model)
        return override is not None and override.price is not None

    def lists(self, provider: str, model: str) -> bool:
        """Whether the catalogue or the operator names this model at a configured provider."""
        entry = self.providers.get(provider)
        if entry is None:
            return False
        overrides = self.config.models.overrides.get(provider, {})
        return model in overrides or self.catalogue.lists(entry.type, model)

    def lists_elsewhere(self, provider: str, model: str) -> bool:
        """Whether another configured provider than this one names the model."""
        return self._elsewhere(provider, model)

    def known_models(self, provider: str) -> Mapping[str, ModelInfo]:
        """Return the models a configured provider is known to offer, by id."""
        entry = self.providers.get(provider)
        if entry is None:
            return {}
        own = (name for name in self.config.models.overrides.get(provider, {}) if "*" not in name)
        names = dict.fromkeys([*self.catalogue.models(entry.type), *own])
        return {name: self.model(provider, name) for name in names}

    def _describe(self, provider: str, model: str) -> ModelInfo:
        entry = self.providers.get(provider)
        if entry is None:
            return ModelInfo(provider, model, known=False)
        info = replace(self.catalogue.describe(entry.type, model), provider=provider)
        table = self.config.models.overrides.get(provider, {})
        if model in table and not info.known:
            info = replace(info, known=True)
        override = find_override(table, model)
        price = self._price(info, model, override)
        return replace(info if override is None else apply_override(info, override), price=price)

    def _price(self, info: ModelInfo, model: str, override: ModelOverride | None) -> ModelPrice:
        prices = self.config.prices
        if override is not None and override.price is not None:
            return agreed_price(override.price)
        price = discounted_price(info.price, prices.discounts, info.provider, model)
        return price_or_ceiling(price, prices)

    def _lists_elsewhere(self, provider: str, model: str) -> bool:
        return any(self.lists(other, model) for other in self.providers if other != provider)

    def __repr__(self) -> str:
        return f"Snapshot({self.hash[:12]})"


class Snapshots:
    """Holds the snapshot that new requests take."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._current = snapshot

    @property
    def current(self) -> Snapshot:
        """The snapshot in force now."""
        return self._current

    def swap(self, snapshot: Snapshot) -> None:
        """Put another snapshot in force; requests in flight keep theirs."""
        self._current = snapshot


def compile_config(config: Config, secrets: Secrets, catalogue: Catalogue) -> Snapshot:
    """Compile a checked configuration. It has no faults left, so nothing is raised here."""
    entries = {entry.name: entry for entry in _entries(config, secrets)}
    return Snapshot(config, entries, catalogue)


def config_hash(config: Config) -> str:
    """Return the SHA-256 of a configuration; secrets are no part of it, only their places."""
    return sha256(msgspec.json.encode(config, order="deterministic")).hexdigest()


def _entries(config: Config, secrets: Secrets) -> Iterator[ProviderEntry]:
    """Yield the providers of the file, then the built-in ones it does not mention."""
    for name, provider in config.providers.items():
        if provider.enabled:
            yield _entry(name, provider, config, secrets)
    for name, builtin in BUILTIN_PROVIDERS.items():
        if name not in config.providers and builtin.offered:
            yield _entry(name, ProviderConfig(), config, secrets)


def _entry(name: str, provider: ProviderConfig, config: Config, secrets: Secrets) -> ProviderEntry:
    kind = provider.type or name
    builtin = BUILTIN_PROVIDERS[kind]
    required = provider.key_required
    return ProviderEntry(
        name=name,
        type=kind,
        base_url=(provider.base_url or builtin.base_url or "").rstrip("/"),
        audience=name,
        label=provider.label or label_of(name, kind),
        key_required=builtin.key_required if required is None else required,
        timeouts=_timeouts(config.timeouts, provider),
        platform_key=secrets.platform_keys.get(name),
        platform_key_for=provider.platform_key_for,
        headers={header.lower(): value for header, value in provider.headers.items()},
        settings=_settings(provider),
        default_model=provider.default_model,
        scope_ceiling=provider.scope_ceiling,
    )


def _settings(provider: ProviderConfig) -> dict[str, str]:
    version = {"api_version": provider.api_version} if provider.api_version else {}
    return {**provider.settings, **version}


def _timeouts(common: Timeouts, provider: ProviderConfig) -> Timeouts:
    own = msgspec.structs.asdict(provider.timeouts)
    return replace(common, **{name: value for name, value in own.items() if value is not None})
