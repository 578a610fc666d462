"""What may be written of a user."""

from typing import Any

import msgspec
import pytest

from gateway.errors import InvalidRequest
from gateway.identity.changes import (
    NewUser,
    OwnChange,
    UserChange,
    apply_change,
    check_external_id,
)
from gateway.identity.reading import read_as
from gateway.types.account import Preferences, Scope, UserRecord

RECORD = UserRecord(id="u_x", created=1, name="Ann", metadata={"plan": "pro"})


def test_an_admin_change_sets_what_it_names() -> None:
    change = UserChange(disabled=True, scope_ceiling=Scope.MINIMAL, preferences={"timezone": "UTC"})

    changed = apply_change(RECORD, change, ())

    assert changed == msgspec.structs.replace(
        RECORD, disabled=True, scope_ceiling=Scope.MINIMAL, preferences=Preferences()
    )


def test_null_clears_and_metadata_is_replaced_whole() -> None:
    changed = apply_change(RECORD, UserChange(name=None, metadata={}), ())

    assert (changed.name, changed.metadata) == (None, {})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"id": "u_other"}, "id"),
        ({"role": "admin"}, "role"),
        ({"epoch": 5}, "epoch"),
        ({"created": 5}, "created"),
        ({"external_id": "other"}, "external_id"),
        ({"disabled": "yes"}, "disabled"),
        ({"disabled": None}, "disabled"),
        ({"scope_ceiling": "all"}, "scope_ceiling"),
        ({"metadata": [1]}, "metadata"),
    ],
)
def test_a18_an_admin_cannot_set_what_is_not_listed(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_as(body, UserChange)

    assert caught.value.param == param


@pytest.mark.parametrize(
    "member", ["disabled", "platform_keys", "scope_ceiling", "metadata", "id", "role", "dek"]
)
def test_a18_a_user_can_set_their_preferences_only(member: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_as({"preferences": {}, member: None}, OwnChange)

    assert caught.value.param == member


@pytest.mark.parametrize(
    ("change", "param"),
    [
        (UserChange(name=""), "name"),
        (UserChange(name="a\nb"), "name"),
        (UserChange(name="n" * 201), "name"),
        (UserChange(metadata={"big": "x" * 5000}), "metadata"),
        (OwnChange({"provider": "nobody"}), "preferences.provider"),
    ],
)
def test_values_are_bounded(change: UserChange | OwnChange, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        apply_change(RECORD, change, ("openai",))

    assert caught.value.param == param


@pytest.mark.parametrize("text", ["", " a", "a ", "a\x00b", "a\nb", "x" * 201, "\ud800"])
def test_an_external_id_that_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        check_external_id(text)


def test_an_external_id_may_be_any_other_text() -> None:
    for text in ("42", "a b", "ann@example.com", "日本", "{u:x}", "*"):
        assert check_external_id(text) == text


def test_a_new_user_may_have_an_external_id() -> None:
    assert read_as({"external_id": "42", "name": "Ann"}, NewUser).external_id == "42"
