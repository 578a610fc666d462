"""What a new token may be: never more than the token that asks for it. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gateway.errors import InvalidRequest, NotAllowed
from gateway.identity.changes import check_limits
from gateway.identity.reading import check_text
from gateway.types.account import (
    DEFAULT_ALLOWS,
    USER_NEEDS,
    Need,
    Scope,
    TokenBound,
    TokenInfo,
)
from gateway.types.limits import LIMIT_NAMES, NO_LIMITS, LimitSet, merge_limits

_LONGEST_NAME: Final = 100
_LONGEST_MODEL: Final = 200
_MOST_MODELS: Final = 200
_MOST_BOUNDS: Final = 8
_LONGEST_TTL: Final = 20 * 366 * 86_400


class TokenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for. `ttl` is in seconds, `expires` a Unix time; at most one of them.

    What is left out is the default (`allows`: chat and context:write) or, where the minting token
    has less, what that token has.
    """

    name: str
    ttl: int | None = None
    expires: int | None = None
    allows: tuple[Need, ...] | None = None
    scope_ceiling: Scope | None = None
    models: tuple[str, ...] | None = None
    limits: LimitSet = NO_LIMITS


class Grant(Struct, frozen=True):
    """What a new token will have."""

    name: str
    expires: int | None
    allows: tuple[Need, ...]
    scope_ceiling: Scope | None
    models: tuple[str, ...] | None
    limits: LimitSet
    within: tuple[TokenBound, ...]


def decide_grant(request: TokenRequest, minter: TokenInfo | None, now: float) -> Grant:
    """Check a request against the token that asks (None: an admin, or the command line).

    Raises InvalidRequest for what no token can have, NotAllowed for more than the minter has:
    more `allows`, a higher scope, other models, a later end, a higher limit.
    """
    check_text(request.name, "name", longest=_LONGEST_NAME)
    return Grant(
        name=request.name,
        expires=_decide_expiry(request, minter, int(now)),
        allows=_decide_allows(request.allows, minter),
        scope_ceiling=_decide_scope(request.scope_ceiling, minter),
        models=_decide_models(request.models, minter),
        limits=_decide_limits(request.limits, minter),
        within=_bounds_of(minter),
    )


def _decide_expiry(request: TokenRequest, minter: TokenInfo | None, now: int) -> int | None:
    if request.ttl is not None and request.expires is not None:
        raise InvalidRequest("Give `ttl` or `expires`, not both.", param="expires")
    expires = request.expires
    if request.ttl is not None:
        _check_span(request.ttl, "ttl")
        expires = now + request.ttl
    elif expires is not None:
        _check_span(expires - now, "expires")
    latest = minter.expires if minter is not None else None
    if latest is None:
        return expires
    if expires is not None and expires > latest:
        raise NotAllowed("A token cannot make one that lives longer than itself.", param="expires")
    return latest if expires is None else expires


def _check_span(seconds: int, param: str) -> None:
    if not 1 <= seconds <= _LONGEST_TTL:
        raise InvalidRequest("Must lie in the future, and within 20 years.", param=param)


def _decide_allows(wanted: Sequence[Need] | None, minter: TokenInfo | None) -> tuple[Need, ...]:
    has = USER_NEEDS if minter is None else minter.allows
    if wanted is None:
        wanted = [need for need in DEFAULT_ALLOWS if need in has]
    elif not all(need in USER_NEEDS for need in wanted):
        names = ", ".join(need.value for need in USER_NEEDS)
        raise InvalidRequest(f"A user's token can allow: {names}.", param="allows")
    if not all(need in has for need in wanted):
        raise NotAllowed("A token cannot make one that may do more than itself.", param="allows")
    if not wanted:
        raise InvalidRequest("A token must allow something.", param="allows")
    return tuple(need for need in USER_NEEDS if need in wanted)


def _decide_scope(wanted: Scope | None, minter: TokenInfo | None) -> Scope | None:
    ceiling = minter.scope_ceiling if minter is not None else None
    if ceiling is None or wanted is None:
        return wanted or ceiling
    if wanted.rank > ceiling.rank:
        raise NotAllowed(
            "A token cannot make one with a higher scope than its own.", param="scope_ceiling"
        )
    return wanted


def _decide_models(
    wanted: Sequence[str] | None, minter: TokenInfo | None
) -> tuple[str, ...] | None:
    has = minter.models if minter is not None else None
    if wanted is None:
        return has
    if not 1 <= len(wanted) <= _MOST_MODELS:
        raise InvalidRequest(f"Give 1 to {_MOST_MODELS} models.", param="models")
    for index, model in enumerate(wanted):
        check_text(model, f"models[{index}]", longest=_LONGEST_MODEL)
    if has is not None and not set(wanted) <= set(has):
        raise NotAllowed("A token cannot make one for models it may not use.", param="models")
    return tuple(dict.fromkeys(wanted))


def _decide_limits(wanted: LimitSet, minter: TokenInfo | None) -> LimitSet:
    check_limits(wanted, "limits.")
    has = minter.limits if minter is not None else NO_LIMITS
    for name in LIMIT_NAMES:
        asked, most = getattr(wanted, name), getattr(has, name)
        if asked is not None and most is not None and asked > most:
            raise NotAllowed(
                "A token cannot make one with a higher limit than its own.", param=f"limits.{name}"
            )
    return merge_limits(wanted, has)


def _bounds_of(minter: TokenInfo | None) -> tuple[TokenBound, ...]:
    """Return the limited tokens whose limits hold for what this one makes, too."""
    if minter is None or minter.limits == NO_LIMITS:
        return () if minter is None else minter.within
    if len(minter.within) >= _MOST_BOUNDS:
        raise NotAllowed(
            f"Limited tokens can be made from each other {_MOST_BOUNDS} times at most."
        )
    return (*minter.within, TokenBound(minter.id, minter.limits))
