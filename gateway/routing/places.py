"""Where a user may send: a provider together with whose key, by the name a request calls it."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from gateway.config.schema_providers import PlatformKeyFor
from gateway.config.snapshot import ProviderEntry, Snapshot
from gateway.errors import ProviderKeyMissing
from gateway.types.account import AccountView, ProviderKeyInfo
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target

OWN_ENDPOINT_TYPE = "openai_compatible"
OWN_ENDPOINT_LABEL = "own_endpoint"
_ENDPOINT = "endpoint"


class Place(Struct, frozen=True):
    """A provider as one user sees it. `entry` is None for the user's own endpoint.

    `source` is None where the user has no key for it and may not use the operator's.
    """

    name: str
    entry: ProviderEntry | None
    key: ProviderKeyInfo | None
    source: KeySource | None

    @property
    def usable(self) -> bool:
        """Whether a request of this user could be sent there."""
        return self.source is not None

    def lists(self, model: str, snapshot: Snapshot) -> bool:
        """Whether this provider is known to have the model; nothing is known of own endpoints."""
        if self.entry is None:
            return False
        if "/" in model:  # patterns of the catalogue also match `other-provider/model`
            return model in snapshot.known_models(self.entry.name)
        return snapshot.lists(self.entry.name, model)

    def has_list(self, snapshot: Snapshot) -> bool:
        """Whether any of this provider's models are known."""
        return self.entry is not None and bool(snapshot.known_models(self.entry.name))

    def takes_slashes(self, snapshot: Snapshot) -> bool:
        """Whether a name with a slash in it may be one of this provider's own."""
        if self.entry is None:
            return True
        names = snapshot.known_models(self.entry.name)
        return not names or any("/" in name for name in names)


def find_place(name: str, user: AccountView, snapshot: Snapshot) -> Place | None:
    """Return what a name stands for: a configured provider, or one of the user's keys.

    A configured provider keeps its name even if a user's key of another type has taken it.
    """
    if name in snapshot.providers:
        return configured_place(name, user, snapshot)
    key = user.keys.get(name)
    if key is None:
        return None
    if is_own_endpoint(key):
        return Place(name, None, key, KeySource.OWN)
    entry = snapshot.providers.get(key.type)
    return None if entry is None else Place(entry.name, entry, key, KeySource.OWN)


def configured_place(name: str, user: AccountView, snapshot: Snapshot) -> Place | None:
    """Return a configured provider with the key a request of this user would use."""
    entry = snapshot.providers.get(name)
    if entry is None:
        return None
    key = _own_key(entry, user)
    if key is not None:
        return Place(name, entry, key, KeySource.OWN)
    if entry.platform_key is not None and _may_use_platform_key(entry, user, snapshot):
        return Place(name, entry, None, KeySource.PLATFORM)
    return Place(name, entry, None, None if entry.key_required else KeySource.NONE)


def own_places(user: AccountView, snapshot: Snapshot) -> Iterator[Place]:
    """Yield the places the user has a key for, one for each key."""
    for name in user.keys:
        place = find_place(name, user, snapshot)
        if place is not None and place.source is KeySource.OWN:
            yield place


def is_own_endpoint(key: ProviderKeyInfo) -> bool:
    """Whether a key belongs to an endpoint that its user chose."""
    return key.type == OWN_ENDPOINT_TYPE and _ENDPOINT in key.settings


def target_at(place: Place, model: str, snapshot: Snapshot) -> Target:
    """Return the target for a model at a place. Raises ProviderKeyMissing, with the cure."""
    if place.source is None:
        raise key_missing(place.name)
    if place.entry is None:
        return _endpoint_target(place, model, snapshot)
    entry, key = place.entry, place.key
    settings: Mapping[str, str] = entry.settings
    if key is not None:
        own = {name: value for name, value in key.settings.items() if name != _ENDPOINT}
        settings = {**settings, **own}
    return Target(
        provider=entry.name,
        type=entry.type,
        model=model,
        base_url=entry.base_url,
        key_source=place.source,
        key_name=None if key is None else key.name,
        audience=entry.audience,
        settings=settings,
        info=snapshot.model(entry.name, model),
        label=entry.label,
        headers=entry.headers,
    )


def key_missing(provider: str) -> ProviderKeyMissing:
    """Return the error for a provider without a key; it says how to add one."""
    return ProviderKeyMissing(
        f"You have no key for the provider '{provider}'. Save one with "
        f'PUT /v1/me/providers/{provider} and the body {{"secret": "…"}}.',
        param="model",
    )


def _own_key(entry: ProviderEntry, user: AccountView) -> ProviderKeyInfo | None:
    """Choose the user's key for a provider: the one of its name, else the oldest."""
    keys = [
        key for key in user.keys.values() if key.type == entry.name and not is_own_endpoint(key)
    ]
    return min(keys, key=lambda key: (key.name != entry.name, key.created, key.name), default=None)


def _may_use_platform_key(entry: ProviderEntry, user: AccountView, snapshot: Snapshot) -> bool:
    said = user.record.platform_keys
    if entry.platform_key_for is PlatformKeyFor.LISTED:
        return said is True
    default = snapshot.config.user_defaults.platform_keys
    return entry.platform_key_for is PlatformKeyFor.ALL and (default if said is None else said)


def _endpoint_target(place: Place, model: str, snapshot: Snapshot) -> Target:
    """Build a target at an endpoint its user chose: their key, their address, none of ours.

    The key goes only to the origin it was sealed for: settings that name another one were not
    written by whoever knew the secret.
    """
    key = place.key
    if key is None or _origin(key.settings[_ENDPOINT]) != _origin(key.audience):
        raise ProviderKeyMissing(
            f"The endpoint of '{place.name}' is not the one its key was saved for. Save both "
            f"again with PUT /v1/me/providers/{place.name}.",
            param="model",
        )
    return Target(
        provider=place.name,
        type=OWN_ENDPOINT_TYPE,
        model=model,
        base_url=key.settings[_ENDPOINT].rstrip("/"),
        key_source=KeySource.OWN,
        key_name=key.name,
        audience=key.audience,
        settings=key.settings,
        info=ModelInfo(place.name, model, price=snapshot.own_endpoint_price, known=False),
        trusted=False,
        label=OWN_ENDPOINT_LABEL,
    )


def _origin(url: str) -> str:
    """Return `scheme://host:port` of a URL that was put into canonical form when saved."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    port = {"https": ":443", "http": ":80"}.get(scheme, "")
    return f"{scheme}://{authority.removesuffix(port)}"
