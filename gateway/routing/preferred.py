"""Which provider answers where a request names none, and with which model."""

from collections.abc import Iterator

from gateway.config.snapshot import Snapshot
from gateway.errors import InvalidRequest, ProviderKeyMissing
from gateway.routing.places import Place, configured_place, find_place, key_missing, own_places
from gateway.types.account import AccountView


def preferred_place(user: AccountView, snapshot: Snapshot) -> Place | None:
    """Return the user's provider, None where neither choice nor circumstance tells.

    It is the one they chose; else the operator's default if they can use it; else the only one
    they have a key for; else the only one they can use without. A default they cannot use is
    returned to a user who has nothing else: its missing key is then what they are told of.
    """
    chosen = user.record.preferences.provider
    if chosen is not None:
        return find_place(chosen, user, snapshot)
    name = snapshot.config.user_defaults.provider
    default = None if name is None else configured_place(name, user, snapshot)
    if default is not None and default.usable:
        return default
    usable = list(own_places(user, snapshot)) or list(_usable_places(user, snapshot))
    if len(usable) == 1:
        return usable[0]
    return None if usable else default


def require_preferred(user: AccountView, snapshot: Snapshot) -> Place:
    """Return the user's provider. Raises ProviderKeyMissing or InvalidRequest, with the cure."""
    place = preferred_place(user, snapshot)
    if place is not None:
        return place
    chosen = user.record.preferences.provider
    if chosen is not None:
        raise key_missing(chosen)
    if not any(_usable_places(user, snapshot)) and not any(own_places(user, snapshot)):
        raise ProviderKeyMissing(
            "You have no provider key yet. Save one with PUT /v1/me/providers/{provider} and the "
            'body {"secret": "…"}.',
            param="model",
        )
    raise InvalidRequest(
        "You have several providers and prefer none of them. Choose one with PATCH /v1/me and "
        'the body {"preferences": {"provider": "…"}}, or name one in the request: "provider/model".',
        param="model",
        code="provider_not_chosen",
    )


def only_place_listing(model: str, user: AccountView, snapshot: Snapshot) -> Place | None:
    """Return the one of the user's providers that lists a model, if it is only one.

    For users who prefer none: the name they ask for may still leave no doubt.
    """
    if user.record.preferences.provider is not None:
        return None
    places = [place for place in own_places(user, snapshot) if place.lists(model, snapshot)]
    return places[0] if len(places) == 1 else None


def default_model(place: Place, user: AccountView, snapshot: Snapshot) -> str | None:
    """Return the user's default model where `place` is their provider, else the operator's for it."""
    preferences = user.record.preferences
    preferred = preferred_place(user, snapshot)
    if preferences.default_model and preferred is not None and preferred.name == place.name:
        return preferences.default_model
    if place.entry is not None and place.entry.default_model is not None:
        return place.entry.default_model
    defaults = snapshot.config.user_defaults
    return defaults.default_model if place.name == defaults.provider else None


def _usable_places(user: AccountView, snapshot: Snapshot) -> Iterator[Place]:
    for name in snapshot.providers:
        place = configured_place(name, user, snapshot)
        if place is not None and place.usable:
            yield place
