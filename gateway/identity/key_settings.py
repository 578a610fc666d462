"""The settings of a provider key, and the audience they make: where its secret may be sent. Pure.

Settings become parts of host names and paths, so each has one narrow shape.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from gateway.config.snapshot import ProviderEntry, Snapshot
from gateway.errors import InvalidRequest
from gateway.upstream.addresses import AllowRule
from gateway.upstream.guard import check_endpoint
from gateway.upstream.origin import canonical_origin

OWN_ENDPOINT: Final = "openai_compatible"
"""The type of a key that belongs to an endpoint its user chose."""
_OWN_FORMAT: Final = "own_endpoint"  # no wire format: configured providers may be compatible too

_SHAPES: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "azure_resource": re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])"),
        "azure_deployment": re.compile(r"[A-Za-z0-9](?:\.?[A-Za-z0-9_-]){0,63}"),
        "api_version": re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?|v1|preview|latest"),
        "region": re.compile(r"[a-z]{2,20}(?:-[a-z]{2,20}){0,3}(?:-?\d{1,2})?"),
        "project": re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{6,20}"),
    }
)
_SETTINGS_OF: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        _OWN_FORMAT: ("endpoint",),
        "azure": ("azure_resource", "azure_deployment", "api_version"),
        "bedrock": ("region",),
        "vertex": ("region", "project"),
    }
)
_KNOWN: Final = ("endpoint", *_SHAPES)
# We build these hosts ourselves, from a checked region: the word says whose they are.
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {"bedrock": "aws:bedrock", "vertex": "google:vertex", "gemini": "google:gemini"}
)


class EndpointRules(Struct, frozen=True):
    """What the operator allows as own endpoints; `own_origins` are this gateway's own URLs."""

    allow_http: bool = False
    allowed: tuple[AllowRule, ...] = ()
    own_origins: tuple[str, ...] = ()


def allow_rules(snapshot: Snapshot) -> tuple[AllowRule, ...]:
    """Return the operator's exceptions for users' own endpoints. Raises ConfigError."""
    return tuple(AllowRule.parse(rule) for rule in snapshot.config.endpoints.allow)


def endpoint_rules(snapshot: Snapshot) -> EndpointRules:
    """Return what users may name as their own endpoints. Raises ConfigError."""
    return EndpointRules(
        allow_http=snapshot.config.endpoints.allow_http, allowed=allow_rules(snapshot)
    )


def format_of(type_: str, name: str, providers: Mapping[str, ProviderEntry]) -> str:
    """Return what a key of a type is checked against: the provider's wire format, or `own_endpoint`.

    Raises InvalidRequest for a type that is no configured provider, and for a key that would take
    a configured provider's name while being for another.
    """
    if name in providers and type_ != name:
        raise InvalidRequest(
            "The name is that of a configured provider; choose another name for this key.",
            param="name",
        )
    if type_ == OWN_ENDPOINT:
        return _OWN_FORMAT
    entry = providers.get(type_)
    if entry is None:
        raise InvalidRequest(
            f"Must be a provider of this gateway, or '{OWN_ENDPOINT}' with settings.endpoint for "
            "an endpoint of your own.",
            param="type",
        )
    return entry.type


def check_settings(
    format_: str, settings: Mapping[str, str], rules: EndpointRules
) -> dict[str, str]:
    """Return the settings in canonical form. Raises InvalidRequest with `settings.…` as param."""
    allowed = _SETTINGS_OF.get(format_, ())
    for name in settings:
        if name not in allowed:
            param = f"settings.{name}" if name in _KNOWN else "settings"
            used = ", ".join(allowed) or "none"
            raise InvalidRequest(f"Settings of this type of key: {used}.", param=param)
    if format_ == _OWN_FORMAT:
        return {"endpoint": _check_endpoint(settings, rules)}
    if format_ == "azure" and "azure_resource" not in settings:
        raise InvalidRequest("Required for this provider.", param="settings.azure_resource")
    for name, value in settings.items():
        if _SHAPES[name].fullmatch(value) is None:
            raise InvalidRequest("Does not have the shape of one.", param=f"settings.{name}")
    return dict(settings)


def audience_for(type_: str, settings: Mapping[str, str]) -> str:
    """Return where the secret of such a key may be sent.

    The exact origin where the settings choose the host (own endpoints, Azure); a fixed word where
    the gateway or its operator does. Raises ValueError for settings that `check_settings` did not
    make.
    """
    if type_ == OWN_ENDPOINT:
        return canonical_origin(settings.get("endpoint", ""))
    if "azure_resource" in settings:
        return canonical_origin(f"https://{settings['azure_resource']}.openai.azure.com")
    return _WORDS.get(type_, type_)


def _check_endpoint(settings: Mapping[str, str], rules: EndpointRules) -> str:
    if "endpoint" not in settings:
        raise InvalidRequest("Required for an endpoint of your own.", param="settings.endpoint")
    return check_endpoint(
        settings["endpoint"],
        allow_http=rules.allow_http,
        allowed=rules.allowed,
        own_origins=rules.own_origins,
    ).url
