"""Which scope a request gets: the request's wish, within everybody's ceilings. Pure."""

from collections.abc import Mapping

from gateway.errors import ContextNotAllowed
from gateway.types.account import Scope, lower_scope


def resolve_scope(
    *,
    requested: Scope | None,
    preferred: Scope | None,
    default: Scope,
    ceilings: Mapping[str, Scope | None],
) -> Scope:
    """Return the request's scope, else the user's preference, else the operator's default.

    `ceilings` maps whose ceiling it is ("token", "user", "operator") to the ceiling. A default or
    a preference above a ceiling is lowered; a request above one is refused with
    ContextNotAllowed, because a lower scope would silently answer another question.
    """
    ceiling = lower_scope(*ceilings.values())
    if requested is not None and ceiling is not None and requested.rank > ceiling.rank:
        owner = next(name for name, scope in ceilings.items() if scope is ceiling)
        raise ContextNotAllowed(
            f"Context scope '{requested.value}' is above the {owner}'s ceiling "
            f"'{ceiling.value}'. Ask for '{ceiling.value}' or less.",
            param="gateway.context.scope",
        )
    wanted = requested or preferred or default
    return lower_scope(wanted, ceiling) or wanted
