import pytest

from gateway.catalogue.lookup import Catalogue
from gateway.config.builtin import BUILTIN_PROVIDERS, LABELS
from gateway.config.parse import parse
from gateway.config.schema import Config
from gateway.config.schema_providers import PlatformKeyFor, Timeouts
from gateway.config.secrets import Secrets
from gateway.config.snapshot import Snapshot, Snapshots, compile_config, config_hash
from gateway.types.account import Scope
from gateway.types.models import Price, PriceState, PriceTier, ReasoningStyle
from gateway.types.secret import Secret


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def compiled(value: object, catalogue: Catalogue, secrets: Secrets | None = None) -> Snapshot:
    return compile_config(parse(value), secrets or Secrets(), catalogue)


def test_without_a_file_every_vendor_is_there_and_no_server_of_ones_own(
    catalogue: Catalogue,
) -> None:
    snapshot = compiled({}, catalogue)
    assert "openai" in snapshot.providers
    assert "anthropic" in snapshot.providers
    assert "ollama" not in snapshot.providers
    for name, entry in snapshot.providers.items():
        built_from_settings = name in ("azure", "bedrock", "vertex")
        assert entry.base_url.startswith("https://") or (built_from_settings and not entry.base_url)
        assert not entry.base_url.endswith("/")
        assert (entry.type, entry.audience, entry.label) == (name, name, name)
        assert entry.platform_key is None
        assert entry.key_required
        assert entry.timeouts == Timeouts()


def test_an_entry_holds_everything_the_file_says_of_it(catalogue: Catalogue) -> None:
    snapshot = compiled(
        {
            "timeouts": {"gap_s": 30},
            "providers": {
                "anthropic": {
                    "base_url": "https://proxy.example.com/anthropic/",
                    "api_version": "2026-10-21",
                    "platform_key_env": "KEY",
                    "platform_key_for": "listed",
                    "headers": {"X-Team": "a"},
                    "timeouts": {"first_token_s": 7},
                    "default_model": "claude-sonnet-5-5",
                    "scope_ceiling": "minimal",
                },
                "groq": {"enabled": False},
            },
        },
        catalogue,
        Secrets({"anthropic": Secret("sk-ant")}),
    )
    entry = snapshot.providers["anthropic"]
    assert entry.base_url == "https://proxy.example.com/anthropic"
    assert entry.settings == {"api_version": "2026-10-21"}
    assert entry.platform_key == Secret("sk-ant")
    assert entry.platform_key_for is PlatformKeyFor.LISTED
    assert entry.headers == {"x-team": "a"}
    assert entry.timeouts == Timeouts(first_token_s=7, gap_s=30)
    assert entry.default_model == "claude-sonnet-5-5"
    assert entry.scope_ceiling is Scope.MINIMAL
    assert "groq" not in snapshot.providers
    assert "sk-ant" not in repr(entry)


def test_metric_labels_come_from_a_closed_set(catalogue: Catalogue) -> None:
    snapshot = compiled(
        {
            "providers": {
                "team-a": {"type": "vllm", "base_url": "http://a/v1"},
                "team-b": {"type": "openai_compatible", "base_url": "http://b/v1"},
                "eu": {"type": "openai", "base_url": "https://eu.example.com/v1"},
                "named": {"type": "vllm", "base_url": "http://c/v1", "label": "other"},
            }
        },
        catalogue,
    )
    labels = {name: entry.label for name, entry in snapshot.providers.items()}
    assert labels["team-a"] == "vllm"
    assert labels["team-b"] == "other"
    assert labels["eu"] == "openai"
    assert labels["named"] == "other"
    assert set(labels.values()) <= LABELS


def test_a_server_on_this_host_is_there_once_it_is_mentioned(catalogue: Catalogue) -> None:
    snapshot = compiled({"providers": {"ollama": None}}, catalogue)
    assert snapshot.providers["ollama"].base_url == "http://localhost:11434/v1"


def test_servers_of_ones_own_want_no_key_unless_told(catalogue: Catalogue) -> None:
    url = "http://a/v1"
    providers = {
        "ollama": {"base_url": url},
        "guarded": {"type": "ollama", "base_url": url, "key_required": True},
        "house": {"type": "openai_compatible", "base_url": url},
        "proxy": {"type": "groq", "base_url": url, "key_required": False},
    }
    entries = compiled({"providers": providers}, catalogue).providers
    required = {name: entries[name].key_required for name in providers}
    assert required == {"ollama": False, "guarded": True, "house": False, "proxy": False}


def test_a_model_is_described_under_its_providers_name(catalogue: Catalogue) -> None:
    snapshot = compiled(
        {"providers": {"eu": {"type": "openai", "base_url": "https://eu.example.com/v1"}}},
        catalogue,
    )
    info = snapshot.model("eu", "gpt-4o-2024-08-06")
    assert (info.provider, info.id, info.known) == ("eu", "gpt-4o", True)
    assert snapshot.lists("eu", "gpt-4o")
    assert "gpt-4o" in snapshot.known_models("eu")


def test_a_model_nobody_knows_is_described_as_such(catalogue: Catalogue) -> None:
    snapshot = compiled({}, catalogue)
    for provider, model in (("openai", "my-finetune"), ("nobody", "gpt-4o")):
        info = snapshot.model(provider, model)
        assert (info.provider, info.id, info.known) == (provider, model, False)
        assert info.price.state is PriceState.UNKNOWN
        assert not snapshot.lists(provider, model)
    assert snapshot.known_models("nobody") == {}


def test_the_operators_word_counts_more_than_the_catalogues(catalogue: Catalogue) -> None:
    price = {
        "input": 0.15,
        "output": "2.5",
        "cache_read": 0.0000001,
        "per_request": 0.005,
        "tiers": [{"above": 100, "input": 1, "output": 2}],
    }
    snapshot = compiled(
        {
            "models": {
                "overrides": {
                    "openai": {
                        "gpt-4o": {"price": price, "max_output": 5, "reasoning": "effort"},
                        "gpt-4*": {"tools": False},
                        "gpt-4.1*": {"price": "free", "refuses": ["seed"]},
                        "house-model": {"context_window": 9},
                    }
                }
            }
        },
        catalogue,
    )
    info = snapshot.model("openai", "gpt-4o")
    assert info.price.base == Price(input=150_000_000, output=2_500_000_000, cache_read=100)
    assert info.price.tiers == (PriceTier(100, Price(10**9, 2 * 10**9)),)
    assert info.price.per_request == 5_000_000
    assert (info.max_output, info.reasoning) == (5, ReasoningStyle.EFFORT)
    assert info.tools  # the exact name's row alone counts
    assert info.context_window == 128_000  # what it leaves out stays

    assert not snapshot.model("openai", "gpt-4-turbo").tools
    mini = snapshot.model("openai", "gpt-4.1-mini")  # the longest pattern
    assert (mini.tools, mini.price.state, mini.refuses) == (True, PriceState.FREE, ("seed",))

    house = snapshot.model("openai", "house-model")
    assert (house.known, house.context_window) == (True, 9)
    assert snapshot.lists("openai", "house-model")
    assert set(snapshot.known_models("openai")) > {"house-model", "gpt-4o"}
    assert "gpt-4*" not in snapshot.known_models("openai")


def test_a_pattern_prices_unknown_models_without_listing_them(catalogue: Catalogue) -> None:
    snapshot = compiled(
        {
            "providers": {"ollama": {"base_url": "http://ollama:11434/v1"}},
            "models": {"overrides": {"ollama": {"*": {"price": "free"}}}},
        },
        catalogue,
    )
    info = snapshot.model("ollama", "llama3.2:3b")
    assert (info.known, info.price.state) == (False, PriceState.FREE)
    assert not snapshot.lists("ollama", "llama3.2:3b")


def test_only_stars_have_a_meaning_in_patterns(catalogue: Catalogue) -> None:
    overrides = {"openai": {"a[bc]?*": {"max_output": 7}}}
    snapshot = compiled({"models": {"overrides": overrides}}, catalogue)
    assert snapshot.model("openai", "a[bc]?x").max_output == 7
    assert snapshot.model("openai", "abXx").max_output is None


def test_other_providers_lists_are_known(catalogue: Catalogue) -> None:
    snapshot = compiled({}, catalogue)
    assert snapshot.lists_elsewhere("anthropic", "gpt-4o")
    assert not snapshot.lists_elsewhere("anthropic", "my-finetune")
    off = {name: {"enabled": False} for name, entry in BUILTIN_PROVIDERS.items() if entry.offered}
    alone = compiled({"providers": {**off, "anthropic": {}}}, catalogue)
    assert not alone.lists_elsewhere("anthropic", "gpt-4o")


def test_the_hash_is_that_of_the_meaning_not_of_the_spelling(catalogue: Catalogue) -> None:
    one = {"workers": 2, "retries": {"max_attempts": 3}, "providers": {"xai": {}, "groq": {}}}
    other = {"providers": {"groq": None, "xai": {"enabled": True}}, "workers": 2}
    assert config_hash(parse(one)) == config_hash(parse(other))
    assert config_hash(parse(one)) != config_hash(parse({**one, "workers": 3}))


def test_the_hash_holds_no_secret(catalogue: Catalogue) -> None:
    value = {"providers": {"openai": {"platform_key_env": "KEY"}}}
    hashes = {
        compiled(value, catalogue, Secrets({"openai": Secret(key)})).hash for key in ("a", "b")
    }
    assert len(hashes) == 1


def test_nothing_in_a_snapshot_can_be_changed(catalogue: Catalogue) -> None:
    snapshot = compiled({}, catalogue)
    with pytest.raises(TypeError):
        snapshot.providers["x"] = snapshot.providers["openai"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        snapshot.providers["openai"].name = "x"  # type: ignore[misc]


def test_a_swap_leaves_the_old_snapshot_to_those_who_hold_it(catalogue: Catalogue) -> None:
    first, second = compiled({}, catalogue), compiled({"workers": 2}, catalogue)
    snapshots = Snapshots(first)
    held = snapshots.current
    snapshots.swap(second)
    assert snapshots.current is second
    assert held is first
    assert held.config == Config()
