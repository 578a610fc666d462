"""The checks of the `limits` section. Pure."""

import re
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from gateway.config.schema_limits import Limits
from gateway.errors import ConfigError
from gateway.types.limits import faults_of

_MOST_FEATURES: Final = 200
_FEATURE: Final = re.compile(r"[a-z0-9_.-]{1,48}")
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def check_limits(limits: Limits) -> Iterator[ConfigError]:
    """Yield every fault of the section."""
    if not _is_timezone(limits.timezone):
        yield ConfigError(
            "is no time zone; use a name such as 'Europe/Berlin' or 'UTC'", "limits.timezone"
        )
    if len(limits.features) > _MOST_FEATURES:
        yield ConfigError(f"has more than {_MOST_FEATURES} features", "limits.features")
    sets = {"user": limits.user, "token": limits.token, "everyone": limits.everyone}
    for name, of_feature in limits.features.items():
        sets[f"features.{name}"] = of_feature
        if not _FEATURE.fullmatch(name):
            yield ConfigError(
                "a feature's name has up to 48 of a-z, 0-9, '_', '.' and '-'",
                f"limits.features.{name}",
            )
    for place, limit_set in sets.items():
        for member, fault in faults_of(limit_set):
            yield ConfigError(fault, f"limits.{place}.{member}")


def _is_timezone(name: str) -> bool:
    if _ZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found is a KeyError, a folder an OSError
        return False
    return True
