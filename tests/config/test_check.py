from typing import Any

import pytest

from gateway.config.check import check
from gateway.config.parse import parse
from gateway.config.urls import allow_rule_fault, base_url_fault, store_url_fault


def faults_of(value: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in check(parse(value))]


def test_the_defaults_have_no_fault() -> None:
    assert faults_of({}) == []


def test_a_full_and_sound_configuration_has_no_fault() -> None:
    assert (
        faults_of(
            {
                "store": {"url": "redis://user@redis.internal:6379/0"},
                "providers": {
                    "house": {
                        "type": "vllm",
                        "base_url": "http://10.0.0.7:8000/v1",
                        "headers": {"X-Team": "a b"},
                        "label": "vllm",
                    },
                    "groq": {"enabled": False},
                },
                "models": {
                    "aliases": {"fast": [{"provider": "house", "model": "llama"}]},
                    "overrides": {"house": {"llama*": {"price": {"input": 1, "output": 0}}}},
                },
                "endpoints": {"allow": ["10.0.0.0/8:11434", "[fd00::/8]:443", "127.0.0.1/32:*"]},
                "metrics": {"allow": ["10.0.0.0/8", "::1/128"]},
                "user_defaults": {"provider": "house", "default_model": "llama"},
            }
        )
        == []
    )


def test_references_must_lead_somewhere() -> None:
    assert faults_of(
        {
            "providers": {"openai": {"enabled": False}, "ollama": {"enabled": False}},
            "models": {
                "aliases": {
                    "a": [
                        {"provider": "opanai", "model": "m"},
                        {"provider": "openai", "model": ""},
                    ],
                    "b": [],
                },
                "overrides": {"vllm": {}},
            },
            "user_defaults": {"provider": "openai"},
        }
    ) == [
        "models.aliases.a[0].provider: there is no provider 'opanai', or it is switched off",
        "models.aliases.a[1].provider: there is no provider 'openai', or it is switched off",
        "models.aliases.a[1].model: must not be empty",
        "models.aliases.b: an alias needs at least one target",
        "models.overrides.vllm: there is no provider 'vllm', or it is switched off",
        "user_defaults.provider: there is no provider 'openai', or it is switched off",
    ]


def test_a_provider_needs_a_type_an_address_and_one_key() -> None:
    assert faults_of(
        {
            "providers": {
                "anthropc": {},
                "house": {"type": "vlm", "base_url": "http://h/v1"},
                "local": {"type": "openai_compatible"},
                "off": {"type": "openai_compatible", "enabled": False},
                "Bad Name": {"type": "openai"},
                "openai": {"platform_key_env": "A", "platform_key_file": "b", "label": "mine"},
            }
        }
    ) == [
        "providers.anthropc.type: 'anthropc' is no built-in provider, so it needs a type; "
        "did you mean 'anthropic'?",
        "providers.house.type: there is no provider type 'vlm'; did you mean 'vllm'?",
        "providers.local.base_url: a provider of type 'openai_compatible' needs a base_url",
        "providers.Bad Name: a name has lower-case letters, digits, '-', '_' and '.'",
        "providers.openai: give only one of platform_key_env and platform_key_file",
        next(f for f in faults_of({"providers": {"openai": {"label": "mine"}}})),
    ]


@pytest.mark.parametrize(
    "name", ["Authorization", "x-api-key", "HOST", "content-length", "cookie", "transfer-encoding"]
)
def test_headers_the_gateway_writes_itself_are_refused(name: str) -> None:
    assert faults_of({"providers": {"openai": {"headers": {name: "x"}}}}) == [
        f"providers.openai.headers.{name}: is written by the gateway itself"
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("x", "a\r\nb: c"), ("x", "é"), ("a b", "c"), ("", "c")]
)
def test_headers_that_cannot_be_sent_are_refused(name: str, value: str) -> None:
    assert len(faults_of({"providers": {"openai": {"headers": {name: value}}}})) == 1


def test_values_that_contradict_each_other_are_faults() -> None:
    assert faults_of(
        {
            "store": {"url": "redis://h", "url_env": "STORE"},
            "keys": {"kek_env": "A", "kek_file": "b", "pepper_env": "C", "pepper_file": "d"},
            "retries": {"backoff_base_s": 9},
            "timeouts": {"total_s": 30},
            "context": {"default_scope": "standard", "ceiling": "minimal"},
            "media": {"max_bytes": 9_000, "max_total_bytes": 8_999},
            "user_defaults": {"default_model": "x"},
        }
    ) == [
        "store: give only one of url, url_env and url_file",
        "keys: give only one of kek_file, kek_env and kek_command",
        "keys: give only one of pepper_file and pepper_env",
        "retries.backoff_base_s: must not exceed backoff_cap_s",
        "timeouts.first_token_s: must not exceed total_s",
        "timeouts.gap_s: must not exceed total_s",
        "context.default_scope: must not be above the ceiling",
        "media.max_bytes: must not exceed max_total_bytes",
        "user_defaults.default_model: needs user_defaults.provider beside it",
    ]


@pytest.mark.parametrize("dollars", [-1, "-0.1", "NaN", "Infinity", 2_000_000])
def test_a_price_is_a_sane_amount(dollars: object) -> None:
    price = {"input": dollars, "output": 1}
    value = {"models": {"overrides": {"openai": {"m": {"price": price}}}}}
    assert faults_of(value) == [
        "models.overrides.openai.m.price.input: must be a number of dollars, 0 or more"
    ]


def test_price_tiers_ascend() -> None:
    tiers = [{"above": 10, "input": 1, "output": 1}, {"above": 5, "input": 1, "output": 1}]
    price = {"input": 1, "output": 1, "tiers": tiers}
    assert faults_of({"models": {"overrides": {"openai": {"m": {"price": price}}}}}) == [
        "models.overrides.openai.m.price.tiers: tiers must ascend by 'above'"
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/v1",
        "http://METADATA.google.internal./v1",
        "http://100.100.100.200/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/",
    ],
)
def test_metadata_services_are_no_provider(url: str) -> None:
    assert base_url_fault(url) == "leads to a cloud metadata service"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com/v1",
        "ftp://host/v1",
        "https://",
        "https://user:pw@host/v1",
        "https://host/v1?key=1",
        "https://host/v1#x",
        "https://host\\@169.254.169.254/",
        "https://ho st/v1",
        "https://host:99999/v1",
        "https://hos\nt/v1",
        "https://höst/v1",
    ],
)
def test_a_base_url_has_one_reading(url: str) -> None:
    assert base_url_fault(url) is not None


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "http://[fd00::7]:8000", "http://a:1"]
)
def test_private_and_public_servers_are_fine(url: str) -> None:
    assert base_url_fault(url) is None


def test_a_store_url_holds_no_password_in_the_file() -> None:
    assert store_url_fault("redis://:secret@host:6379/0") is not None
    assert store_url_fault("unix:///run/redis.sock?password=secret") is not None
    assert store_url_fault("http://host") is not None
    assert store_url_fault("redis://:secret@host:6379/0", is_secret=True) is None
    assert store_url_fault("rediss://host:6380") is None


@pytest.mark.parametrize(
    "rule",
    ["10.0.0.0/8", "10.0.0.1/8:443", "host:443", "10.0.0.0/8:0", "10.0.0.0/8:70000", "::/0:1"],
)
def test_an_allow_rule_is_a_network_and_a_port(rule: str) -> None:
    assert allow_rule_fault(rule) is not None
    assert len(faults_of({"endpoints": {"allow": [rule]}})) == 1


def test_a_program_for_keys_is_named_by_its_whole_path_and_stands_alone() -> None:
    """B-09."""
    assert faults_of({"keys": {"kek_command": ["/usr/bin/get-kek", "prod"]}}) == []
    assert faults_of({"keys": {"kek_command": ["get-kek"]}}) == [
        "keys.kek_command: must begin with the absolute path of a program"
    ]
    assert faults_of({"keys": {"kek_command": ["/usr/bin/get-kek"], "kek_file": "ring"}}) == [
        "keys: give only one of kek_file, kek_env and kek_command"
    ]
