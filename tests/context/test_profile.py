"""The profile: known members, free ones in their order, and nothing that cannot be sent on."""

from typing import Any

import msgspec
import pytest

from gateway.context.profile import (
    Profile,
    profile_of,
    profile_record,
    public_profile,
    read_profile,
)
from gateway.errors import InvalidRequest
from gateway.types.context import Record


def test_a_profile_is_stored_as_a_record_and_comes_back_in_its_order() -> None:
    body = {"zodiac": "Leo", "name": "Ada", "age": 36, "alone": False, "weight": 61.5}
    profile = read_profile(body)
    record = profile_record(profile)
    assert (record.id, record.day, record.history) == ("profile", None, ())
    assert [*record.fields] == ["name", "zodiac", "age", "alone", "weight"]
    stored = msgspec.json.decode(msgspec.json.encode(record), type=Record)
    assert profile_of(stored) == profile
    assert [*profile_of(stored).fields] == ["zodiac", "age", "alone", "weight"]
    assert public_profile(profile_of(stored)) == body


def test_free_members_are_kept_apart_from_the_known_ones() -> None:
    profile = Profile(name="Ada", fields={"id": "x", "fields": "y"})
    assert profile_of(profile_record(profile)) == profile
    assert profile_of(profile_record(Profile())) == Profile()


def test_null_and_blank_mean_that_a_member_is_not_given() -> None:
    body = {"name": " ", "timezone": "", "locale": None, "motto": None, "role": "\n", "x": 0}
    assert read_profile(body) == Profile(fields={"x": 0})


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"timezone": "Europe/Berlin\0"}, "timezone"),
        ({"timezone": 1}, "timezone"),
        ({"name": 5}, "name"),
        ({"locale": ["de"]}, "locale"),
        ({"tags": ["a"]}, "tags"),
        ({"nested": {"a": 1}}, "nested"),
        ({"bio": "x" * 2_001}, "bio"),
        ({"bio": "a\0"}, "bio"),
        ({"bio": "\udc00"}, "bio"),
        ({"size": float("inf")}, "size"),
        ({"size": float("nan")}, "size"),
        ({"size": -(10**15) - 1}, "size"),
        ({"bad\nname": "x"}, "bad\nname"),
        ({"": "x"}, "…"),
        ({"\ud800": "x"}, "…"),
        ({"x" * 65: "x"}, "x" * 64),
        ({f"m{number}": 1 for number in range(51)}, "m50"),
    ],
)
def test_a_bad_profile_names_the_member(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read_profile(body)
    assert raised.value.param == param
