"""What model families can do: our own rows, from which `make.py` writes the committed data.

Not imported at run time. Within a provider later rows refine earlier ones, so a row for a vendor
comes first and exceptions follow. A row says only what its source says; anything else stays
unknown and the provider decides. Sources, read in November 2026: the vendors' model pages
(platform.claude.com/docs/en/models, developers.openai.com/api/docs/models, ai.google.dev/gemini-api
/docs/models) for limits and modalities; refusals also from replies of the live APIs.
"""

from collections.abc import Mapping

from gateway.catalogue.rows import CapabilityRow, Rule
from gateway.types.models import ReasoningStyle

_TEXT = ("text",)
_SEES = ("text", "image")
_READS = ("text", "image", "file")
_SAMPLING = ("temperature", "top_p", "top_k")
# A thinking OpenAI model answers 400 to each of these, whatever the value but the default.
_OPENAI_REASONING = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "max_tokens",
)


def _starts(*prefixes: str) -> Rule:
    return Rule(starts_with=prefixes)


def _claude(*names: str) -> Rule:
    """Claude's names as every host spells them: dashes or dots, with or without a prefix."""
    return Rule(contains=(*names, *(_dotted(name) for name in names if _dotted(name) != name)))


def _dotted(name: str) -> str:
    head, dash, last = name.rpartition("-")
    return f"{head}.{last}" if dash and last.isdigit() and head[-1:].isdigit() else name


_CLAUDE = (
    CapabilityRow(_claude("claude"), modalities_in=_SEES, json_schema=False),
    CapabilityRow(
        _claude("claude-3"), context_window=200_000, max_output=4_096, reasoning=ReasoningStyle.NONE
    ),
    CapabilityRow(_claude("claude-3-5"), modalities_in=_READS, max_output=8_192),
    CapabilityRow(
        _claude("claude-3-7"),
        modalities_in=_READS,
        max_output=64_000,
        reasoning=ReasoningStyle.BUDGET,
    ),
    CapabilityRow(
        _claude("claude-opus-4", "claude-4-opus"),
        modalities_in=_READS,
        max_output=32_000,
        reasoning=ReasoningStyle.BUDGET,
    ),
    CapabilityRow(
        _claude("claude-sonnet-4", "claude-4-sonnet", "claude-haiku-4"),
        modalities_in=_READS,
        max_output=64_000,
        reasoning=ReasoningStyle.BUDGET,
    ),
    CapabilityRow(_claude("claude-opus-4-1"), json_schema=True),
    CapabilityRow(_claude("claude-sonnet-4-5", "claude-haiku-4-5"), json_schema=True),
    CapabilityRow(_claude("claude-opus-4-5"), json_schema=True, max_output=64_000),
    CapabilityRow(
        _claude("claude-opus-4-6", "claude-sonnet-4-6"),
        json_schema=True,
        max_output=128_000,
        reasoning=ReasoningStyle.BUDGET_OR_ADAPTIVE,
    ),
    # These answer 400 to sampling parameters and to an explicit thinking budget.
    CapabilityRow(
        _claude(
            "claude-opus-4-7",
            "claude-opus-4-8",
            "claude-opus-5",
            "claude-sonnet-5",
            "claude-haiku-5",
            "claude-fable-5",
            "claude-mythos-5",
        ),
        context_window=1_000_000,
        modalities_in=_READS,
        max_output=128_000,
        json_schema=True,
        reasoning=ReasoningStyle.ADAPTIVE,
        refuses=_SAMPLING,
    ),
)

_OPENAI = (
    CapabilityRow(
        _starts("gpt-3.5", "gpt-35", "ft:gpt-3.5"),
        modalities_in=_TEXT,
        max_output=4_096,
        json_schema=False,
        reasoning=ReasoningStyle.NONE,
    ),
    CapabilityRow(
        _starts("gpt-4", "ft:gpt-4", "chatgpt-4o"),
        max_output=8_192,
        json_schema=False,
        reasoning=ReasoningStyle.NONE,
    ),
    CapabilityRow(
        _starts("gpt-4-turbo", "gpt-4-1106", "gpt-4-0125", "gpt-4-vision"), max_output=4_096
    ),
    CapabilityRow(_starts("gpt-4-turbo", "gpt-4-vision"), modalities_in=_SEES),
    CapabilityRow(
        _starts("gpt-4o", "ft:gpt-4o", "chatgpt-4o"),
        modalities_in=_READS,
        max_output=16_384,
        json_schema=True,
    ),
    CapabilityRow(_starts("gpt-4o-2024-05-13"), max_output=4_096, json_schema=False),
    CapabilityRow(
        _starts("gpt-4.1", "ft:gpt-4.1"),
        modalities_in=_READS,
        max_output=32_768,
        json_schema=True,
    ),
    CapabilityRow(_starts("gpt-4.5"), modalities_in=_SEES, max_output=16_384, json_schema=True),
    CapabilityRow(
        _starts("gpt-4o-audio", "gpt-4o-mini-audio", "gpt-audio"),
        modalities_in=("text", "audio"),
        modalities_out=("text", "audio"),
        max_output=16_384,
        json_schema=False,
        reasoning=ReasoningStyle.NONE,
    ),
    CapabilityRow(
        Rule(regex=(r"^(ft:)?o[134]($|-)",)),
        modalities_in=_READS,
        max_output=100_000,
        json_schema=True,
        reasoning=ReasoningStyle.EFFORT,
        refuses=_OPENAI_REASONING,
    ),
    CapabilityRow(_starts("o3", "o4-mini"), refuses=(*_OPENAI_REASONING, "stop")),
    CapabilityRow(_starts("o3-mini"), modalities_in=_TEXT),
    CapabilityRow(
        _starts("o1-mini", "o1-preview"),
        modalities_in=_TEXT,
        max_output=65_536,
        json_schema=False,
        tools=False,
        refuses=(*_OPENAI_REASONING, "stop", "tools", "reasoning_effort"),
    ),
    CapabilityRow(_starts("o1-preview"), max_output=32_768),
    CapabilityRow(
        _starts("gpt-5", "gpt-6", "codex-mini"),
        modalities_in=_READS,
        max_output=128_000,
        json_schema=True,
        reasoning=ReasoningStyle.EFFORT,
    ),
    CapabilityRow(_starts("codex-mini"), max_output=100_000),
    # Those that think unless told otherwise; 5.1 to 5.4 do not, and take sampling values.
    CapabilityRow(
        Rule(
            regex=(
                r"^gpt-5(-mini|-nano|-pro|-codex)?($|-20)",
                r"^gpt-5[.-]1-codex",
                r"^gpt-5[.-][24]-pro",
                r"^gpt-5[.-][56]($|-)",
                r"^gpt-6",
                r"^codex-mini",
            )
        ),
        refuses=_OPENAI_REASONING,
    ),
    CapabilityRow(
        Rule(regex=(r"^gpt-5(-mini|-nano|-pro|-codex)?($|-20)",)),
        refuses=(*_OPENAI_REASONING, "stop"),
    ),
    CapabilityRow(_starts("gpt-5-pro"), max_output=272_000),
    CapabilityRow(Rule(regex=(r"^gpt-5-chat",)), max_output=16_384, reasoning=ReasoningStyle.NONE),
    CapabilityRow(Rule(regex=(r"^gpt-5[.-][1-4]-chat",)), max_output=16_384),
)

_GEMINI = (
    CapabilityRow(
        _starts("gemini-"),
        modalities_in=("text", "image", "audio", "video", "file"),
        json_schema=True,
    ),
    CapabilityRow(
        _starts("gemini-1", "gemini-2.0"), max_output=8_192, reasoning=ReasoningStyle.NONE
    ),
    CapabilityRow(_starts("gemini-2.5"), max_output=65_536, reasoning=ReasoningStyle.BUDGET),
    CapabilityRow(
        _starts("gemini-3", "gemini-4"), max_output=65_536, reasoning=ReasoningStyle.EFFORT
    ),
)

_DEEPSEEK = (
    CapabilityRow(_starts("deepseek-"), modalities_in=_TEXT),
    CapabilityRow(_starts("deepseek-v4", "deepseek-flash"), reasoning=ReasoningStyle.EFFORT),
)

# xAI: "Argument not supported on this model" even where the value is the default.
_XAI = (
    CapabilityRow(
        _starts("grok-3-mini", "grok-4", "grok-build", "grok-code"),
        reasoning=ReasoningStyle.EFFORT,
        refuses=("presence_penalty", "frequency_penalty", "stop"),
    ),
    CapabilityRow(Rule(contains=("non-reasoning",)), reasoning=ReasoningStyle.NONE, refuses=()),
    CapabilityRow(Rule(contains=("vision", "grok-4")), modalities_in=_SEES),
)

_GPT_OSS = (
    CapabilityRow(
        Rule(contains=("gpt-oss",)), modalities_in=_TEXT, reasoning=ReasoningStyle.EFFORT
    ),
)

_PERPLEXITY = (CapabilityRow(_starts("sonar", "perplexity/sonar"), tools=False),)

CAPABILITIES: Mapping[str, tuple[CapabilityRow, ...]] = {
    "anthropic": _CLAUDE,
    "azure": (*_OPENAI, *_CLAUDE, *_GPT_OSS),
    "bedrock": (*_CLAUDE, *_GPT_OSS),
    "cerebras": _GPT_OSS,
    "deepseek": _DEEPSEEK,
    "fireworks": _GPT_OSS,
    "gemini": _GEMINI,
    "groq": _GPT_OSS,
    "huggingface": _GPT_OSS,
    "openai": _OPENAI,
    "perplexity": _PERPLEXITY,
    "together": _GPT_OSS,
    "vertex": (*_GEMINI, *_CLAUDE),
    "xai": _XAI,
}
"""The rows of each provider type, in the order they are applied."""
