"""How many of a model's tokens one of the yardstick's is."""

import pytest

from gateway.context.factors import FACTORS, token_factor

NEW, OLD = 1.48, 1.14


@pytest.mark.parametrize(
    ("kind", "model", "expected"),
    [
        ("openai", "gpt-4o", 1.0),
        ("azure", "my-deployment", 1.0),
        ("anthropic", "claude-3-7-sonnet-20250219", OLD),
        ("anthropic", "claude-opus-4-20250514", OLD),
        ("anthropic", "claude-haiku-4-5-20251001", OLD),
        ("anthropic", "claude-opus-4-6", OLD),
        ("anthropic", "claude-opus-4-7", NEW),
        ("anthropic", "claude-sonnet-5", NEW),
        ("anthropic", "claude-opus-5-20260724", NEW),
        ("anthropic", "claude-fable-5-1", NEW),
        ("anthropic", "claude-mythos-preview", NEW),
        ("openrouter", "anthropic/claude-4.7-opus", NEW),
        ("openrouter", "anthropic/claude-sonnet-4.5", OLD),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", OLD),
        ("bedrock", "anthropic.claude-v2", OLD),
        ("bedrock", "us.amazon.nova-pro-v1:0", 1.0),
        ("vertex", "claude-opus-5-5", NEW),
        ("vertex", "gemini-2.5-flash", 1.06),
        ("vertex", "1234567890", 1.0),
        ("gemini", "tunedModels/x", 1.06),
        ("gemini", "gemma-3-27b-it", 1.06),
        ("mistral", "codestral-latest", 1.08),
        ("mistral", "ft:open:abc", 1.08),
        ("openrouter", "mistralai/mixtral-8x7b", 1.08),
        ("cohere", "command-a-03-2025", 0.97),
        ("xai", "grok-4-1-fast", 0.98),
        ("openai_compatible", "anything", 1.0),
        ("", "", 1.0),
    ],
)
def test_the_models_name_decides_and_the_provider_where_it_tells_nothing(
    kind: str, model: str, expected: float
) -> None:
    assert token_factor(kind, model) == expected
    assert token_factor(kind, model.upper()) == expected


def test_a_factor_has_prompts_behind_it_or_the_vendors_word() -> None:
    for row in FACTORS:
        assert 0.9 < row.factor < 1.5
        assert row.prompts >= 3 or row.note
