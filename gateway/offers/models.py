"""The models a user can call now, under ids that lead back to them.

Each provider's models are those the catalogue and the operator know, those of the provider's own
list, and the default model. An id is offered only if planning a request for it (`plan_route`) gives
the very provider, model and key it stands for: so what is listed can be called, and what the
operator's or the token's list refuses is not there.
"""

import asyncio
from collections.abc import Container, Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.snapshot import Snapshot
from gateway.errors import GatewayError, ModelNotFound
from gateway.identity.accounts import Caller
from gateway.offers.asking import Inquiry
from gateway.offers.doors import Door, known_names, usable_doors
from gateway.offers.lists import ModelLists, Models
from gateway.providers.listing import ListedModel
from gateway.routing.plan import plan_route
from gateway.routing.preferred import default_model
from gateway.types.account import AccountView
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target

_DEPLOYMENT = "azure_deployment"
_A_TURN = 100  # models


class Because(StrEnum):
    """Why a user can call a model."""

    OWN_KEY = "own_key"
    PLATFORM_KEY = "platform_key"
    NO_KEY_NEEDED = "no_key_needed"
    ALIAS = "alias"


class ListedBy(StrEnum):
    """Who says that there is such a model, the surest one first."""

    PROVIDER = "provider"  # in its own list, got with the key that would be used
    CONFIG = "config"
    PREFERENCES = "preferences"  # the user's default model
    KEY = "key"  # the deployment that a setting of their key names
    CATALOGUE = "catalogue"


_BECAUSE = {
    KeySource.OWN: Because.OWN_KEY,
    KeySource.PLATFORM: Because.PLATFORM_KEY,
    KeySource.NONE: Because.NO_KEY_NEEDED,
}


class OfferedModel(Struct, frozen=True):
    """One entry: the id to ask for, and what answers. `created` is in Unix seconds, 0: unknown."""

    id: str
    target: Target
    because: Because
    listed_by: ListedBy
    created: int = 0

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        return self.target.info


class Wish(Struct, frozen=True):
    """Whose list it is: a user, one configuration, and the models their token is limited to."""

    user: AccountView
    snapshot: Snapshot
    allowed_models: Sequence[str] | None = None

    def find(self, name: str) -> Target:
        """Return what answers a request for a name. Raises GatewayError where nothing does."""
        plan = plan_route(
            name, self.user, self.snapshot, fallbacks=(), allowed_models=self.allowed_models
        )
        if plan.warnings:  # another model would answer, or an alias's first target cannot
            raise _not_offered(name)
        return plan.targets[0]

    def leads_to(self, name: str, door: Door, model: str) -> Target | None:
        """Return the target of a name if it is this model at this door."""
        try:
            target = self.find(name)
        except GatewayError:
            return None
        wanted = (door.target.provider, model, door.target.key_name)
        return target if (target.provider, target.model, target.key_name) == wanted else None


async def offered_models(
    lists: ModelLists, caller: Caller, snapshot: Snapshot
) -> list[OfferedModel]:
    """Return what a caller can call now; takes as long as the slowest list that is not at hand.

    Others get their turn meanwhile: a thousand models are planned in some 20 ms.
    """
    wish = wish_of(caller, snapshot)
    doors = usable_doors(wish.user, snapshot)
    inquiries = [Inquiry(caller.account, snapshot, door.target) for door in doors]
    own = await lists.read(inquiries)
    offered = []
    for entry in assemble(wish, list(zip(doors, own, strict=True))):
        offered.append(entry)
        if len(offered) % _A_TURN == 0:
            await asyncio.sleep(0)
    return offered


def wish_of(caller: Caller, snapshot: Snapshot) -> Wish:
    """Return whose list a caller asks for."""
    return Wish(caller.account.view, snapshot, caller.token.models)


def assemble(wish: Wish, found: Sequence[tuple[Door, Models]]) -> Iterator[OfferedModel]:
    """Merge aliases, what is known and what the providers list; each id and each model once."""
    taken, seen = set(), set()
    for entry in _aliases(wish):
        taken.add(entry.id)
        yield entry
    for door, models in found:
        listed = {model.id: model for model in models}
        for name, listed_by in sorted(_names(wish, door, listed).items()):
            identity = (door.target.provider, name)
            made = None if identity in seen else _entry(wish, door, name, listed_by, taken)
            if made is not None:
                seen.add(identity)
                taken.add(made.id)
                yield _with_facts(made, listed.get(name))


def find_offered(name: str, wish: Wish, offered: Sequence[OfferedModel]) -> OfferedModel:
    """Return the entry of a name, also of one that is not the listed spelling of its model.

    Raises what a chat request for the name would, and ModelNotFound for a name nobody lists.
    """
    for entry in offered:
        if entry.id == name:
            return entry
    target = wish.find(name)
    wanted = (target.provider, target.model, target.key_name)
    for entry in offered:
        if wanted == (entry.target.provider, entry.target.model, entry.target.key_name):
            return replace(entry, id=name)
    raise _not_offered(name)


def _aliases(wish: Wish) -> Iterator[OfferedModel]:
    for alias in sorted(wish.snapshot.aliases):
        try:
            plan = plan_route(
                alias, wish.user, wish.snapshot, fallbacks=(), allowed_models=wish.allowed_models
            )
        except GatewayError:
            continue
        yield OfferedModel(alias, plan.targets[0], Because.ALIAS, ListedBy.CONFIG)


def _names(wish: Wish, door: Door, listed: Iterable[str]) -> dict[str, ListedBy]:
    """Return the names of a door's models, with the surest word there is for each."""
    entry, snapshot = door.place.entry, wish.snapshot
    known = () if entry is None else known_names(entry.name, snapshot)
    names = dict.fromkeys(known, ListedBy.CATALOGUE)
    default = default_model(door.place, wish.user, snapshot)
    if default is not None:
        is_own = default == wish.user.record.preferences.default_model
        names[default] = ListedBy.PREFERENCES if is_own else ListedBy.CONFIG
    if entry is not None:
        overrides = snapshot.config.models.overrides.get(entry.name, {})
        names |= dict.fromkeys((name for name in overrides if "*" not in name), ListedBy.CONFIG)
    deployment = door.target.settings.get(_DEPLOYMENT)
    if deployment is not None:
        names[deployment] = ListedBy.KEY
    return names | dict.fromkeys(listed, ListedBy.PROVIDER)


def _entry(
    wish: Wish, door: Door, model: str, listed_by: ListedBy, taken: Container[str]
) -> OfferedModel | None:
    """Return the entry of a model under the shortest id that leads to it, None if none does."""
    bare = (model,) if door.preferred else ()
    for name in (*bare, f"{door.name}/{model}"):
        target = None if name in taken else wish.leads_to(name, door, model)
        if target is not None:
            return OfferedModel(name, target, _BECAUSE[target.key_source], listed_by)
    return None


def _with_facts(entry: OfferedModel, said: ListedModel | None) -> OfferedModel:
    """Add what the provider's own list says and the catalogue does not."""
    if said is None:
        return entry
    info = replace(
        entry.info,
        context_window=entry.info.context_window or said.context_window,
        max_output=entry.info.max_output or said.max_output,
    )
    return replace(entry, created=said.created, target=replace(entry.target, info=info))


def _not_offered(name: str) -> ModelNotFound:
    return ModelNotFound(
        f"The model {name[:100]!a} is not on the list of those you can call: see GET "
        "/v1/models. A name that no list holds (a fine-tune, a deployment) may still be asked for.",
        param="model",
    )
