"""Which scope a request gets: the request's wish, within everybody's ceilings. Pure."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gateway.errors import ContextNotAllowed
from gateway.types.account import Preferences, Scope, lower_scope
from gateway.wire.options import DateRange

SCOPE_PARAM = "gateway.context.scope"


class Ceiling(Struct, frozen=True):
    """The highest scope that somebody allows: in words, whose it is and how it can be raised."""

    scope: Scope
    words: str
    cure: str = ""


class ScopeRules(Struct, frozen=True):
    """Everybody's say in how much of the user's context a request may send.

    `requested`, `include` and `date_range` are the request's wishes. `ceilings` maps whose ceiling
    it is ("token", "user", "operator") to the ceiling. `provider_ceilings` is the operator's word on
    each provider, `preferences.context_policy` the user's; `provider` is the first target's, None
    where no target is known. With `lower`, the operator's wish, asking for more than a ceiling
    allows gives less, with a warning; without, it is refused.
    """

    requested: Scope | None
    preferences: Preferences
    default: Scope
    ceilings: Mapping[str, Scope | None]
    provider_ceilings: Mapping[str, Scope | None] = {}
    include: Mapping[str, bool] = {}
    date_range: DateRange | None = None
    provider: str | None = None
    lower: bool = False

    def highest(self) -> Scope:
        """Return the highest scope that the request can come to."""
        wanted = self.requested or self.preferences.context.scope or self.default
        return lower_scope(wanted, *self.ceilings.values()) or wanted

    def ceiling_for(self, provider: str | None) -> Scope | None:
        """Return the highest scope that user and operator let this provider see, None for any."""
        if provider is None:
            return None
        policy = self.preferences.context_policy.get(provider)
        return lower_scope(policy, self.provider_ceilings.get(provider))

    def lowest_ceiling(self) -> Ceiling | None:
        """Return the ceiling that the first target stands under, None if there is none."""
        found = ceilings_of(self.ceilings)
        name = self.provider
        policy = self.preferences.context_policy.get(name) if name else None
        if policy is not None:
            words = f"the ceiling '{policy.value}' that the user's context_policy sets for '{name}'"
            cure = " The user can raise it with PATCH /v1/me."
            found.append(Ceiling(policy, words, cure))
        operators = self.provider_ceilings.get(name) if name else None
        if operators is not None:
            words = f"the operator's ceiling '{operators.value}' for '{name}'"
            found.append(Ceiling(operators, words))
        return lowest_of(found)


def refuse_above(requested: Scope, ceiling: Ceiling | None) -> None:
    """Raise ContextNotAllowed if the scope is above the ceiling, saying whose, and the cure."""
    if ceiling is not None and requested.rank > ceiling.scope.rank:
        raise ContextNotAllowed(
            f"Context scope '{requested.value}' is above {ceiling.words}. "
            f"Ask for '{ceiling.scope.value}' or less.{ceiling.cure}",
            param=SCOPE_PARAM,
        )


def ceilings_of(ceilings: Mapping[str, Scope | None]) -> list[Ceiling]:
    """Return the ceilings that are set, with words for whose they are."""
    return [
        Ceiling(scope, f"the {owner}'s ceiling '{scope.value}'")
        for owner, scope in ceilings.items()
        if scope is not None
    ]


def lowest_of(ceilings: Sequence[Ceiling]) -> Ceiling | None:
    """Return the lowest ceiling, the first of those that are equal; None if there is none."""
    return min(ceilings, key=lambda one: one.scope.rank, default=None)
