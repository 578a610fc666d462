from collections.abc import Sequence
from typing import Any

import pytest

from gateway.config.snapshot import Snapshot
from gateway.errors import (
    InvalidRequest,
    ModelNotAllowed,
    ModelNotFound,
    ProviderKeyMissing,
)
from gateway.routing.plan import plan_route
from gateway.types.account import AccountView
from gateway.types.upstream import KeySource
from tests.routing.scenes import configured, key, user

OPENAI = "gpt-4o"  # listed by OpenAI alone
CLAUDE = "claude-sonnet-5-5"  # listed by Anthropic alone
ALIASES = {
    "models": {
        "aliases": {
            "fast": [
                {"provider": "openai", "model": "gpt-5-mini"},
                {"provider": "anthropic", "model": "claude-haiku-5-5"},
            ]
        }
    }
}
HOUSE = {"type": "vllm", "base_url": "http://vllm.internal:8000/v1"}


def route(
    requested: str,
    account: AccountView,
    snapshot: Snapshot | None = None,
    **extra: Sequence[str] | None,
) -> list[str]:
    plan = plan_route(requested, account, snapshot or configured(), **extra)
    return [f"{target.provider} {target.model}" for target in plan.targets]


# 1. Aliases


def test_an_alias_leads_to_its_targets_in_order() -> None:
    account = user("openai", "anthropic", provider="anthropic")
    assert route("fast", account, configured(ALIASES)) == [
        "openai gpt-5-mini",
        "anthropic claude-haiku-5-5",
    ]


def test_an_aliass_targets_without_a_key_are_skipped_with_a_word() -> None:
    plan = plan_route("fast", user("anthropic"), configured(ALIASES))
    assert [target.provider for target in plan.targets] == ["anthropic"]
    assert plan.warnings == ("openai/gpt-5-mini skipped: no key",)


def test_an_alias_no_target_of_which_can_be_used_says_how_to_add_a_key() -> None:
    with pytest.raises(ProviderKeyMissing, match="PUT /v1/me/providers/openai"):
        plan_route("fast", user("groq"), configured(ALIASES))


def test_an_alias_goes_before_every_other_reading_of_the_name() -> None:
    targets = [{"provider": "groq", "model": "m"}]
    names = ["auto", "", "openai/gpt-4o", OPENAI]
    snapshot = configured({"models": {"aliases": {name: targets for name in names if name}}})
    account = user("openai", "groq", provider="openai", default_model="x")
    for name in ("auto", "openai/gpt-4o", OPENAI):
        assert route(name, account, snapshot) == ["groq m"]


def test_an_alias_means_the_operators_provider_not_a_users_key_of_that_name() -> None:
    snapshot = configured({**ALIASES, "providers": {"anthropic": {"enabled": True}}})
    imposter = key("openai", "openai_compatible", endpoint="https://mine.example.com/v1")
    with pytest.raises(ProviderKeyMissing):
        plan_route("fast", user(imposter), snapshot)


# 2. provider/rest


def test_a_prefix_names_the_provider() -> None:
    account = user("openai", "anthropic", provider="anthropic")
    assert route("openai/gpt-4o", account) == ["openai gpt-4o"]
    assert route("openai/brand-new", account) == ["openai brand-new"]


def test_a_prefix_may_be_the_name_of_one_of_the_users_keys() -> None:
    work = key("work", "openai")
    plan = plan_route("work/gpt-4o", user(work, "openai"), configured())
    (target,) = plan.targets
    assert (target.provider, target.key_name, target.model) == ("openai", "work", "gpt-4o")


def test_names_with_slashes_belong_to_a_preferred_provider_that_lists_them() -> None:
    account = user("openrouter", "openai", "groq", provider="openrouter")
    assert route("openai/gpt-4o", account) == ["openrouter openai/gpt-4o"]
    assert route("groq/llama-3.3-70b-versatile", account) == ["groq llama-3.3-70b-versatile"]
    account = user("openai", "groq", provider="groq")
    assert route("openai/gpt-oss-120b", account) == ["groq openai/gpt-oss-120b"]
    assert route("openai/gpt-4o", account) == ["openai gpt-4o"]


def test_only_the_first_slash_counts() -> None:
    account = user("openai", "together", provider="openai")
    assert route("together/meta-llama/Llama-3.3-70B-Instruct-Turbo", account) == [
        "together meta-llama/Llama-3.3-70B-Instruct-Turbo"
    ]


def test_a_prefix_that_is_no_provider_is_part_of_a_bare_name() -> None:
    account = user("openai", provider="openai")
    assert route("my-org/my-finetune", account) == ["openai my-org/my-finetune"]


def test_a_provider_the_user_has_no_key_for_is_named_as_missing() -> None:
    with pytest.raises(ProviderKeyMissing, match="PUT /v1/me/providers/openai") as raised:
        plan_route("openai/gpt-4o", user("anthropic", provider="anthropic"), configured())
    assert raised.value.status == 403
    assert raised.value.code == "provider_key_missing"


def test_but_not_where_the_name_may_be_one_of_the_preferred_providers_own() -> None:
    account = user("openrouter", provider="openrouter")
    assert route("openai/gpt-7-brand-new", account) == ["openrouter openai/gpt-7-brand-new"]
    mine = key("mine", "openai_compatible", endpoint="https://llm.example.com/v1")
    assert route("openai/gpt-7", user(mine, provider="mine")) == ["mine openai/gpt-7"]


def test_a_provider_that_is_switched_off_is_no_prefix() -> None:
    snapshot = configured({"providers": {"groq": {"enabled": False}}})
    account = user("groq", "openai", provider="openai")
    assert route("groq/llama", account, snapshot) == ["openai groq/llama"]


# 3. No model


@pytest.mark.parametrize("name", ["", "default", "auto"])
def test_no_model_means_the_preferred_provider_and_its_default_model(name: str) -> None:
    account = user("openai", "anthropic", provider="anthropic", default_model=CLAUDE)
    assert route(name, account) == [f"anthropic {CLAUDE}"]


def test_a_default_model_is_the_preferred_providers_whatever_slashes_it_has() -> None:
    account = user("openrouter", "openai", provider="openrouter", default_model="openai/gpt-4o")
    assert route("auto", account) == ["openrouter openai/gpt-4o"]


def test_the_operators_default_models_hold_for_users_without_one() -> None:
    snapshot = configured(
        {
            "providers": {"anthropic": {"default_model": CLAUDE}},
            "user_defaults": {"provider": "openai", "default_model": "gpt-5-mini"},
        }
    )
    assert route("auto", user("openai"), snapshot) == ["openai gpt-5-mini"]
    assert route("auto", user("anthropic", provider="anthropic"), snapshot) == [
        f"anthropic {CLAUDE}"
    ]
    with pytest.raises(ModelNotFound, match="default_model"):
        route("auto", user("groq", provider="groq"), snapshot)


def test_without_a_preference_the_only_key_decides() -> None:
    assert route("auto", user("groq", default_model="m")) == ["groq m"]
    mine = key("mine", "openai_compatible", endpoint="https://llm.example.com/v1")
    assert route("auto", user(mine, default_model="m")) == ["mine m"]


def test_without_a_preference_the_operators_choice_comes_first_if_usable() -> None:
    snapshot = configured({"user_defaults": {"provider": "openai", "default_model": "gpt-5-mini"}})
    assert route("auto", user("openai", "groq"), snapshot) == ["openai gpt-5-mini"]
    assert route("auto", user("groq", default_model="m"), snapshot) == ["groq m"]
    with pytest.raises(ProviderKeyMissing, match="'openai'"):
        route("auto", user(), snapshot)


def test_without_a_key_the_only_usable_provider_decides() -> None:
    snapshot = configured({"providers": {"house": {**HOUSE, "default_model": "m"}}})
    assert route("auto", user(), snapshot) == ["house m"]


def test_several_providers_and_no_preference_is_an_error_that_says_so() -> None:
    with pytest.raises(InvalidRequest, match="prefer none") as raised:
        route("auto", user("openai", "groq"))
    assert (raised.value.code, raised.value.param) == ("provider_not_chosen", "model")


def test_a_user_without_any_key_is_told_how_to_add_one() -> None:
    for name in ("auto", "gpt-4o", "openai/gpt-4o"):
        with pytest.raises(ProviderKeyMissing, match="PUT /v1/me/providers/"):
            route(name, user())


def test_a_preference_that_is_gone_is_named() -> None:
    with pytest.raises(ProviderKeyMissing, match="'work'"):
        route("auto", user("openai", provider="work"))
    with pytest.raises(ProviderKeyMissing, match="'work'"):
        route(OPENAI, user("openai", provider="work"))


# 4. A bare name


def test_a_name_the_preferred_provider_lists_goes_there() -> None:
    account = user("openai", "anthropic", provider="openai")
    assert route("gpt-4o-2024-08-06", account) == ["openai gpt-4o-2024-08-06"]


@pytest.mark.parametrize("name", ["my-finetune", "ft:gpt-4o-mini:org::abc", "prod-deployment"])
def test_a_name_nobody_lists_is_sent_as_it_is(name: str) -> None:
    plan = plan_route(name, user("openai", provider="openai"), configured())
    assert [target.model for target in plan.targets] == [name]
    assert plan.warnings == ()


def test_a_name_only_others_list_is_answered_by_the_users_map() -> None:
    account = user(
        "openai",
        "anthropic",
        provider="anthropic",
        default_model="claude-haiku-5-5",
        model_map={"gpt-4o": CLAUDE, "gpt-4o-mini": "openai/gpt-5-mini"},
    )
    plan = plan_route("gpt-4o", account, configured())
    assert [(t.provider, t.model) for t in plan.targets] == [("anthropic", CLAUDE)]
    assert plan.warnings == (
        f"model 'gpt-4o' is not at anthropic: answered by anthropic/'{CLAUDE}'",
    )
    assert route("gpt-4o-mini", account) == ["openai gpt-5-mini"]


def test_else_by_the_users_default_model_with_a_warning() -> None:
    account = user("anthropic", provider="anthropic", default_model=CLAUDE)
    plan = plan_route(OPENAI, account, configured())
    assert [target.model for target in plan.targets] == [CLAUDE]
    assert len(plan.warnings) == 1


def test_or_refused_where_the_operator_wants_no_substitutes() -> None:
    snapshot = configured({"models": {"substitute": False}})
    account = user("anthropic", provider="anthropic", default_model=CLAUDE)
    with pytest.raises(ModelNotFound) as raised:
        plan_route(OPENAI, account, snapshot)
    assert (raised.value.status, raised.value.code) == (404, "model_not_found")
    assert route("my-finetune", account, snapshot) == ["anthropic my-finetune"]


def test_without_a_default_model_there_is_nothing_to_answer_with() -> None:
    with pytest.raises(ModelNotFound, match="default_model"):
        route(OPENAI, user("anthropic", provider="anthropic"))


def test_an_own_endpoint_without_a_default_model_is_asked_itself() -> None:
    mine = key("mine", "openai_compatible", endpoint="https://llm.example.com/v1")
    assert route(OPENAI, user(mine, provider="mine")) == ["mine gpt-4o"]
    account = user(mine, provider="mine", default_model="llama")
    assert route(OPENAI, account) == ["mine llama"]


def test_a_name_only_a_switched_off_provider_lists_is_known_by_nobody() -> None:
    snapshot = configured(
        {"providers": {name: {"enabled": False} for name in ("openai", "openrouter", "azure")}}
    )
    account = user("anthropic", provider="anthropic", default_model=CLAUDE)
    assert route("o3-2025-04-16", account, snapshot) == ["anthropic o3-2025-04-16"]


def test_without_a_preference_a_name_only_one_of_the_users_providers_lists_leaves_no_doubt() -> (
    None
):
    account = user("openai", "anthropic")
    assert route(OPENAI, account) == ["openai gpt-4o"]
    assert route(CLAUDE, account) == [f"anthropic {CLAUDE}"]
    with pytest.raises(InvalidRequest, match="prefer none"):
        route("my-finetune", account)


# Fallbacks


def test_the_users_fallbacks_follow_in_order_and_without_repeats() -> None:
    account = user(
        "openai",
        "anthropic",
        "groq",
        provider="openai",
        default_model="gpt-5",
        fallbacks=("anthropic/claude-haiku-5-5", "openai/gpt-5", "openai", "groq/llama/x"),
    )
    assert route("auto", account) == [
        "openai gpt-5",
        "anthropic claude-haiku-5-5",
        "groq llama/x",
    ]


def test_the_requests_fallbacks_replace_the_users() -> None:
    account = user("openai", "groq", provider="openai", fallbacks=("groq/a",))
    assert route(OPENAI, account, fallbacks=["groq/b"]) == ["openai gpt-4o", "groq b"]
    assert route(OPENAI, account, fallbacks=[]) == ["openai gpt-4o"]
    assert route(OPENAI, account, fallbacks=None) == ["openai gpt-4o", "groq a"]


def test_fallbacks_that_cannot_be_used_are_skipped_with_a_word() -> None:
    account = user("openai", "groq", provider="openai")
    plan = plan_route(OPENAI, account, configured(), fallbacks=["anthropic/x", "nobody/y", "groq"])
    assert [target.provider for target in plan.targets] == ["openai"]
    assert plan.warnings == (
        "fallback 'anthropic/x' skipped: no such provider or no key",
        "fallback 'nobody/y' skipped: no such provider or no key",
        "fallback 'groq' skipped: no default model",
    )


# Allow-lists


@pytest.mark.parametrize(
    ("allow", "requested", "allowed"),
    [
        (["gpt-4o"], "gpt-4o", True),
        (["openai/gpt-4o"], "gpt-4o", True),
        (["openai/*"], "gpt-4o", True),
        (["gpt-*"], "gpt-4o", True),
        (["gpt-5*"], "gpt-4o", False),
        (["gpt-4"], "gpt-4o", False),
        ([], "gpt-4o", False),
        (["anthropic/*"], "auto", False),
        (["auto"], "auto", True),
        (["gpt-4o"], "claude-opus-5", False),
    ],
)
def test_a_tokens_list_refuses_what_it_does_not_name(
    allow: list[str], requested: str, allowed: bool
) -> None:
    account = user("openai", "anthropic", provider="openai", default_model="gpt-5-mini")
    if allowed:
        assert route(requested, account, allowed_models=allow)
    else:
        with pytest.raises(ModelNotAllowed) as raised:
            route(requested, account, allowed_models=allow)
        assert (raised.value.status, raised.value.origin) == (403, "policy")


def test_naming_an_allowed_model_does_not_open_its_substitute() -> None:
    account = user("anthropic", provider="anthropic", default_model=CLAUDE)
    with pytest.raises(ModelNotAllowed):
        route(OPENAI, account, allowed_models=[OPENAI])


def test_an_allowed_alias_opens_its_targets() -> None:
    account = user("openai", "anthropic")
    snapshot = configured(ALIASES)
    assert len(route("fast", account, snapshot, allowed_models=["fast"])) == 2
    assert route("fast", account, snapshot, allowed_models=["claude-*"]) == [
        "anthropic claude-haiku-5-5"
    ]


@pytest.mark.parametrize(
    ("models", "requested", "allowed"),
    [
        ({"deny": ["gpt-4o"]}, "gpt-4o", False),
        ({"deny": ["openai/*"]}, "gpt-4o", False),
        ({"deny": ["openai/gpt-4o"], "allow": ["*"]}, "gpt-4o", False),
        ({"allow": ["openai/*"]}, "gpt-4o", True),
        ({"allow": ["anthropic/*"]}, "gpt-4o", False),
        ({"allow": []}, "gpt-4o", False),
        ({"allow": ["openai/*"]}, "my-finetune", True),
    ],
)
def test_the_operators_lists_hold_for_everybody(
    models: dict[str, Any], requested: str, allowed: bool
) -> None:
    snapshot = configured({"models": models})
    account = user("openai", provider="openai")
    if allowed:
        assert route(requested, account, snapshot)
    else:
        with pytest.raises(ModelNotAllowed):
            route(requested, account, snapshot)


def test_a_fallback_that_is_not_allowed_is_skipped() -> None:
    account = user("openai", "groq", provider="openai")
    plan = plan_route(
        OPENAI, account, configured(), fallbacks=["groq/m"], allowed_models=["openai/*"]
    )
    assert [target.provider for target in plan.targets] == ["openai"]
    assert plan.warnings == ("fallback 'groq/m' skipped: not allowed",)


def test_the_first_choice_is_refused_even_where_a_fallback_would_be_allowed() -> None:
    account = user("openai", "groq", provider="openai")
    with pytest.raises(ModelNotAllowed):
        route(OPENAI, account, fallbacks=["groq/m"], allowed_models=["groq/*"])


# What a client's words may do


def test_warnings_and_messages_are_fit_for_a_header() -> None:
    account = user("openai", provider="openai")
    nasty = "x\r\nset-cookie: a=b\x00é" + "y" * 500
    plan = plan_route(OPENAI, account, configured(), fallbacks=[nasty])
    (warning,) = plan.warnings
    assert warning.isascii()
    assert warning.isprintable()
    assert len(warning) < 200


def test_nothing_a_request_names_becomes_an_address() -> None:
    account = user("openai", provider="openai")
    for name in ("https://evil.example.com/v1", "http://169.254.169.254/x", "//evil/x"):
        (target,) = plan_route(name, account, configured()).targets
        assert target.base_url == "https://api.openai.com/v1"
        assert target.key_source is KeySource.OWN
