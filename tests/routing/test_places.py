import pytest
from msgspec.structs import replace

from gateway.config.snapshot import Snapshot
from gateway.errors import ProviderKeyMissing
from gateway.routing.plan import plan_route
from gateway.types.account import AccountView
from gateway.types.models import PriceState
from gateway.types.upstream import KeySource, Target
from tests.routing.scenes import configured, key, user

PLATFORM = {"providers": {"openai": {"platform_key_env": "KEY"}}}


def target_for(requested: str, account: AccountView, snapshot: Snapshot) -> Target:
    (target,) = plan_route(requested, account, snapshot).targets
    return target


def test_the_users_own_key_goes_before_the_operators() -> None:
    snapshot = configured(PLATFORM, openai="sk-platform")
    own = target_for("openai/gpt-4o", user("openai"), snapshot)
    assert (own.key_source, own.key_name) == (KeySource.OWN, "openai")
    none = target_for("openai/gpt-4o", user(), snapshot)
    assert (none.key_source, none.key_name) == (KeySource.PLATFORM, None)


@pytest.mark.parametrize(
    ("key_for", "default", "said", "allowed"),
    [
        ("all", True, None, True),
        ("all", True, True, True),
        ("all", True, False, False),
        ("all", False, None, False),
        ("all", False, True, True),
        ("listed", True, None, False),
        ("listed", True, True, True),
        ("listed", True, False, False),
        ("none", True, None, False),
        ("none", True, True, False),
    ],
)
def test_the_operators_key_is_for_whom_the_config_says(
    key_for: str, default: bool, said: bool | None, allowed: bool
) -> None:
    snapshot = configured(
        {
            "providers": {"openai": {"platform_key_env": "KEY", "platform_key_for": key_for}},
            "user_defaults": {"platform_keys": default},
        },
        openai="sk-platform",
    )
    account = user(platform_keys=said)
    if allowed:
        assert target_for("openai/gpt-4o", account, snapshot).key_source is KeySource.PLATFORM
    else:
        with pytest.raises(ProviderKeyMissing):
            target_for("openai/gpt-4o", account, snapshot)


def test_a_server_that_needs_no_key_is_used_without_one() -> None:
    snapshot = configured({"providers": {"ollama": {}}})
    target = target_for("ollama/llama3.2:3b", user(), snapshot)
    assert (target.key_source, target.key_name) == (KeySource.NONE, None)
    assert (target.base_url, target.trusted) == ("http://localhost:11434/v1", True)


def test_an_own_endpoint_gets_its_own_key_and_nothing_of_the_operators() -> None:
    snapshot = configured(
        {
            "providers": {
                "openai_compatible": {
                    "base_url": "http://house.internal/v1",
                    "platform_key_env": "KEY",
                    "headers": {"x-team": "secret-ish"},
                }
            }
        },
        openai_compatible="sk-platform",
    )
    mine = key("mine", "openai_compatible", endpoint="https://llm.example.com/v1/")
    target = target_for("mine/llama", user(mine), snapshot)
    assert target.provider == "mine"
    assert target.type == "openai_compatible"
    assert target.base_url == "https://llm.example.com/v1"
    assert target.audience == "https://llm.example.com"
    assert (target.key_source, target.key_name) == (KeySource.OWN, "mine")
    assert (target.trusted, target.label) == (False, "own_endpoint")
    assert target.headers == {}
    assert (target.info.known, target.info.price.state) == (False, PriceState.UNKNOWN)


def test_no_plan_sends_a_platform_key_to_an_address_a_user_chose() -> None:
    snapshot = configured(PLATFORM, openai="sk-platform")
    elsewhere = "https://evil.example.com/v1"
    keys = [
        key("openai", "openai_compatible", endpoint=elsewhere),
        key("mine", "openai_compatible", endpoint=elsewhere),
        key("work", "openai", endpoint=elsewhere),
    ]
    for held in ([keys[0]], [keys[1]], [keys[2]], keys):
        for requested in ("openai/gpt-4o", "gpt-4o", "mine/gpt-4o", "work/gpt-4o"):
            account = user(*held, provider="openai", default_model="gpt-4o")
            for target in plan_route(requested, account, snapshot, fallbacks=["mine/x"]).targets:
                if target.base_url != "https://api.openai.com/v1":
                    assert target.key_source is KeySource.OWN
                    assert not target.trusted
                else:
                    assert "endpoint" not in target.settings


def test_a_key_is_not_sent_to_another_origin_than_it_was_saved_for() -> None:
    mine = key("mine", "openai_compatible", endpoint="https://llm.example.com/v1")
    for moved in (
        "https://evil.example.com/v1",
        "http://llm.example.com/v1",
        "https://llm.example.com:8443/v1",
    ):
        forged = replace(mine, settings={"endpoint": moved})
        with pytest.raises(ProviderKeyMissing, match="Save both"):
            plan_route("mine/x", user(forged), configured())
    spelled = replace(mine, audience="https://llm.example.com:443")
    assert plan_route("mine/x", user(spelled), configured()).targets


def test_a_configured_provider_keeps_its_name_whatever_users_call_their_keys() -> None:
    imposter = key("groq", "openai")
    account = user(imposter, "anthropic", provider="anthropic")
    with pytest.raises(ProviderKeyMissing, match="'groq'"):
        plan_route("groq/llama", account, configured())


def test_of_several_keys_for_a_provider_the_one_of_its_name_is_used_else_the_oldest() -> None:
    work, home = key("work", "openai", created=20), key("home", "openai", created=10)
    snapshot = configured()
    assert target_for("openai/gpt-4o", user(work, home), snapshot).key_name == "home"
    named = key("openai", created=30)
    assert target_for("openai/gpt-4o", user(work, home, named), snapshot).key_name == "openai"
    assert target_for("work/gpt-4o", user(work, home, named), snapshot).key_name == "work"


def test_a_key_whose_provider_is_switched_off_is_no_place_to_send_to() -> None:
    snapshot = configured({"providers": {"groq": {"enabled": False}}})
    work = key("work", "groq")
    account = user(work, "openai", provider="openai")
    (target,) = plan_route("work/llama", account, snapshot).targets
    assert (target.provider, target.model) == ("openai", "work/llama")


def test_a_target_carries_what_the_operator_said_of_its_provider() -> None:
    snapshot = configured(
        {
            "providers": {
                "anthropic": {
                    "api_version": "2026-10-21",
                    "headers": {"X-Team": "a"},
                    "label": "other",
                },
                "eu": {"type": "anthropic", "base_url": "https://eu.example.com"},
            }
        }
    )
    mine = key("anthropic", region="eu")
    target = target_for("anthropic/claude-opus-4-8", user(mine), snapshot)
    assert target.settings == {"api_version": "2026-10-21", "region": "eu"}
    assert target.headers == {"x-team": "a"}
    assert (target.label, target.audience) == ("other", "anthropic")
    assert target.info.refuses == ("temperature", "top_p", "top_k")
    eu = target_for("eu/claude-opus-4-8", user("eu"), snapshot)
    assert (eu.type, eu.base_url, eu.audience) == ("anthropic", "https://eu.example.com", "eu")
    assert eu.label == "anthropic"


def test_no_secret_is_part_of_a_target() -> None:
    snapshot = configured(PLATFORM, openai="sk-canary-123")
    target = target_for("openai/gpt-4o", user(), snapshot)
    assert "canary" not in repr(target)
