"""A user's preferences: change some of them, each checked where it is changed.

A patch replaces the members it names, each whole; null brings a member back to its default.
"""

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.errors import InvalidRequest
from gateway.identity.reading import check_text, read_as, unknown_member
from gateway.types.account import Preferences

_PREFIX: Final = "preferences"
_LONGEST_NAME: Final = 200
_MOST_MAPPED: Final = 200
_MOST_FALLBACKS: Final = 8
_MOST_KINDS: Final = 100
_KIND: Final = re.compile(r"[a-z0-9_.-]{1,48}")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_LONGEST_ZONE: Final = 64

Check = Callable[[Preferences, Collection[str]], None]


def patch_preferences(
    preferences: Preferences, patch: Mapping[str, Any], known_providers: Collection[str]
) -> Preferences:
    """Return the preferences with the patch applied.

    `known_providers` are the configured providers and the names of the user's own keys. Raises
    InvalidRequest with a param such as `preferences.model_map`. Members that are not in the patch
    are not checked again: a key may have gone since.
    """
    for name in patch:
        if name not in Preferences.__struct_fields__:
            raise unknown_member(_PREFIX, name)
    members = msgspec.to_builtins(preferences) | dict(patch)
    given = {name: value for name, value in members.items() if value is not None}
    changed = read_as(given, Preferences, _PREFIX)
    for name, value in patch.items():
        if value is not None and name in _CHECKS:
            _CHECKS[name](changed, known_providers)
    return changed


def _check_provider(changed: Preferences, known: Collection[str]) -> None:
    if changed.provider not in known:
        raise _unknown_provider("provider")


def _check_default_model(changed: Preferences, _known: Collection[str]) -> None:
    _check_model(changed.default_model or "", f"{_PREFIX}.default_model")


def _check_model_map(changed: Preferences, _known: Collection[str]) -> None:
    param = f"{_PREFIX}.model_map"
    if len(changed.model_map) > _MOST_MAPPED:
        raise InvalidRequest(f"At most {_MOST_MAPPED} models can be mapped.", param=param)
    for asked, used in changed.model_map.items():
        _check_model(asked, param)
        _check_model(used, param)


def _check_fallbacks(changed: Preferences, known: Collection[str]) -> None:
    if len(changed.fallbacks) > _MOST_FALLBACKS:
        raise InvalidRequest(f"At most {_MOST_FALLBACKS} fallbacks.", param=f"{_PREFIX}.fallbacks")
    for index, target in enumerate(changed.fallbacks):
        _check_model(target, f"{_PREFIX}.fallbacks[{index}]")
        if target.split("/", 1)[0] not in known:
            raise _unknown_provider(f"fallbacks[{index}]")


def _check_context(changed: Preferences, _known: Collection[str]) -> None:
    off = changed.context.off
    if len(off) > _MOST_KINDS or not all(_KIND.fullmatch(kind) for kind in off):
        raise InvalidRequest(
            "Must be a list of context kinds, such as 'feels'.", param=f"{_PREFIX}.context.off"
        )


def _check_context_policy(changed: Preferences, known: Collection[str]) -> None:
    if not all(name in known for name in changed.context_policy):
        raise _unknown_provider("context_policy")


def _check_timezone(changed: Preferences, _known: Collection[str]) -> None:
    if not is_timezone(changed.timezone):
        raise InvalidRequest(
            "Not a time zone; use a name such as 'Europe/Berlin' or 'UTC'.",
            param=f"{_PREFIX}.timezone",
        )


def is_timezone(name: str) -> bool:
    """Tell whether a name is in the time zone database."""
    if name == "UTC":
        return True
    if len(name) > _LONGEST_ZONE or _ZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is an OSError
        return False
    return True


def _check_model(name: str, param: str) -> None:
    check_text(name, param, longest=_LONGEST_NAME)
    if " " in name:
        raise InvalidRequest("A model's name has no spaces.", param=param)


def _unknown_provider(member: str) -> InvalidRequest:
    return InvalidRequest(
        "Names no configured provider and no provider key of this user.",
        param=f"{_PREFIX}.{member}",
    )


_CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "provider": _check_provider,
        "default_model": _check_default_model,
        "model_map": _check_model_map,
        "fallbacks": _check_fallbacks,
        "context": _check_context,
        "context_policy": _check_context_policy,
        "timezone": _check_timezone,
    }
)
