"""The committed data against the package it is made from: the same models, the same bills."""

import importlib
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from gateway.accounting.cost import cost_nano
from gateway.catalogue import lookup
from gateway.catalogue.corrections import CORRECTIONS
from gateway.catalogue.lookup import Catalogue
from gateway.types.models import PriceState
from gateway.types.usage import Usage

genai_prices = pytest.importorskip("genai_prices", reason="genai-prices is not installed")

_THEIRS = {"anthropic": "anthropic", "openai": "openai", "groq": "groq", "deepseek": "deepseek",
           "xai": "x-ai", "openrouter": "openrouter", "together": "together",
           "fireworks": "fireworks", "cerebras": "cerebras", "perplexity": "perplexity",
           "gemini": "google", "mistral": "mistral", "cohere": "cohere", "bedrock": "aws",
           "azure": "azure", "zai": "zai", "cloudflare": "cloudflare"}  # fmt: skip
_USAGES = (
    Usage(input=1_000, output=500),
    Usage(input=20, cache_read=5_000, cache_write=700, output=90, reasoning=300),
    Usage(input=150_000, cache_read=150_001, output=3_000),
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def their_bill(provider: str, model: str, usage: Usage, when: datetime) -> Decimal:
    """What genai-prices says a request costs, in dollars."""
    snapshot = genai_prices.data_snapshot.get_snapshot()
    found, info = snapshot.find_provider_model(model, None, _THEIRS[provider], None)
    prices = info.get_prices(when)
    priced: dict[str, Any] = {
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
    }
    if prices.output_reasoning_mtok is not None:
        priced["output_reasoning_tokens"] = usage.reasoning
    if prices.input_audio_mtok is not None:
        priced |= {"input_audio_tokens": 0, "cache_audio_read_tokens": 0}
    if prices.output_audio_mtok is not None:
        priced["output_audio_tokens"] = 0
    bill = info.calc_price(genai_prices.Usage(**priced), found, genai_request_timestamp=when)
    total: Decimal = bill.total_price
    return total


def test_every_offered_model_costs_what_genai_prices_says(catalogue: Catalogue) -> None:
    made = date.fromisoformat(catalogue.source.made)
    if catalogue.source.version != version("genai-prices"):
        pytest.skip("the data was made from another version of genai-prices")
    moments = [datetime(made.year, made.month, made.day, hour, 30, tzinfo=UTC) for hour in (2, 12)]
    moments.append(datetime(made.year + 2, 6, 1, 12, tzinfo=UTC))  # announced prices hold by then
    pairs = 0
    for provider in _THEIRS:
        for name, info in list(catalogue.models(provider).items())[:80]:
            if info.price.state is not PriceState.PRICED or name in CORRECTIONS.get(provider, ()):
                continue
            for usage in _USAGES:
                for when in moments:
                    theirs = their_bill(provider, name, usage, when)
                    ours = cost_nano(usage, info.price, when.timestamp())
                    assert ours is not None
                    assert abs(ours - theirs * 10**9) <= 1, (provider, name, usage, when)
                    pairs += 1
    assert pairs > 1_000


def test_the_committed_data_is_what_the_maker_makes() -> None:
    make = importlib.import_module("gateway.catalogue.make")
    catalogue = Catalogue.load()
    if catalogue.source.version != version("genai-prices"):
        pytest.skip("the data was made from another version of genai-prices")
    committed = Path(lookup.__file__).with_name("data.json").read_text(encoding="utf-8")
    assert make.render(*make.build(date.fromisoformat(catalogue.source.made))) == committed


def test_a_model_that_is_not_sold_by_the_token_is_left_out(catalogue: Catalogue) -> None:
    for provider, model in (
        ("openai", "whisper-1"),
        ("openai", "tts-1"),
        ("groq", "whisper-large-v3"),
    ):
        assert not catalogue.lists(provider, model)  # fmt: skip


def test_workers_never_load_genai_prices() -> None:
    code = (
        "import sys; from gateway.catalogue.lookup import Catalogue; "
        "Catalogue.load().find('openai', 'gpt-4o'); "
        "import gateway.config.reload, gateway.routing.attempts, gateway.routing.outcome; "
        "sys.exit('genai_prices' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_service_tier_costs_what_genai_prices_says(catalogue: Catalogue) -> None:
    if catalogue.source.version != version("genai-prices"):
        pytest.skip("the data was made from another version of genai-prices")
    when = datetime.fromisoformat(f"{catalogue.source.made}T12:00:00+00:00")
    snapshot = genai_prices.data_snapshot.get_snapshot()
    usage = Usage(input=1_000, cache_read=500, output=200)
    theirs_usage = genai_prices.Usage(input_tokens=1_500, cache_read_tokens=500, output_tokens=200)
    pairs = 0
    for provider, key in (("openai", "service_tier"), ("anthropic", "speed")):
        for name, info in catalogue.models(provider).items():
            for special in {service.name for service in info.price.services}:
                found, model = snapshot.find_provider_model(name, None, provider, None)
                bill = model.calc_price(
                    theirs_usage, found, genai_request_timestamp=when, price_context={key: special}
                )
                ours = cost_nano(usage, info.price, when.timestamp(), special)
                assert ours is not None
                assert abs(ours - bill.total_price * 10**9) <= 1, (name, special)
                pairs += 1
    assert pairs > 40


def test_each_correction_is_one_and_says_where_it_is_from(catalogue: Catalogue) -> None:
    for provider, table in CORRECTIONS.items():
        for model, correction in table.items():
            price = catalogue.describe(provider, model).price
            assert price.base is not None
            for bucket, dollars in correction.rates.items():
                assert getattr(price.base, bucket) == Decimal(dollars) * 10**9
            if correction.per_request is not None:
                assert price.per_request == Decimal(correction.per_request) * 10**9
            assert correction.source.endswith("2026-11")
