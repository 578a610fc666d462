"""Recorded usage of real replies and what each must cost, worked out by hand.

A row holds what the provider reported (numbers and names only), the published rates, and the sum:
tokens x dollars per million, part by part. The rates were read in November 2026 on the pages named
at each group, and are not taken from the catalogue. Rows marked `made up` are of no recording: no
recorded prompt is long enough to reach a tier. Those of xAI are recorded in its other API's words.
"""

from dataclasses import dataclass
from typing import Any

OFF_PEAK = 1_795_435_200.0  # Monday 2026-11-23, 12:00 UTC
PEAK = OFF_PEAK - 4 * 3_600  # 08:00 UTC
SATURDAY = PEAK - 2 * 86_400


@dataclass(frozen=True)
class Row:
    """`parts`: (tokens, dollars per million). `fees`: further nano-dollars. `said`: the provider's.

    `recorded` is False where the numbers stand in no recording as they are.
    """

    provider: str
    model: str
    usage: dict[str, Any]
    parts: tuple[tuple[int, str], ...]
    expected: int
    fees: int = 0
    said: int | None = None
    at: float = OFF_PEAK
    members: tuple[tuple[str, Any], ...] = ()
    recorded: bool = True


def openai(prompt: int, completion: int, *, cached: int = 0, audio: int = 0, thought: int = 0,
           **more: Any) -> dict[str, Any]:  # fmt: skip
    """Usage as OpenAI's API and its copies report it."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": audio},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
        **more,
    }


def anthropic(fresh: int, out: int, *, read: int = 0, short: int = 0, long: int = 0,
              **more: Any) -> dict[str, Any]:  # fmt: skip
    """Usage as Anthropic reports it."""
    return {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "output_tokens": out,
        "service_tier": "standard",
        **more,
    }


def modality(**tokens: int) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": count} for name, count in tokens.items()]


# developers.openai.com/api/docs/pricing and /models; Azure: azure.microsoft.com/pricing/details/
# azure-openai (the same rates, global deployments).
OPENAI = (
    Row("openai", "gpt-5-nano", openai(162, 219, thought=192),
        ((162, "0.05"), (27, "0.40"), (192, "0.40")), 95_700),
    Row("openai", "o3-mini", openai(113, 347, thought=320), ((113, "1.10"), (347, "4.40")), 1_651_100),
    Row("openai", "gpt-4.1-mini", openai(2747, 267, cached=2048),
        ((699, "0.40"), (2048, "0.10"), (267, "1.60")), 911_600),
    Row("openai", "gpt-4.1", openai(1187, 14, cached=1152),
        ((35, "2"), (1152, "0.50"), (14, "8")), 758_000),
    Row("openai", "gpt-4o", openai(1220, 100, cached=1152),
        ((68, "2.50"), (1152, "1.25"), (100, "10")), 2_610_000),
    Row("openai", "gpt-4o-mini", openai(1149, 261, cached=1024),
        ((125, "0.15"), (1024, "0.075"), (261, "0.60")), 252_150),
    Row("openai", "gpt-audio-mini", openai(59, 123, audio=43),
        ((16, "0.60"), (43, "10"), (123, "2.40")), 734_800),
    # The catalogue's source knows no audio price for this one: ours, see catalogue/corrections.py.
    Row("openai", "gpt-4o-audio-preview", openai(21, 1, audio=2),
        ((19, "2.50"), (2, "40"), (1, "10")), 137_500),
    Row("openai", "gpt-5", openai(8, 11), ((8, "2.50"), (11, "20")), 240_000,
        members=(("service_tier", "priority"),)),
    Row("azure", "gpt-5-nano", openai(8, 271, thought=192),
        ((8, "0.05"), (79, "0.40"), (192, "0.40")), 108_800),
    # made up: more than 272,000 prompt tokens
    Row("openai", "gpt-5.6-sol", openai(300_000, 1_000, cached=100_000),
        ((200_000, "8"), (100_000, "0.80"), (1_000, "30")), 1_710_000_000, recorded=False),
)  # fmt: skip

# platform.claude.com/docs/en/about-claude/pricing: 5-minute writes 1.25 x input, 1-hour writes 2 x,
# reads 0.1 x; web search 10 dollars a thousand. Claude 3.5 Haiku: 0.80 and 4.
ANTHROPIC = (
    Row("anthropic", "claude-3-5-haiku-20241022", anthropic(3, 84, short=2262),
        ((3, "0.80"), (2262, "1"), (84, "4")), 2_600_400),
    Row("anthropic", "claude-sonnet-4-20250514", anthropic(17, 100, long=2056),
        ((17, "3"), (2056, "6"), (100, "15")), 13_887_000),
    Row("anthropic", "claude-sonnet-4-5-20250929", anthropic(3, 33, read=1111, short=418),
        ((3, "3"), (1111, "0.30"), (418, "3.75"), (33, "15")), 2_404_800),
    Row("anthropic", "claude-sonnet-5",
        anthropic(6, 489, read=20_443, short=574, output_tokens_details={"thinking_tokens": 77}),
        ((6, "2"), (20_443, "0.20"), (574, "2.50"), (489, "10")), 10_425_600),
    Row("anthropic", "claude-opus-4-8", anthropic(2, 4, short=1590, inference_geo="global"),
        ((2, "5"), (1590, "6.25"), (4, "25")), 10_047_500),
    Row("anthropic", "claude-haiku-4-5-20251001", anthropic(10, 4, short=7351),
        ((10, "1"), (7351, "1.25"), (4, "5")), 9_218_750),
    Row("anthropic", "claude-haiku-4-5-20251001",
        anthropic(2254, 110, short=17_269, server_tool_use={"web_search_requests": 1}),
        ((2254, "1"), (17_269, "1.25"), (110, "5")), 34_390_250, fees=10_000_000),
    Row("anthropic", "claude-sonnet-4-5-20250929",
        anthropic(50, 93, output_tokens_details={"thinking_tokens": 53}),
        ((50, "3"), (40, "15"), (53, "15")), 1_545_000),
    # made up: fast mode, twice the usual price
    Row("anthropic", "claude-opus-4-8", anthropic(100, 10, read=1_000, speed="fast"),
        ((100, "10"), (1_000, "1"), (10, "50")), 2_500_000, recorded=False),
    # made up: more than 100,000 prompt tokens, of which 60,000 from the cache
    Row("anthropic", "claude-haiku-5-5", anthropic(50_000, 1_000, read=60_000),
        ((50_000, "0.50"), (60_000, "0.05"), (1_000, "2.50")), 30_500_000, recorded=False),
)  # fmt: skip

# ai.google.dev/gemini-api/docs/pricing; Vertex: cloud.google.com/vertex-ai/generative-ai/pricing.
GOOGLE = (
    Row("gemini", "gemini-2.5-flash",
        {"promptTokenCount": 76, "candidatesTokenCount": 7, "thoughtsTokenCount": 54,
         "totalTokenCount": 137, "promptTokensDetails": modality(TEXT=43, AUDIO=33)},
        ((43, "0.30"), (33, "1"), (7, "2.50"), (54, "2.50")), 198_400),
    Row("gemini", "gemini-2.5-flash",
        {"promptTokenCount": 1518, "cachedContentTokenCount": 1122, "candidatesTokenCount": 202,
         "thoughtsTokenCount": 185, "totalTokenCount": 1905,
         "promptTokensDetails": modality(TEXT=43, VIDEO=1315, AUDIO=160),
         "cacheTokensDetails": modality(AUDIO=118, TEXT=31, VIDEO=973)},
        ((354, "0.30"), (42, "1"), (1004, "0.03"), (118, "0.10"), (387, "2.50")), 1_157_620),
    Row("gemini", "gemini-2.5-flash",
        {"promptTokenCount": 3520, "cachedContentTokenCount": 3512, "candidatesTokenCount": 2,
         "thoughtsTokenCount": 42, "totalTokenCount": 3564, "serviceTier": "standard",
         "promptTokensDetails": modality(TEXT=3520), "cacheTokensDetails": modality(TEXT=3512)},
        ((8, "0.30"), (3512, "0.03"), (44, "2.50")), 217_760),
    Row("gemini", "gemini-3-flash-preview",
        {"promptTokenCount": 303, "candidatesTokenCount": 28, "thoughtsTokenCount": 175,
         "totalTokenCount": 506, "promptTokensDetails": modality(TEXT=190, AUDIO=113)},
        ((190, "0.50"), (113, "1"), (203, "3")), 817_000),
    Row("gemini", "gemini-2.5-flash",
        {"promptTokenCount": 25, "toolUsePromptTokenCount": 1130, "candidatesTokenCount": 49,
         "thoughtsTokenCount": 38, "totalTokenCount": 1242, "promptTokensDetails": modality(TEXT=25),
         "toolUsePromptTokensDetails": modality(TEXT=1130)},
        ((1155, "0.30"), (87, "2.50")), 564_000),
    Row("vertex", "gemini-2.5-pro",
        {"promptTokenCount": 521, "candidatesTokenCount": 5, "thoughtsTokenCount": 424,
         "totalTokenCount": 950, "trafficType": 1},
        ((521, "1.25"), (429, "10")), 4_941_250),
    Row("vertex", "gemini-2.5-flash",
        {"promptTokenCount": 1344, "cachedContentTokenCount": 1274, "candidatesTokenCount": 99,
         "thoughtsTokenCount": 74, "totalTokenCount": 1517, "trafficType": "ON_DEMAND"},
        ((70, "0.30"), (1274, "0.03"), (173, "2.50")), 491_720),
    # made up: exactly 200,000 prompt tokens, and one more
    Row("gemini", "gemini-2.5-pro", {"promptTokenCount": 200_000, "candidatesTokenCount": 1_000},
        ((200_000, "1.25"), (1_000, "10")), 260_000_000, recorded=False),
    Row("gemini", "gemini-2.5-pro",
        {"promptTokenCount": 200_001, "cachedContentTokenCount": 1, "candidatesTokenCount": 1_000},
        ((200_000, "2.50"), (1, "0.25"), (1_000, "15")), 515_000_250, recorded=False),
)  # fmt: skip

# AWS: aws.amazon.com/bedrock/pricing: a regional endpoint of Claude 4.5 and later is 10 % dearer.
# Cohere: cohere.com/pricing; it charges for `billed_units`, not for the tokens of its own prompt.
# Mistral: docs.mistral.ai/models (`-latest` is Large 3, and Small 4), cached tokens at a tenth.
# DeepSeek: api-docs.deepseek.com/quick_start/pricing; peak 01-04 and 06-10 UTC on weekdays, double.
# Groq: groq.com/pricing. Z.ai: docs.z.ai/guides/overview/pricing.
OTHERS = (
    Row("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"inputTokens": 3, "cacheReadInputTokens": 2074, "cacheWriteInputTokens": 297,
         "cacheDetails": [{"inputTokens": 297, "ttl": "5m"}], "outputTokens": 61,
         "totalTokens": 2435},
        ((3, "3.30"), (2074, "0.33"), (297, "4.125"), (61, "16.50")), 2_925_945),
    Row("bedrock", "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        {"inputTokens": 12, "cacheReadInputTokens": 1028, "outputTokens": 185, "totalTokens": 1225},
        ((12, "3"), (1028, "0.30"), (185, "15")), 3_119_400),
    Row("cohere", "command-a-03-2025",
        {"billed_units": {"input_tokens": 10, "output_tokens": 104}, "cached_tokens": 448,
         "tokens": {"input_tokens": 505, "output_tokens": 107}},
        ((10, "2.50"), (104, "10")), 1_065_000),
    Row("cohere", "command-r-08-2024",
        {"billed_units": {"input_tokens": 377, "output_tokens": 102}, "cached_tokens": 576,
         "tokens": {"input_tokens": 577, "output_tokens": 102}},
        ((377, "0.15"), (102, "0.60")), 117_750),
    Row("mistral", "mistral-large-latest",
        {"prompt_tokens": 268, "completion_tokens": 5, "total_tokens": 273,
         "prompt_tokens_details": {"cached_tokens": 224}},
        ((44, "0.50"), (224, "0.05"), (5, "1.50")), 40_700),
    Row("mistral", "mistral-small-latest",
        {"prompt_tokens": 352, "completion_tokens": 42, "total_tokens": 394,
         "prompt_tokens_details": {"cached_tokens": 128}, "service_tier": "standard"},
        ((224, "0.15"), (128, "0.015"), (42, "0.60")), 60_720),
    Row("deepseek", "deepseek-v4-flash",
        openai(390, 22, cached=256, thought=17, prompt_cache_hit_tokens=256),
        ((134, "0.15"), (256, "0.003"), (22, "0.60")), 34_068),
    Row("deepseek", "deepseek-v4-flash",
        openai(563, 116, cached=512, thought=60, prompt_cache_miss_tokens=51),
        ((51, "0.30"), (512, "0.006"), (116, "1.20")), 157_572, at=PEAK),
    Row("deepseek", "deepseek-v4-flash",
        openai(563, 116, cached=512, thought=60, prompt_cache_miss_tokens=51),
        ((51, "0.15"), (512, "0.003"), (116, "0.60")), 78_786, at=SATURDAY),
    Row("groq", "openai/gpt-oss-120b", openai(84, 58, thought=48),
        ((84, "0.15"), (58, "0.60")), 47_400),
    Row("zai", "glm-4.6v", openai(435, 73, cached=4, thought=56),
        ((431, "0.30"), (4, "0.05"), (73, "0.90")), 195_200),
)  # fmt: skip

# These say themselves what they charged, which is a second check: docs.x.ai/docs/models (a tick is
# 1e-10 dollars; its Responses API counts reasoning inside the output, its chat API beside it),
# openrouter.ai/models, docs.perplexity.ai/getting-started/pricing (its parts are rounded to 1e-5).
SAID = (
    Row("xai", "grok-4.3",
        {**openai(425, 49, cached=192, thought=273), "total_tokens": 747,
         "cost_in_usd_ticks": 11_346_500},
        ((233, "1.25"), (192, "0.20"), (322, "2.50")), 1_134_650, said=1_134_650, recorded=False),
    Row("xai", "grok-4.3",
        {**openai(199, 3, cached=128, thought=181), "total_tokens": 383,
         "cost_in_usd_ticks": 5_743_500},
        ((71, "1.25"), (128, "0.20"), (184, "2.50")), 574_350, said=574_350, recorded=False),
    Row("openrouter", "anthropic/claude-sonnet-4.6",
        {"prompt_tokens": 2649, "completion_tokens": 100, "total_tokens": 2749, "cost": 0.00256995,
         "is_byok": False, "prompt_tokens_details": {"cached_tokens": 2569, "cache_write_tokens": 79}},
        ((1, "3"), (2569, "0.30"), (79, "3.75"), (100, "15")), 2_569_950, said=2_569_950),
    Row("openrouter", "anthropic/claude-opus-5",
        openai(14, 164, thought=46, cost=0, is_byok=True,
               cost_details={"upstream_inference_cost": 0.00417}),
        ((14, "5"), (164, "25")), 4_170_000, said=4_170_000),
    Row("perplexity", "sonar",
        {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21,
         "search_context_size": "low", "cost": {"request_cost": 0.005, "total_cost": 0.00502}},
        ((9, "1"), (12, "1")), 5_021_000, fees=5_000_000, said=5_020_000),
)  # fmt: skip

ROWS = (*OPENAI, *ANTHROPIC, *GOOGLE, *OTHERS, *SAID)
