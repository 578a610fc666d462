"""Settings of provider keys and the audiences they make."""

import pytest

from gateway.errors import InvalidRequest
from gateway.identity.key_settings import (
    OWN_ENDPOINT,
    EndpointRules,
    audience_for,
    check_settings,
    format_of,
)
from gateway.upstream.origin import MalformedUrl
from tests.identity.scene import CONFIGURED

RULES = EndpointRules(own_origins=("https://gateway.example",))


@pytest.mark.parametrize(
    ("type_", "settings", "audience"),
    [
        ("openai", {}, "openai"),
        ("corp", {}, "corp"),
        ("gemini", {}, "google:gemini"),
        ("vertex", {"region": "europe-west4", "project": "my-project"}, "google:vertex"),
        ("bedrock", {"region": "us-east-1"}, "aws:bedrock"),
        ("azure", {"azure_resource": "my-res"}, "https://my-res.openai.azure.com:443"),
        (OWN_ENDPOINT, {"endpoint": "https://LLM.Example/v1"}, "https://llm.example:443"),
        (OWN_ENDPOINT, {"endpoint": "https://llm.example:443"}, "https://llm.example:443"),
    ],
)
def test_the_audience_is_where_the_secret_goes(
    type_: str, settings: dict[str, str], audience: str
) -> None:
    assert audience_for(type_, settings) == audience


def test_settings_that_were_never_checked_have_no_audience() -> None:
    with pytest.raises(MalformedUrl):
        audience_for(OWN_ENDPOINT, {})


def test_a_region_or_project_does_not_change_the_audience() -> None:
    assert audience_for("bedrock", {"region": "us-east-1"}) == audience_for("bedrock", {})


@pytest.mark.parametrize(
    ("type_", "name", "format_"),
    [
        ("openai", "openai", "openai"),
        ("openai", "work", "openai"),
        ("corp", "corp", "openai_compatible"),
        (OWN_ENDPOINT, "mine", "own_endpoint"),
    ],
)
def test_a_type_is_a_configured_provider_or_an_own_endpoint(
    type_: str, name: str, format_: str
) -> None:
    assert format_of(type_, name, CONFIGURED) == format_


@pytest.mark.parametrize(
    ("type_", "name", "param"),
    [("nobody", "nobody", "type"), ("", "mine", "type"), (OWN_ENDPOINT, "openai", "name"),
     ("anthropic", "openai", "name")],
)  # fmt: skip
def test_other_types_and_borrowed_names_are_refused(type_: str, name: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        format_of(type_, name, CONFIGURED)

    assert caught.value.param == param


@pytest.mark.parametrize(
    ("format_", "settings"),
    [
        ("openai", {}),
        ("azure", {"azure_resource": "my-res", "azure_deployment": "gpt-4.1_mini",
                   "api_version": "2024-10-21"}),
        ("azure", {"azure_resource": "r2", "api_version": "2025-04-01-preview"}),
        ("bedrock", {"region": "us-gov-west-1"}),
        ("vertex", {"region": "global", "project": "123456789012"}),
        ("vertex", {"region": "northamerica-northeast1"}),
    ],
)  # fmt: skip
def test_good_settings_are_kept_as_they_are(format_: str, settings: dict[str, str]) -> None:
    assert check_settings(format_, settings, RULES) == settings


def test_an_endpoint_is_kept_in_canonical_form() -> None:
    settings = {"endpoint": "HTTPS://LLM.Example:443/v1/"}

    assert check_settings("own_endpoint", settings, RULES) == {"endpoint": "https://llm.example/v1"}


@pytest.mark.parametrize(
    "value",
    ["../../x?y#", "a/b", "%2e%2e", "é", "x" * 300, "", "a..b", ".a", "a b", "a\n", "a?b", "a#b",
     "a@b", "a:80", "evil.example/", "\x00"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("format_", "name"),
    [
        ("azure", "azure_resource"),
        ("azure", "azure_deployment"),
        ("azure", "api_version"),
        ("bedrock", "region"),
        ("vertex", "region"),
        ("vertex", "project"),
    ],
)
def test_c17_nothing_that_could_move_a_host_or_path_is_a_setting(
    format_: str, name: str, value: str
) -> None:
    settings = {"azure_resource": "res"} if format_ == "azure" else {}

    with pytest.raises(InvalidRequest) as caught:
        check_settings(format_, {**settings, name: value}, RULES)

    assert caught.value.param == f"settings.{name}"


@pytest.mark.parametrize(
    ("format_", "settings", "param"),
    [
        ("openai", {"endpoint": "https://evil.example"}, "settings.endpoint"),
        ("bedrock", {"endpoint": "https://evil.example"}, "settings.endpoint"),
        ("openai", {"base_url": "https://evil.example"}, "settings"),
        ("own_endpoint", {"endpoint": "https://a.example", "region": "x"}, "settings.region"),
        ("own_endpoint", {}, "settings.endpoint"),
        ("azure", {}, "settings.azure_resource"),
    ],
)
def test_settings_of_another_type_and_missing_ones_are_named(
    format_: str, settings: dict[str, str], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_settings(format_, settings, RULES)

    assert caught.value.param == param


@pytest.mark.parametrize(
    "endpoint", ["http://llm.example", "https://127.0.0.1", "https://169.254.169.254",
                 "https://gateway.example/v1", "https://user:pw@llm.example", "ftp://llm.example"],
)  # fmt: skip
def test_an_endpoint_that_users_may_not_reach_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_settings("own_endpoint", {"endpoint": endpoint}, RULES)

    assert (caught.value.code, caught.value.param) == ("endpoint_not_allowed", "settings.endpoint")
