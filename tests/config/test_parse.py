from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.config.parse import parse
from gateway.config.schema import Config, Retries
from gateway.config.schema_models import AliasTarget, PriceOverride
from gateway.config.schema_providers import PlatformKeyFor
from gateway.errors import ConfigFaults
from gateway.types.account import Scope


def faults_of(value: object) -> list[str]:
    with pytest.raises(ConfigFaults) as raised:
        parse(value)
    return [str(fault) for fault in raised.value.faults]


def test_nothing_given_is_the_default_configuration() -> None:
    assert parse({}) == Config()
    assert parse({"retries": None, "providers": None, "models": {"aliases": None}}) == Config()


def test_values_land_where_they_belong() -> None:
    config = parse(
        {
            "listeners": {"port": 0},
            "retries": {"max_attempts": 5, "backoff_cap_s": 4},
            "providers": {
                "openai": {"platform_key_env": "KEY", "platform_key_for": "listed"},
                "house": {"type": "vllm", "base_url": "http://x/v1", "scope_ceiling": "standard"},
                "groq": None,
            },
            "models": {
                "aliases": {"fast": [{"provider": "openai", "model": "gpt-5-mini"}]},
                "overrides": {
                    "house": {"*": {"price": "free"}},
                    "openai": {"gpt-5": {"price": {"input": 0.15, "output": 3}}},
                },
            },
        }
    )
    assert config.listeners.port == 0
    assert config.retries == Retries(max_attempts=5, backoff_cap_s=4.0)
    assert config.providers["openai"].platform_key_for is PlatformKeyFor.LISTED
    assert config.providers["house"].scope_ceiling is Scope.STANDARD
    assert config.providers["groq"].enabled
    assert config.models.aliases["fast"] == (AliasTarget("openai", "gpt-5-mini"),)
    assert config.models.overrides["house"]["*"].price == "free"
    price = config.models.overrides["openai"]["gpt-5"].price
    assert isinstance(price, PriceOverride)
    assert (str(price.input), str(price.output)) == ("0.15", "3")


def test_every_fault_is_named_with_its_path() -> None:
    assert faults_of(
        {
            "listeners": {"port": "abc", "hots": "x"},
            "workers": 0,
            "providers": {"openai": {"platform_key_for": "some"}, "x": 3},
            "models": {
                "aliases": {"fast": [{"provider": "openai"}, {"provider": "a", "model": 1}]},
                "overrides": {"openai": {"gpt-4.1": {"price": {"input": "x"}, "tools": "on"}}},
            },
            "unsupported": "sometimes",
            "metrics": {"allow": "10.0.0.0/8"},
            "surprise": 1,
        }
    ) == [
        "surprise: unknown key",
        "listeners.hots: unknown key; did you mean 'host'?",
        "listeners.port: expected 'int', got 'str'",
        "workers: expected 'int' >= 1",
        "providers.openai.platform_key_for: must be one of all, listed, none",
        "providers.x: expected a table of keys, got a number",
        "models.aliases.fast[0].model: is missing",
        "models.aliases.fast[1].model: expected 'str', got 'int'",
        "models.overrides.openai.gpt-4.1.tools: expected 'bool | null', got 'str'",
        "models.overrides.openai.gpt-4.1.price.input: invalid decimal string",
        "models.overrides.openai.gpt-4.1.price.output: is missing",
        "unsupported: must be one of strict, lenient, drop_all",
        "metrics.allow: expected a list, got text",
    ]


@pytest.mark.parametrize("value", [[], "text", 1, True])
def test_a_file_that_is_no_table_is_a_fault(value: object) -> None:
    assert faults_of(value)[0].startswith("expected a table of keys, got ")


def test_a_fault_does_not_repeat_the_value() -> None:
    secret = "sk-a-secret-in-the-wrong-place"
    shown = faults_of(
        {
            "store": secret,
            "workers": secret,
            "unsupported": secret,
            "providers": {"openai": {"enabled": secret, "platform_key_for": secret}},
        }
    )
    assert len(shown) == 5
    assert not any(secret in fault for fault in shown)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*Config.__struct_fields__, "aliases", "openai", "host", "x"]), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(value=_json)
def test_any_value_is_a_config_or_has_faults(value: Any) -> None:
    try:
        found: object = parse(value)
    except ConfigFaults as faults:
        found = faults.faults
    assert isinstance(found, Config | tuple)
    assert found
