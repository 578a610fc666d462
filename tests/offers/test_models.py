"""The models on offer: merged, filtered, and under ids that lead back to them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.config.snapshot import Snapshot
from gateway.errors import GatewayError, ModelNotAllowed, ModelNotFound, ProviderKeyMissing
from gateway.offers.doors import usable_doors
from gateway.offers.models import Because, ListedBy, OfferedModel, Wish, assemble, find_offered
from gateway.providers.listing import ListedModel
from gateway.routing.plan import plan_route
from gateway.types.account import AccountView
from gateway.types.models import PriceState
from tests.routing.scenes import configured, key, user

HOME = "https://home.example/v1"


def offers(
    view: AccountView,
    snapshot: Snapshot,
    listed: Mapping[str, Sequence[str]] | None = None,
    allowed: Sequence[str] | None = None,
) -> dict[str, OfferedModel]:
    """What a user is offered; `listed` are the providers' own lists, by door."""
    wish = Wish(view, snapshot, allowed)
    own = listed or {}
    found = [
        (door, tuple(ListedModel(name) for name in own.get(door.name, ())))
        for door in usable_doors(view, snapshot)
    ]
    made = list(assemble(wish, found))
    assert len({entry.id for entry in made}) == len(made)
    return {entry.id: entry for entry in made}


def test_names_of_the_preferred_provider_are_bare_and_others_carry_theirs() -> None:
    offered = offers(user("openai", "anthropic", provider="openai"), configured())
    assert offered["gpt-4o"].target.provider == "openai"
    assert offered["anthropic/claude-haiku-4-5"].target.provider == "anthropic"
    assert "claude-haiku-4-5" not in offered
    assert "openai/gpt-4o" not in offered


def test_a_user_who_prefers_none_of_several_gets_full_names_only() -> None:
    offered = offers(user("openai", "anthropic"), configured())
    assert offered
    assert all("/" in name for name in offered)


def test_a_provider_without_a_key_is_not_offered() -> None:
    offered = offers(user("openai"), configured())
    assert {entry.target.provider for entry in offered.values()} == {"openai"}


def test_the_providers_own_list_is_merged_with_what_is_known() -> None:
    offered = offers(
        user("openai", provider="openai"), configured(), {"openai": ["gpt-4o", "ft:gpt-4o:acme::1"]}
    )
    assert offered["ft:gpt-4o:acme::1"].listed_by is ListedBy.PROVIDER
    assert offered["gpt-4o"].listed_by is ListedBy.PROVIDER
    assert offered["o3-mini"].listed_by is ListedBy.CATALOGUE


def test_facts_of_the_providers_list_fill_what_is_not_known() -> None:
    view, snapshot = user(key("home", "openai_compatible", endpoint=HOME)), configured()
    [door] = usable_doors(view, snapshot)
    said = ListedModel("llama", created=7, context_window=8_192, max_output=1_024)
    [entry] = assemble(Wish(view, snapshot), [(door, (said,))])
    assert (entry.created, entry.info.context_window, entry.info.max_output) == (7, 8_192, 1_024)
    known = usable_doors(user("openai", provider="openai"), snapshot)
    lying = ListedModel("gpt-4o", context_window=5)
    wish = Wish(user("openai", provider="openai"), snapshot)
    entries = {entry.id: entry for entry in assemble(wish, [(known[0], (lying,))])}
    assert entries["gpt-4o"].info.context_window == 128_000


def test_an_own_endpoint_offers_what_it_lists() -> None:
    view = user("openai", key("home", "openai_compatible", endpoint=HOME), provider="openai")
    offered = offers(view, configured(), {"home": ["llama3:latest", "org/model"]})
    assert offered["home/llama3:latest"].because is Because.OWN_KEY
    assert offered["home/org/model"].target.model == "org/model"


def test_why_a_model_is_available() -> None:
    config = {
        "providers": {"groq": {}, "ollama": {"base_url": "http://localhost:1/v1"}},
        "models": {"aliases": {"fast": [{"provider": "openai", "model": "gpt-4o-mini"}]}},
    }
    snapshot = configured(config, groq="gsk-ours")
    offered = offers(user("openai", provider="openai"), snapshot, {"ollama": ["llama"]})
    assert offered["gpt-4o"].because is Because.OWN_KEY
    assert offered["groq/gemma2-9b-it"].because is Because.PLATFORM_KEY
    assert offered["ollama/llama"].because is Because.NO_KEY_NEEDED
    assert offered["fast"].because is Because.ALIAS
    assert offered["fast"].target.model == "gpt-4o-mini"


def test_an_alias_is_offered_as_long_as_one_of_its_targets_can_answer() -> None:
    targets = [
        {"provider": "anthropic", "model": "claude-haiku-4-5"},
        {"provider": "openai", "model": "gpt-4o"},
    ]
    snapshot = configured({"models": {"aliases": {"both": targets, "one": targets[:1]}}})
    offered = offers(user("openai"), snapshot)
    assert offered["both"].target.provider == "openai"
    assert "one" not in offered


def test_an_alias_that_has_a_models_name_leaves_the_model_its_full_one() -> None:
    alias = {"gpt-4o": [{"provider": "openai", "model": "gpt-4o-mini"}]}
    offered = offers(user("openai", provider="openai"), configured({"models": {"aliases": alias}}))
    assert offered["gpt-4o"].target.model == "gpt-4o-mini"
    assert offered["openai/gpt-4o"].target.model == "gpt-4o"


def test_an_alias_for_the_model_of_its_own_name_stands_once() -> None:
    alias = {"gpt-4o": [{"provider": "openai", "model": "gpt-4o"}]}
    offered = offers(user("openai", provider="openai"), configured({"models": {"aliases": alias}}))
    assert offered["gpt-4o"].because is Because.ALIAS
    assert offered["openai/gpt-4o"].because is Because.OWN_KEY


def test_lists_of_operator_and_token_take_models_away() -> None:
    config = {"models": {"allow": ["gpt-*", "o1"], "deny": ["gpt-4*"]}}
    view = user("openai", "anthropic", provider="openai")
    offered = offers(view, configured(config), allowed=["gpt-3*", "openai/gpt-5", "claude*"])
    assert "gpt-3.5-turbo" in offered
    assert "gpt-5" in offered
    assert not [name for name in offered if name.startswith(("gpt-4", "o1", "anthropic"))]


def test_a_name_with_a_slash_that_another_provider_would_take_gets_its_full_one() -> None:
    view = user("openrouter", "openai", provider="openrouter")
    offered = offers(view, configured(), {"openrouter": ["openai/gpt-99", "openai/gpt-4o"]})
    assert offered["openai/gpt-4o"].target.provider == "openrouter"  # the catalogue knows it there
    assert "openai/gpt-99" not in offered  # it would go to OpenAI itself
    assert offered["openrouter/openai/gpt-99"].target.model == "openai/gpt-99"


def test_a_bare_name_that_would_be_substituted_gets_its_full_one() -> None:
    view = user("groq", provider="groq", default_model="gemma2-9b-it")
    offered = offers(view, configured(), {"groq": ["claude-haiku-4-5"]})  # as at Anthropic
    assert "claude-haiku-4-5" not in offered
    assert offered["groq/claude-haiku-4-5"].target.provider == "groq"


def test_a_default_model_is_offered_though_nobody_lists_it() -> None:
    view = user("openai", provider="openai", default_model="ft:gpt-4o:acme::1")
    assert offers(view, configured())["ft:gpt-4o:acme::1"].listed_by is ListedBy.PREFERENCES
    config = {"providers": {"groq": {"default_model": "house-model"}}}
    offered = offers(user("groq", provider="groq"), configured(config))
    assert offered["house-model"].listed_by is ListedBy.CONFIG


def test_models_of_the_config_are_offered_with_its_word_on_them() -> None:
    table = {"groq": {"house": {"context_window": 99, "price": "free"}, "any-*": {"price": "free"}}}
    offered = offers(user("groq"), configured({"models": {"overrides": table}}))
    assert offered["house"].listed_by is ListedBy.CONFIG
    assert offered["house"].info.context_window == 99
    assert offered["house"].info.price.state is PriceState.FREE
    assert "any-*" not in offered


def test_deployments_are_never_guessed() -> None:
    """Azure's names are its customers': the catalogue's would answer 404."""
    config = {
        "providers": {"azure": {"type": "azure", "base_url": "https://r.openai.azure.com"}},
        "models": {"overrides": {"azure": {"team-gpt": {}}}},
    }
    view = user(key("azure", azure_deployment="mine"), provider="azure", default_model="my-default")
    offered = offers(view, configured(config))
    assert {name: entry.listed_by for name, entry in offered.items()} == {
        "team-gpt": ListedBy.CONFIG,
        "mine": ListedBy.KEY,
        "my-default": ListedBy.PREFERENCES,
    }


def test_vertex_offers_googles_models_beside_those_of_its_own() -> None:
    view = user(key("vertex", project="sandbox", region="us-central1"))
    offered = offers(view, configured({"providers": {"vertex": {}}}))
    gemini, claude = offered["gemini-2.5-flash"], offered["claude-haiku-4-5"]
    assert gemini.target.provider == claude.target.provider == "vertex"
    assert gemini.info.price.base is not None


def test_a_second_key_of_a_provider_adds_only_what_the_first_does_not_list() -> None:
    view = user("openai", key("work", "openai", created=2), provider="openai")
    offered = offers(view, configured(), {"openai": ["gpt-4o"], "work": ["gpt-4o", "ft:work"]})
    assert offered["work/ft:work"].target.key_name == "work"
    assert "work/gpt-4o" not in offered


def test_a_preferred_key_that_is_not_of_its_providers_name_is_the_one_used() -> None:
    view = user("openai", key("work", "openai", created=2), provider="work")
    offered = offers(view, configured(), {"work": ["ft:work"]})
    assert offered["gpt-4o"].target.key_name == "work"
    assert offered["ft:work"].target.key_name == "work"


def test_an_endpoint_that_moved_since_its_key_was_saved_is_not_offered() -> None:
    moved = key("home", "openai_compatible", endpoint=HOME)
    elsewhere = type(moved)(
        **{name: getattr(moved, name) for name in moved.__struct_fields__}
        | {"audience": "https://other.example"}
    )
    assert offers(user(elsewhere), configured(), {"home": ["llama"]}) == {}


# --- one model --------------------------------------------------------------------------------


def found(name: str, view: AccountView, snapshot: Snapshot) -> OfferedModel:
    wish = Wish(view, snapshot)
    listed = list(offers(view, snapshot).values())
    return find_offered(name, wish, listed)


def test_a_model_is_found_by_any_name_that_leads_to_it() -> None:
    view = user("openai", "anthropic", provider="openai", default_model="gpt-4o")
    for name in ("gpt-4o", "openai/gpt-4o", "auto", "default"):
        entry = found(name, view, configured())
        assert (entry.id, entry.target.provider, entry.target.model) == (name, "openai", "gpt-4o")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("gpt-none", ModelNotFound),
        ("claude-haiku-4-5", ModelNotFound),  # would be answered by another model
        ("anthropic/claude-haiku-4-5", ProviderKeyMissing),
        ("gpt-4", ModelNotAllowed),
    ],
)
def test_what_is_not_offered_is_not_found(name: str, error: type[GatewayError]) -> None:
    view = user("openai", provider="openai", default_model="gpt-4o")
    with pytest.raises(error) as raised:
        found(name, view, configured({"models": {"deny": ["gpt-4"]}}))
    assert raised.value.param == "model"


# --- the property -----------------------------------------------------------------------------


def key_name(given_key: Any) -> str:
    return given_key if isinstance(given_key, str) else str(given_key.name)


_NAMES = st.sampled_from(
    (
        "gpt-4o", "gpt-new", "claude-haiku-4-5", "openai/gpt-4o", "openai/gpt-new", "fast", "auto",
        "anthropic/claude-haiku-4-5", "groq/x", "home/y", "work/z", "llama:8b", "a/b/c", "default",
    )
)  # fmt: skip
_PROVIDERS = ("openai", "anthropic", "openrouter", "groq")
_KEYS = st.lists(
    st.sampled_from(
        (
            *_PROVIDERS,
            key("work", "openai", created=2),
            key("spare", "groq", created=3),
            key("home", "openai_compatible", endpoint=HOME),
        )
    ),
    unique_by=key_name,
    max_size=5,
)
_ALIASES = st.dictionaries(
    _NAMES.filter(lambda name: name not in ("auto", "default") and "/" not in name),
    st.lists(
        st.builds(lambda p, m: {"provider": p, "model": m}, st.sampled_from(_PROVIDERS), _NAMES),
        min_size=1,
        max_size=2,
    ),
    max_size=3,
)


@given(
    keys=_KEYS,
    preferred=st.sampled_from((None, *_PROVIDERS, "work", "home")),
    default=st.none() | _NAMES,
    listed=st.dictionaries(st.sampled_from((*_PROVIDERS, "work", "home")), st.lists(_NAMES)),
    aliases=_ALIASES,
    platform=st.sampled_from(((), ("groq",))),
    lists=st.sampled_from(({}, {"deny": ["gpt-4*"]}, {"allow": ["gpt-*", "fast", "home/*"]})),
    allowed=st.sampled_from((None, ["gpt-4o", "groq/*"])),
    substitute=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_every_id_offered_leads_to_what_it_stands_for(  # one property over every dimension
    keys: list[Any],
    preferred: str | None,
    default: str | None,
    listed: dict[str, list[str]],
    aliases: dict[str, Any],
    platform: tuple[str, ...],
    lists: dict[str, Any],
    allowed: list[str] | None,
    substitute: bool,
) -> None:
    snapshot = configured(
        {"models": {"aliases": aliases, "substitute": substitute, **lists}},
        **dict.fromkeys(platform, "sk-ours"),
    )
    names = [key_name(k) for k in keys]
    chosen = preferred if preferred in names else None
    view = user(*keys, provider=chosen, default_model=default)
    for name, entry in offers(view, snapshot, listed, allowed).items():
        plan = plan_route(name, view, snapshot, fallbacks=(), allowed_models=allowed)
        first = plan.targets[0]
        assert (first.provider, first.model, first.key_name, first.base_url) == (
            entry.target.provider,
            entry.target.model,
            entry.target.key_name,
            entry.target.base_url,
        )
        assert entry.because is Because.ALIAS or not plan.warnings
