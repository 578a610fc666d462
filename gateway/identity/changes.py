"""What may be written of a user, by whom: one typed value per door. Pure.

Members that are not listed here cannot be set from outside at all.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.errors import InvalidRequest
from gateway.identity.preferences import patch_preferences
from gateway.identity.reading import check_size, check_text
from gateway.types.account import Scope, UserRecord
from gateway.types.limits import LimitSet, faults_of

_LONGEST_NAME: Final = 200
_LONGEST_EXTERNAL_ID: Final = 200
_MAX_METADATA_BYTES: Final = 4096


class UserChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin may change. A member that is absent stays as it is; `metadata` is replaced whole."""

    name: str | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET
    platform_keys: bool | UnsetType | None = UNSET
    scope_ceiling: Scope | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    preferences: dict[str, Any] | UnsetType = UNSET


class NewUser(UserChange, frozen=True, forbid_unknown_fields=True):
    """What an admin gives for a new user. The external id is fixed from then on."""

    external_id: str | None = None


class OwnChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may change of their own account."""

    preferences: dict[str, Any]


class LimitChange(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits that an admin gives a user, in place of all those they had."""

    limits: LimitSet


def apply_change(
    record: UserRecord,
    change: UserChange | OwnChange | LimitChange,
    known_providers: Collection[str],
) -> UserRecord:
    """Return the record with the change applied. Raises InvalidRequest with the member as `param`."""
    if isinstance(change, LimitChange):
        return msgspec.structs.replace(record, limits=check_limits(change.limits))
    fields = {
        name: value
        for name in ("name", "disabled", "platform_keys", "scope_ceiling", "metadata")
        if (value := getattr(change, name, UNSET)) is not UNSET
    }
    if fields.get("name") is not None:
        check_text(fields["name"], "name", longest=_LONGEST_NAME)
    if "metadata" in fields:
        check_size(fields["metadata"], "metadata", max_bytes=_MAX_METADATA_BYTES)
    if not isinstance(change.preferences, UnsetType):
        fields["preferences"] = patch_preferences(
            record.preferences, change.preferences, known_providers
        )
    return msgspec.structs.replace(record, **fields)


def check_limits(limits: LimitSet, prefix: str = "") -> LimitSet:
    """Return limits that may be stored. Raises InvalidRequest."""
    for name, fault in faults_of(limits):
        raise InvalidRequest(f"{fault[0].upper()}{fault[1:]}.", param=f"{prefix}{name}")
    return limits


def check_external_id(external_id: str) -> str:
    """Return an external id that may be stored. Raises InvalidRequest."""
    if external_id != external_id.strip():
        raise InvalidRequest("Must not begin or end with a space.", param="external_id")
    return check_text(external_id, "external_id", longest=_LONGEST_EXTERNAL_ID)
