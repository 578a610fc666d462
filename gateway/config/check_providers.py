"""The checks of the `providers` section. Pure."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from gateway.config.builtin import BUILTIN_PROVIDERS, LABELS
from gateway.config.schema_providers import ProviderConfig
from gateway.config.urls import base_url_fault
from gateway.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}", re.ASCII)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_MAX_HEADER = 4_096
# What the gateway writes itself: a second value would be a second truth, or a leak.
_OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "api-key",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-api-key",
        "x-goog-api-key",
    }
)


def check_providers(providers: Mapping[str, ProviderConfig]) -> Iterator[ConfigError]:
    """Yield every fault of the section."""
    for name, provider in providers.items():
        path = f"providers.{name}"
        if not _NAME.fullmatch(name):
            yield ConfigError("a name has lower-case letters, digits, '-', '_' and '.'", path)
        yield from _check_type(name, provider, path)
        yield from _check_headers(provider.headers, f"{path}.headers")
        if provider.platform_key_env is not None and provider.platform_key_file is not None:
            yield ConfigError("give only one of platform_key_env and platform_key_file", path)
        if provider.label is not None and provider.label not in LABELS:
            known = ", ".join(sorted(LABELS))
            yield ConfigError(f"must be one of {known}", f"{path}.label")


def _check_type(name: str, provider: ProviderConfig, path: str) -> Iterator[ConfigError]:
    kind = provider.type or name
    builtin = BUILTIN_PROVIDERS.get(kind)
    if builtin is None:
        close = get_close_matches(kind, BUILTIN_PROVIDERS, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        if provider.type is None:
            message = f"'{name}' is no built-in provider, so it needs a type{hint}"
        else:
            message = f"there is no provider type '{kind}'{hint}"
        yield ConfigError(message, f"{path}.type")
    elif provider.enabled and provider.base_url is None and builtin.base_url is None:
        yield ConfigError(f"a provider of type '{kind}' needs a base_url", f"{path}.base_url")
    if provider.base_url is not None and (fault := base_url_fault(provider.base_url)):
        yield ConfigError(fault, f"{path}.base_url")


def _check_headers(headers: Mapping[str, str], path: str) -> Iterator[ConfigError]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            yield ConfigError("is no header name", f"{path}.{name}")
        elif name.lower() in _OUR_HEADERS:
            yield ConfigError("is written by the gateway itself", f"{path}.{name}")
        if not value.isascii() or not value.isprintable() or len(value) > _MAX_HEADER:
            yield ConfigError("has a value no header can carry", f"{path}.{name}")
