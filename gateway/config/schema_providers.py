"""The `providers` and `timeouts` sections of the config file."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from gateway.types.account import Scope

Positive = Annotated[float, Meta(gt=0, le=86_400)]


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True):
    """Separate limits for each stage of an attempt, and `total_s` for the whole request."""

    connect_s: Positive = 5.0
    first_token_s: Positive = 120.0
    gap_s: Positive = 60.0
    total_s: Positive = 600.0


class TimeoutsOverride(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider's own limits; what is left out is as under `timeouts`."""

    connect_s: Positive | None = None
    first_token_s: Positive | None = None
    gap_s: Positive | None = None


class PlatformKeyFor(StrEnum):
    """Who may use the operator's key of a provider, where they have none of their own."""

    ALL = "all"  # everybody, but for users whom the operator has excluded
    LISTED = "listed"  # only users of whom the operator has said so (`platform_keys: true`)
    NONE = "none"  # nobody


class ProviderConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One provider, by the name that users, aliases and dashboards call it.

    `type` is the wire format and defaults to the name. `base_url` defaults to the vendor's.
    """

    type: str | None = None
    base_url: str | None = None
    enabled: bool = True
    platform_key_env: str | None = None
    platform_key_file: str | None = None
    platform_key_for: PlatformKeyFor = PlatformKeyFor.ALL
    key_required: bool | None = None
    headers: Mapping[str, str] = {}
    api_version: str | None = None
    settings: Mapping[str, str] = {}
    timeouts: TimeoutsOverride = TimeoutsOverride()
    default_model: str | None = None
    scope_ceiling: Scope | None = None
    label: str | None = None
