"""The providers a user can reach, by the name a request calls them. Nothing here sends."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.snapshot import Snapshot
from gateway.errors import InvalidRequest, NotFound, PolicyError, ProviderKeyMissing
from gateway.providers.listing import NAMED_BY_CUSTOMER
from gateway.providers.registry import PROVIDERS
from gateway.routing.places import Place, configured_place, find_place, is_own_endpoint, target_at
from gateway.routing.preferred import default_model, preferred_place
from gateway.types.account import AccountView
from gateway.types.upstream import KeySource, Target, UpstreamRequest

_ANY_MODEL = "default"
_SERVES_TOO = MappingProxyType({"vertex": ("gemini",)})  # by wire format: the same models elsewhere


class Door(Struct, frozen=True):
    """A provider together with whose key. `name` is what a request writes before the slash.

    `target` is where its probe goes; `preferred` tells whether bare names lead there.
    """

    name: str
    place: Place
    target: Target
    preferred: bool = False


def usable_doors(user: AccountView, snapshot: Snapshot) -> list[Door]:
    """Return the user's doors, each key once: the preferred one, providers, then further keys."""
    doors: dict[tuple[str, str | None], Door] = {}
    for name, place, preferred in _places(user, snapshot):
        identity = (place.name, None if place.key is None else place.key.name)
        if not place.usable or identity in doors:
            continue
        try:
            target = probe_target(place, user, snapshot)
        except ProviderKeyMissing:  # an endpoint that is not the one its key was saved for
            continue
        doors[identity] = Door(name, place, target, preferred)
    return list(doors.values())


def door_of_key(name: str, user: AccountView, snapshot: Snapshot) -> Door:
    """Return the door that one key of the user opens, whichever key requests would use.

    Raises NotFound for a key that is not there, PolicyError where the operator has switched its
    provider off, and ProviderKeyMissing for an endpoint other than the one it was saved for.
    """
    key = user.keys.get(name)
    if key is None:
        raise NotFound("No such provider key.")
    entry = None
    if not is_own_endpoint(key):
        entry = snapshot.providers.get(key.type)
        if entry is None:
            raise PolicyError(f"The operator of this gateway has switched '{key.type}' off.")
    place = Place(name if entry is None else entry.name, entry, key, KeySource.OWN)
    return Door(name, place, probe_target(place, user, snapshot))


def probe_target(place: Place, user: AccountView, snapshot: Snapshot) -> Target:
    """Return the target of a probe: at the default model, at none ("") where there is no default.

    Raises ProviderKeyMissing.
    """
    return target_at(place, default_model(place, user, snapshot) or "", snapshot)


def probe_request(target: Target, snapshot: Snapshot) -> UpstreamRequest:
    """Return the probe of a target's provider. Raises InvalidRequest.

    Some have to name a model, because they are a chat or name it in their address. Without a
    default it is the one with the plainest name: vendors keep those alive.
    """
    provider = PROVIDERS[target.type]
    if target.model:
        return provider.build_probe(target)
    with suppress(InvalidRequest):
        probe = provider.build_probe(target)
        if probe.method == "GET":
            return probe
    models = known_names(target.provider, snapshot)
    chatting = (m for m in models if "text" in snapshot.model(target.provider, m).modalities_out)
    plainest = min(chatting, key=lambda name: (len(name), name), default=_ANY_MODEL)
    return provider.build_probe(replace(target, model=plainest))


def known_names(provider: str, snapshot: Snapshot) -> list[str]:
    """Return the names of a configured provider's models, as far as catalogue and config know."""
    entry = snapshot.providers.get(provider)
    if entry is None or entry.type in NAMED_BY_CUSTOMER:
        return []
    too = (snapshot.catalogue.models(kind) for kind in _SERVES_TOO.get(entry.type, ()))
    return list(dict.fromkeys(chain(snapshot.known_models(provider), *too)))


def _places(user: AccountView, snapshot: Snapshot) -> Iterator[tuple[str, Place, bool]]:
    preferred = preferred_place(user, snapshot)
    if preferred is not None:
        yield user.record.preferences.provider or preferred.name, preferred, True
    for name in snapshot.providers:
        place = configured_place(name, user, snapshot)
        if place is not None:
            yield name, place, False
    for name in user.keys:
        place = find_place(name, user, snapshot)
        if place is not None:
            yield name, place, False
