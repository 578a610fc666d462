"""What types cannot say of a configuration: references that lead nowhere, values that clash. Pure."""

import ipaddress
from collections.abc import Iterator, Mapping

from gateway.config.builtin import BUILTIN_PROVIDERS
from gateway.config.check_context import check_context
from gateway.config.check_limits import check_limits
from gateway.config.check_prices import check_override, check_prices, discounted_provider
from gateway.config.check_providers import check_providers
from gateway.config.schema import Config
from gateway.config.schema_providers import ProviderConfig
from gateway.config.urls import allow_rule_fault, store_url_fault
from gateway.errors import ConfigError


def check(config: Config) -> list[ConfigError]:
    """Return every fault of a configuration whose types are right."""
    return [
        *_check_sources(config),
        *check_providers(config.providers),
        *_check_models(config),
        *_check_networks(config),
        *_check_orders(config),
        *_check_user_defaults(config),
        *_check_discounts(config),
        *check_prices(config.prices),
        *check_context(config.context),
        *check_limits(config.limits),
    ]


def is_enabled(name: str, providers: Mapping[str, ProviderConfig]) -> bool:
    """Whether a provider of this name will be there: from the file, or built in."""
    if name in providers:
        return providers[name].enabled
    builtin = BUILTIN_PROVIDERS.get(name)
    return builtin is not None and builtin.offered


def _check_sources(config: Config) -> Iterator[ConfigError]:
    store, keys = config.store, config.keys
    if sum(place is not None for place in (store.url, store.url_env, store.url_file)) > 1:
        yield ConfigError("give only one of url, url_env and url_file", "store")
    if store.url is not None and (fault := store_url_fault(store.url)):
        yield ConfigError(fault, "store.url")
    if sum(bool(place) for place in (keys.kek_file, keys.kek_env, keys.kek_command)) > 1:
        yield ConfigError("give only one of kek_file, kek_env and kek_command", "keys")
    if keys.kek_command and not keys.kek_command[0].startswith("/"):
        yield ConfigError("must begin with the absolute path of a program", "keys.kek_command")
    if keys.pepper_file is not None and keys.pepper_env is not None:
        yield ConfigError("give only one of pepper_file and pepper_env", "keys")
    if keys.receipt_file is not None and keys.receipt_env is not None:
        yield ConfigError("give only one of receipt_file and receipt_env", "keys")


def _check_models(config: Config) -> Iterator[ConfigError]:
    models = config.models
    for alias, targets in models.aliases.items():
        path = f"models.aliases.{alias}"
        if not targets:
            yield ConfigError("an alias needs at least one target", path)
        for place, target in enumerate(targets):
            if not is_enabled(target.provider, config.providers):
                yield _no_provider(target.provider, f"{path}[{place}].provider")
            if not target.model:
                yield ConfigError("must not be empty", f"{path}[{place}].model")
    for provider, table in models.overrides.items():
        if not is_enabled(provider, config.providers):
            yield _no_provider(provider, f"models.overrides.{provider}")
        for model, override in table.items():
            yield from check_override(override, f"models.overrides.{provider}.{model}")


def _check_discounts(config: Config) -> Iterator[ConfigError]:
    for name in config.prices.discounts:
        provider = discounted_provider(name)
        if "*" not in provider and not is_enabled(provider, config.providers):
            yield _no_provider(provider, f"prices.discounts.{name}")


def _check_networks(config: Config) -> Iterator[ConfigError]:
    for place, rule in enumerate(config.endpoints.allow):
        if fault := allow_rule_fault(rule):
            yield ConfigError(fault, f"endpoints.allow[{place}]")
    for place, network in enumerate(config.metrics.allow):
        try:
            ipaddress.ip_network(network)
        except ValueError:
            yield ConfigError(
                "must be a network like 10.0.0.0/8, without host bits", f"metrics.allow[{place}]"
            )


def _check_orders(config: Config) -> Iterator[ConfigError]:
    """Find pairs of values of which the one must not exceed the other."""
    retries, timeouts, context = config.retries, config.timeouts, config.context
    if retries.backoff_base_s > retries.backoff_cap_s:
        yield ConfigError("must not exceed backoff_cap_s", "retries.backoff_base_s")
    for name in ("connect_s", "first_token_s", "gap_s"):
        if getattr(timeouts, name) > timeouts.total_s:
            yield ConfigError("must not exceed total_s", f"timeouts.{name}")
    if context.default_scope.rank > context.ceiling.rank:
        yield ConfigError("must not be above the ceiling", "context.default_scope")
    if config.media.max_bytes > config.media.max_total_bytes:
        yield ConfigError("must not exceed max_total_bytes", "media.max_bytes")


def _check_user_defaults(config: Config) -> Iterator[ConfigError]:
    defaults = config.user_defaults
    if defaults.provider is not None and not is_enabled(defaults.provider, config.providers):
        yield _no_provider(defaults.provider, "user_defaults.provider")
    if defaults.default_model is not None and defaults.provider is None:
        yield ConfigError("needs user_defaults.provider beside it", "user_defaults.default_model")


def _no_provider(name: str, path: str) -> ConfigError:
    return ConfigError(f"there is no provider '{name}', or it is switched off", path)
