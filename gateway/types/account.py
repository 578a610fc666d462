"""What a user owns and prefers, as the other stages see it. No secrets, no sealed bytes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from gateway.types.limits import NO_LIMITS, LimitSet


class Scope(StrEnum):
    """How deep a request may look into its user's context, from nothing to everything."""

    NONE = "none"
    MINIMAL = "minimal"
    STANDARD = "standard"
    COMPREHENSIVE = "comprehensive"

    @property
    def rank(self) -> int:
        """0 for none … 3 for comprehensive; compare scopes by rank."""
        return _SCOPE_ORDER.index(self)


_SCOPE_ORDER = (Scope.NONE, Scope.MINIMAL, Scope.STANDARD, Scope.COMPREHENSIVE)


def lower_scope(*scopes: Scope | None) -> Scope | None:
    """Return the lowest of the scopes that are set, None if none is."""
    given = [scope for scope in scopes if scope is not None]
    return min(given, key=lambda scope: scope.rank) if given else None


class OnDisconnect(StrEnum):
    """What happens to the upstream call when the client hangs up."""

    CANCEL = "cancel"
    DRAIN = "drain"


class UnsupportedPolicy(StrEnum):
    """How strictly fields are judged that a provider does not take."""

    STRICT = "strict"  # also what only changes sampling is refused
    LENIENT = "lenient"  # refused is what changes the answer
    DROP_ALL = "drop_all"  # everything is dropped, except tools: those are never lost silently


class ContextPreference(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The user's default scope, and kinds switched off by default."""

    scope: Scope | None = None
    off: tuple[str, ...] = ()


class Preferences(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a user has chosen (design 3.2); everything is optional.

    `provider` names a provider key of the user or a configured provider. `model_map` maps a model
    name an application asks for to `model` or `provider/model`. `fallbacks` are `provider/model`
    (or `provider` alone: its default model), in order. `context_policy` maps a provider to the
    highest scope it may see.
    """

    provider: str | None = None
    default_model: str | None = None
    model_map: Mapping[str, str] = {}
    fallbacks: tuple[str, ...] = ()
    context: ContextPreference = ContextPreference()
    context_policy: Mapping[str, Scope] = {}
    on_disconnect: OnDisconnect = OnDisconnect.CANCEL
    timezone: str = "UTC"


class ProviderKeyInfo(Struct, frozen=True, omit_defaults=True):
    """A user's provider key as shown back to its owner: everything but the secret.

    `audience` is where the secret may be sent: the exact origin for own endpoints and Azure,
    a fixed word (`openai`, `anthropic`, …) where the operator's config gives the host.
    Times are Unix seconds.
    """

    name: str
    type: str
    settings: Mapping[str, str]
    audience: str
    last4: str
    fingerprint: str
    created: int
    last_used: int | None = None
    health: str = "unknown"  # unknown | ok | rejected


class Need(StrEnum):
    """What a route demands of its caller; a route that declares none does not start."""

    OPEN = "open"
    CHAT = "chat"
    CONTEXT_WRITE = "context:write"
    CONTEXT_READ = "context:read"
    ACCOUNT = "account"
    ADMIN = "admin"
    METRICS = "metrics"


USER_NEEDS = (Need.CHAT, Need.CONTEXT_WRITE, Need.CONTEXT_READ, Need.ACCOUNT)
DEFAULT_ALLOWS = (Need.CHAT, Need.CONTEXT_WRITE)


class TokenBound(Struct, frozen=True):
    """A token with limits, by which the tokens made with it are bound together with it."""

    id: str
    limits: LimitSet


class TokenInfo(Struct, frozen=True, omit_defaults=True):
    """A token as shown to its owner: never the token itself. Times are Unix seconds.

    `within` are the limited tokens that it comes from, the first one first: what it uses counts
    there too, so that a limit cannot be multiplied by making tokens.
    """

    id: str
    name: str
    last4: str
    created: int
    allows: tuple[Need, ...]
    created_by: str = "user"  # user | admin | cli
    expires: int | None = None
    scope_ceiling: Scope | None = None
    models: tuple[str, ...] | None = None  # allow-list of model names, None: all
    admin: bool = False
    limits: LimitSet = NO_LIMITS
    within: tuple[TokenBound, ...] = ()


class UserRecord(Struct, frozen=True, omit_defaults=True):
    """A user as the operator sees it. `id` is random and never changes."""

    id: str
    created: int
    external_id: str | None = None
    name: str | None = None
    disabled: bool = False
    platform_keys: bool | None = None  # may use the operator's keys; None: as the config says
    scope_ceiling: Scope | None = None
    preferences: Preferences = Preferences()
    metadata: Mapping[str, Any] = {}
    limits: LimitSet = NO_LIMITS


class AccountView(Struct, frozen=True):
    """What routing needs of a user: the record and the provider keys by name."""

    record: UserRecord
    keys: Mapping[str, ProviderKeyInfo]
