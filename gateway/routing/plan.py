"""From the model a request names to the ordered targets that may answer it.

    1. an alias of the operator      its targets, in order
    2. `provider/rest`               that provider, if the user can use it and the preferred
                                     provider does not itself list the whole name
    3. "", `auto`, `default`         the preferred provider and its default model
    4. a bare name                   (a) the preferred provider lists it, or nobody does: sent as
                                     it is; (b) only others list it: the user's `model_map`, else
                                     their default model, with a warning

Then come the fallbacks: the request's, else the user's. Nothing here reads, waits or sends.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from gateway.config.schema_models import AliasTarget
from gateway.config.snapshot import Snapshot
from gateway.errors import GatewayError, ModelNotFound, PriceUnknown, ProviderKeyMissing
from gateway.routing.allowed import Lists
from gateway.routing.places import Place, configured_place, find_place, key_missing, target_at
from gateway.routing.preferred import (
    default_model,
    only_place_listing,
    preferred_place,
    require_preferred,
)
from gateway.types.account import AccountView
from gateway.types.upstream import Target

_UNNAMED = ("", "auto", "default")
_SET_DEFAULT = (
    'Name one, or set it with PATCH /v1/me and the body {"preferences": {"default_model": "…"}}.'
)


class RoutePlan(Struct, frozen=True):
    """The targets of one request, the first to be tried first, and what the client is told."""

    targets: tuple[Target, ...]
    warnings: tuple[str, ...] = ()


def plan_route(
    requested: str,
    user: AccountView,
    snapshot: Snapshot,
    *,
    fallbacks: Sequence[str] | None = None,
    allowed_models: Sequence[str] | None = None,
) -> RoutePlan:
    """Plan where a request goes. `requested` is "" where the client named no model.

    `fallbacks` are the request's own (None: the user's hold), `allowed_models` its token's list.
    Raises ModelNotFound, ModelNotAllowed, PriceUnknown, ProviderKeyMissing, and InvalidRequest for a user who
    has several providers and prefers none.
    """
    fixed = requested in snapshot.aliases or requested in _UNNAMED
    config = snapshot.config
    alias = requested if fixed else None
    lists = Lists(config.models, allowed_models, alias, config.prices.unknown)
    planner = _Planner(user, snapshot, [])
    targets = _admitted(planner.named(requested), lists, planner.warnings)
    wanted = user.record.preferences.fallbacks if fallbacks is None else fallbacks
    for text in wanted:
        target = planner.fallback(text)
        if target is None:
            continue
        refusal = lists.refusal(target)
        if refusal is not None:
            why = "its price is unknown" if isinstance(refusal, PriceUnknown) else "not allowed"
            planner.warnings.append(f"fallback {_shown(text)} skipped: {why}")
        else:
            targets.append(target)
    return RoutePlan(tuple(_distinct(targets)), tuple(planner.warnings))


def _admitted(targets: list[Target], lists: Lists, warnings: list[str]) -> list[Target]:
    """Drop what a list refuses; raise if nothing is left."""
    refusals = [lists.refusal(target) for target in targets]
    kept = [target for target, refusal in zip(targets, refusals, strict=True) if refusal is None]
    if not kept:
        raise next(refusal for refusal in refusals if refusal is not None)
    if len(kept) < len(targets):
        warnings.append("some targets skipped: not allowed")
    return kept


def _distinct(targets: list[Target]) -> Iterator[Target]:
    seen = set()
    for target in targets:
        identity = (target.provider, target.base_url, target.model, target.key_name)
        if identity not in seen:
            seen.add(identity)
            yield target


class _Planner(Struct, frozen=True):
    """One request's planning: who asks, under which configuration, and what they must be told."""

    user: AccountView
    snapshot: Snapshot
    warnings: list[str]

    def named(self, requested: str) -> list[Target]:
        """Return the targets of the name a request gives, before its fallbacks."""
        alias = self.snapshot.aliases.get(requested)
        if alias is not None:
            return self._alias(alias)
        if requested in _UNNAMED:
            return [self._unnamed()]
        target = self._with_provider(requested)
        return [target if target is not None else self._bare(requested)]

    def fallback(self, text: str) -> Target | None:
        """Return the target of `provider/model` or `provider`, None (and a warning) if unusable."""
        provider, _, model = text.partition("/")
        place = find_place(provider, self.user, self.snapshot)
        name = model or (place and default_model(place, self.user, self.snapshot))
        if place is None or not place.usable or not name:
            why = "no default model" if place and place.usable else "no such provider or no key"
            self.warnings.append(f"fallback {_shown(text)} skipped: {why}")
            return None
        try:
            return target_at(place, name, self.snapshot)
        except ProviderKeyMissing:
            self.warnings.append(f"fallback {_shown(text)} skipped: its key cannot be used")
            return None

    def _alias(self, alias: Sequence[AliasTarget]) -> list[Target]:
        targets: list[Target] = []
        errors: list[GatewayError] = []
        for entry in alias:
            place = configured_place(entry.provider, self.user, self.snapshot)
            try:
                if place is not None:
                    targets.append(target_at(place, entry.model, self.snapshot))
            except ProviderKeyMissing as error:
                errors.append(error)
                self.warnings.append(f"{entry.provider}/{entry.model} skipped: no key")
        if not targets:
            raise (
                errors[0]
                if errors
                else ModelNotFound("No provider of this model is switched on.", param="model")
            )
        return targets

    def _with_provider(self, requested: str) -> Target | None:
        """Read `provider/rest`; None where that is not what the name means."""
        provider, _, rest = requested.partition("/")
        place = find_place(provider, self.user, self.snapshot) if rest else None
        if place is None:
            return None
        preferred = preferred_place(self.user, self.snapshot)
        if preferred is not None and preferred.lists(requested, self.snapshot):
            return None
        if place.usable:
            return target_at(place, rest, self.snapshot)
        if preferred is not None and preferred.takes_slashes(self.snapshot):
            return None  # OpenRouter and the like: it may be one of their names, newer than ours
        raise key_missing(place.name)

    def _bare(self, requested: str) -> Target:
        snapshot = self.snapshot
        preferred = preferred_place(self.user, snapshot)
        if preferred is None:
            preferred = only_place_listing(requested, self.user, snapshot)
        if preferred is None:
            preferred = require_preferred(self.user, snapshot)
        is_listed = preferred.lists(requested, snapshot)
        if is_listed or not snapshot.lists_elsewhere(preferred.name, requested):
            return target_at(preferred, requested, snapshot)
        if not snapshot.config.models.substitute:
            raise _not_available(requested, preferred, "")
        return self._substitute(preferred, requested)

    def _substitute(self, preferred: Place, requested: str) -> Target:
        """Answer with another model than the application hard-coded, and say so."""
        mapped = self.user.record.preferences.model_map.get(requested)
        model = default_model(preferred, self.user, self.snapshot)
        if mapped is not None:
            target = self._with_provider(mapped) or target_at(preferred, mapped, self.snapshot)
        elif model is not None:
            target = target_at(preferred, model, self.snapshot)
        elif not preferred.has_list(self.snapshot):
            return target_at(preferred, requested, self.snapshot)  # only the endpoint can tell
        else:
            raise _not_available(
                requested, preferred, f" You have no default model. {_SET_DEFAULT}"
            )
        self.warnings.append(
            f"model {_shown(requested)} is not at {preferred.name}: "
            f"answered by {target.provider}/{_shown(target.model)}"
        )
        return target

    def _unnamed(self) -> Target:
        place = require_preferred(self.user, self.snapshot)
        model = default_model(place, self.user, self.snapshot)
        if place.usable and model is None:
            raise ModelNotFound(
                f"You named no model and have no default one at '{place.name}'. {_SET_DEFAULT}",
                param="model",
            )
        return target_at(place, model or "", self.snapshot)


def _not_available(requested: str, place: Place, more: str) -> ModelNotFound:
    return ModelNotFound(
        f"The model {_shown(requested)} is not available at '{place.name}'.{more}", param="model"
    )


def _shown(name: str) -> str:
    """Make a client's word fit for a header and a message: short, quoted, ASCII."""
    return ascii(name[:100])
