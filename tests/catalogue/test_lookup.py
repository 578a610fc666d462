import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from gateway.catalogue.lookup import Catalogue
from gateway.catalogue.rows import CapabilityRow, ModelRow, ProviderRows, Rule, Source
from gateway.types.models import (
    ModelPrice,
    Price,
    PriceState,
    PriceTier,
    ReasoningStyle,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def made_of(**providers: ProviderRows) -> Catalogue:
    raw = {name: msgspec.Raw(msgspec.json.encode(rows)) for name, rows in providers.items()}
    return Catalogue(Source("test", "1", "2026-11-23"), raw)


def row(name: str, rule: Rule | None = None) -> ModelRow:
    return ModelRow(name, rule or Rule(equals=(name,)))


@pytest.mark.parametrize(
    ("provider", "asked", "found"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", "gpt-5.2-20251211", "gpt-5.2"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:org::id", "ft:gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5"),
        ("azure", "gpt-4o", "gpt-4o"),
        ("vertex", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("fireworks", "accounts/fireworks/models/deepseek-v3p2", "accounts/fireworks/models/deepseek-v3p2"),
        ("huggingface", "openai/gpt-oss-120b:cerebras", "openai/gpt-oss-120b:cerebras"),
        ("openrouter", "anthropic/claude-opus-4.7", "anthropic/claude-opus-4.7"),
    ],
)  # fmt: skip
def test_names_are_found_as_vendors_write_them(
    catalogue: Catalogue, provider: str, asked: str, found: str
) -> None:
    info = catalogue.find(provider, asked)
    assert info is not None
    assert (info.provider, info.id, info.known) == (provider, found, True)
    assert info.price.state is PriceState.PRICED


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-nonsense"),
        ("openai", ""),
        ("openai", "claude-opus-4-5"),
        ("anthropic", "gpt-4o"),
        ("openrouter", "gpt-4o"),
        ("gemini", "claude-opus-4-5"),
        ("ollama", "llama3"),
        ("no-such-type", "gpt-4o"),
        ("openai", "whisper-1"),
        ("openai", "text-moderation-latest"),
        ("openai", "gpt-4o" * 100),
    ],
)
def test_what_is_not_in_the_data_is_unknown(
    catalogue: Catalogue, provider: str, model: str
) -> None:
    assert catalogue.find(provider, model) is None
    assert not catalogue.lists(provider, model)
    described = catalogue.describe(provider, model)
    assert (described.provider, described.id, described.known) == (provider, model, False)
    assert described.price.state is PriceState.UNKNOWN


def test_prices_are_nano_dollars_per_million_tokens(catalogue: Catalogue) -> None:
    info = catalogue.find("anthropic", "claude-sonnet-4-5")
    assert info is not None
    assert info.price.base == Price(
        input=3_000_000_000,
        output=15_000_000_000,
        cache_read=300_000_000,
        cache_write=3_750_000_000,
        cache_write_1h=6_000_000_000,
    )
    assert [tier.above for tier in info.price.tiers] == [200_000]
    assert info.price.tiers[0].price.input == 6_000_000_000


def test_free_is_not_unknown(catalogue: Catalogue) -> None:
    free = catalogue.find("openrouter", "openai/gpt-oss-20b:free")
    unpriced = catalogue.find("cerebras", "qwen-3-coder-480b")
    assert free is not None
    assert free.price.state is PriceState.FREE
    assert unpriced is not None
    assert unpriced.price.state is PriceState.UNKNOWN


def test_a_fee_for_each_request_is_kept(catalogue: Catalogue) -> None:
    info = catalogue.find("perplexity", "sonar")
    assert info is not None
    assert info.price.per_request == 5_000_000  # $5 per 1,000 requests


@pytest.mark.parametrize(
    ("provider", "model", "reasoning", "refused"),
    [
        ("openai", "gpt-4o", ReasoningStyle.NONE, ()),
        ("openai", "gpt-5.4", ReasoningStyle.EFFORT, ()),
        ("openai", "gpt-5-mini", ReasoningStyle.EFFORT, ("temperature", "max_tokens", "stop")),
        ("openai", "gpt-5-chat-latest", ReasoningStyle.NONE, ()),
        ("openai", "gpt-5.6-sol", ReasoningStyle.EFFORT, ("temperature", "top_p")),
        ("openai", "o3-mini-2025-01-31", ReasoningStyle.EFFORT, ("temperature",)),
        ("azure", "o4-mini", ReasoningStyle.EFFORT, ("temperature",)),
        ("anthropic", "claude-3-haiku-20240307", ReasoningStyle.NONE, ()),
        ("anthropic", "claude-sonnet-4-5", ReasoningStyle.BUDGET, ()),
        ("anthropic", "claude-opus-4-6", ReasoningStyle.BUDGET_OR_ADAPTIVE, ()),
        ("anthropic", "claude-opus-4-8", ReasoningStyle.ADAPTIVE, ("temperature", "top_k")),
        ("anthropic", "claude-sonnet-5-5", ReasoningStyle.ADAPTIVE, ("top_p",)),
        ("bedrock", "us.anthropic.claude-opus-4-8-v1:0", ReasoningStyle.ADAPTIVE, ("top_p",)),
        ("xai", "grok-4.3", ReasoningStyle.EFFORT, ("stop", "presence_penalty")),
        ("xai", "grok-4-1-fast-non-reasoning", ReasoningStyle.NONE, ()),
    ],
)
def test_quirks_go_by_the_name_asked_for(
    catalogue: Catalogue,
    provider: str,
    model: str,
    reasoning: ReasoningStyle,
    refused: tuple[str, ...],
) -> None:
    info = catalogue.describe(provider, model)
    assert info.reasoning is reasoning
    assert set(refused) <= set(info.refuses)
    assert bool(info.refuses) == bool(refused)


def test_a_name_newer_than_the_data_still_has_its_familys_quirks(catalogue: Catalogue) -> None:
    info = catalogue.describe("anthropic", "claude-opus-5-9-20270101")
    assert (info.known, info.reasoning, info.max_output) == (
        False,
        ReasoningStyle.ADAPTIVE,
        128_000,
    )


def test_embedding_models_say_so(catalogue: Catalogue) -> None:
    info = catalogue.find("openai", "text-embedding-3-small")
    assert info is not None
    assert (info.modalities_out, info.tools) == (("embedding",), False)
    assert info.price.base == Price(input=20_000_000, output=0)


def test_retired_models_are_priced_but_not_offered(catalogue: Catalogue) -> None:
    offered = catalogue.models("anthropic")
    assert "claude-opus-5-5" in offered
    assert "claude-2" not in offered
    assert catalogue.find("anthropic", "claude-2.1") is not None


def test_what_is_offered_can_be_called_by_that_name(catalogue: Catalogue) -> None:
    for provider in catalogue.types:
        for name, info in catalogue.models(provider).items():
            found = catalogue.find(provider, name)
            assert found == info, (provider, name)


def test_the_first_row_that_matches_wins_whatever_its_kind() -> None:
    rows = (
        row("exact"),
        row("family", Rule(starts_with=("gpt-4",), regex=("^o[0-9]$",))),
        row("gpt-4o"),
        row("both", Rule(every=((Rule(contains=("x",)), Rule(ends_with=("y",))),))),
    )
    catalogue = made_of(p=ProviderRows(rows))
    found = {
        name: info.id
        for name in ("exact", "gpt-4o", "o3", "axby", "axb")
        if (info := catalogue.find("p", name))
    }
    assert found == {"exact": "exact", "gpt-4o": "family", "o3": "family", "axby": "both"}


def test_a_fallback_is_asked_after_the_providers_own_rows_and_only_one_step() -> None:
    catalogue = made_of(
        a=ProviderRows((row("own"),), fallback=("b",)),
        b=ProviderRows((row("own"), row("theirs")), fallback=("c",)),
        c=ProviderRows((row("far"),)),
    )
    assert catalogue.lists("a", "theirs")
    assert not catalogue.lists("a", "far")
    assert list(catalogue.models("a")) == ["own"]


def test_later_capability_rows_refine_earlier_ones() -> None:
    rows = ProviderRows(
        (row("m-1"),),
        capabilities=(
            CapabilityRow(Rule(starts_with=("m",)), max_output=1, refuses=("seed",)),
            CapabilityRow(Rule(contains=("1",)), max_output=2, refuses=()),
            CapabilityRow(Rule(contains=("2",)), max_output=3),
        ),
    )
    info = made_of(p=rows).describe("p", "m-1")
    assert (info.max_output, info.refuses) == (2, ())


def test_the_data_says_where_it_comes_from(catalogue: Catalogue) -> None:
    assert catalogue.source.name == "genai-prices"
    assert catalogue.source.version
    assert catalogue.source.made.startswith("20")


def test_every_provider_type_has_data(catalogue: Catalogue) -> None:
    assert {"openai", "anthropic", "groq", "deepseek", "xai", "openrouter", "together"} < set(
        catalogue.types
    )
    for provider in catalogue.types:
        assert catalogue.models(provider), provider


def test_tiers_ascend_and_prices_are_sane(catalogue: Catalogue) -> None:
    dearest = 10**12  # a thousand dollars per million tokens
    for provider in catalogue.types:
        for info in catalogue.models(provider).values():
            check_price(info.price, dearest)


def check_price(price: ModelPrice, dearest: int) -> None:
    assert (price.base is None) == (price.state is not PriceState.PRICED)
    starts = [tier.above for tier in price.tiers]
    assert starts == sorted(set(starts))
    levels = [PriceTier(0, price.base)] if price.base else []
    for level in (*levels, *price.tiers):
        for rate in msgspec.structs.astuple(level.price):
            assert rate is None or 0 <= rate < dearest


@settings(max_examples=200, deadline=None)
@given(name=st.text(max_size=300))
def test_any_name_can_be_asked_for(catalogue: Catalogue, name: str) -> None:
    for provider in ("openai", "anthropic", "openrouter", "gemini", "nobody"):
        assert catalogue.describe(provider, name).provider == provider
