"""Patching preferences."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.identity.preferences import is_timezone, patch_preferences
from gateway.types.account import ContextPreference, OnDisconnect, Preferences, Scope

KNOWN = ("openai", "mine")


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    before = Preferences(provider="openai", default_model="gpt", fallbacks=("mine",))

    after = patch_preferences(
        before,
        {
            "default_model": "claude-x",
            "model_map": {"gpt-4o": "mine/llama"},
            "context": {"scope": "standard", "off": ["feels"]},
            "context_policy": {"openai": "minimal"},
            "on_disconnect": "drain",
            "timezone": "America/Argentina/Buenos_Aires",
        },
        KNOWN,
    )

    assert after == Preferences(
        provider="openai",
        default_model="claude-x",
        model_map={"gpt-4o": "mine/llama"},
        fallbacks=("mine",),
        context=ContextPreference(Scope.STANDARD, ("feels",)),
        context_policy={"openai": Scope.MINIMAL},
        on_disconnect=OnDisconnect.DRAIN,
        timezone="America/Argentina/Buenos_Aires",
    )


def test_null_brings_a_member_back_to_its_default() -> None:
    before = Preferences(provider="openai", timezone="Europe/Berlin", model_map={"a": "b"})

    after = patch_preferences(before, {"provider": None, "timezone": None}, KNOWN)

    assert after == Preferences(model_map={"a": "b"})


def test_a_provider_that_has_gone_since_does_not_stop_other_changes() -> None:
    before = Preferences(provider="deleted")

    assert patch_preferences(before, {"default_model": "m"}, KNOWN).provider == "deleted"


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        ({"role": "admin"}, "preferences.role"),
        ({"role": None}, "preferences.role"),
        ({"bad name!": 1}, "preferences"),
        ({"provider": "nobody"}, "preferences.provider"),
        ({"provider": 5}, "preferences.provider"),
        ({"provider": ""}, "preferences.provider"),
        ({"default_model": ""}, "preferences.default_model"),
        ({"default_model": "a b"}, "preferences.default_model"),
        ({"default_model": "m" * 201}, "preferences.default_model"),
        ({"default_model": "m\x00"}, "preferences.default_model"),
        ({"model_map": {"a": 1}}, "preferences.model_map"),
        ({"model_map": {"": "b"}}, "preferences.model_map"),
        ({"model_map": ["a"]}, "preferences.model_map"),
        ({"model_map": {str(n): "m" for n in range(201)}}, "preferences.model_map"),
        ({"fallbacks": ["openai/gpt", "nobody/x"]}, "preferences.fallbacks[1]"),
        ({"fallbacks": ["openai"] * 9}, "preferences.fallbacks"),
        ({"fallbacks": "openai"}, "preferences.fallbacks"),
        ({"fallbacks": [1]}, "preferences.fallbacks[0]"),
        ({"context": {"scope": "everything"}}, "preferences.context.scope"),
        ({"context": {"depth": 1}}, "preferences.context.depth"),
        ({"context": {"off": ["Feels!"]}}, "preferences.context.off"),
        ({"context_policy": {"nobody": "minimal"}}, "preferences.context_policy"),
        ({"context_policy": {"openai": "all"}}, "preferences.context_policy"),
        ({"on_disconnect": "explode"}, "preferences.on_disconnect"),
        ({"timezone": "Mars/Olympus"}, "preferences.timezone"),
    ],
)
def test_a_fault_is_named_by_its_path(patch: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        patch_preferences(Preferences(), patch, KNOWN)

    assert caught.value.param == param


def test_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as caught:
        patch_preferences(Preferences(), {"context": {"scope": "sk-pasted-here"}}, KNOWN)

    assert "sk-pasted-here" not in caught.value.message + str(caught.value.param)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Etc/GMT+5", "America/Port-au-Prince"])
def test_names_of_the_database_are_time_zones(name: str) -> None:
    assert is_timezone(name)


@pytest.mark.parametrize(
    "name", ["", "America", "../../etc/passwd", "/etc/localtime", "Europe/../UTC", "Europe/Berlin\n",
             "europe/nowhere", "A" * 500, "Europe/\x00", "UTC+99999"],
)  # fmt: skip
def test_other_texts_are_no_time_zones(name: str) -> None:
    assert not is_timezone(name)
