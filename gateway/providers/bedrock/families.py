"""What each family of models takes behind Converse's one format, by the model's name.

Sources, as of 2026-11: Bedrock user guide ("Supported models and model features", "Prompt caching",
"Structured output", "Call a tool"), Nova user guides, langchain-aws at 0434c7f, the reference's
issue-backed notes, and recorded traffic. A name that tells nothing (an application inference
profile, a custom model) gets the permissive row: the provider decides.
"""

import re

from msgspec import Struct
from msgspec.structs import replace

from gateway.providers.anthropic.generations import Generation, generation_of
from gateway.types.models import ModelInfo, ReasoningStyle

ALL_CHOICES = frozenset({"auto", "any", "tool"})
MAX_CACHE_POINTS = 4  # "Prompt caching" page: every model that has them


class Family(Struct, frozen=True):
    """One row.

    `choices` are the tool choices taken. `system` is False where system messages are a 400.
    `cache_points`, `tool_cache_points` and `long_cache`: whether markers are taken at all, in
    `tools`, and with a `ttl`. `single_calls`: parallel calls can be switched off. `json_schema`: `outputConfig.textFormat` and strict tools. `top_k` is
    where the value goes in `additionalModelRequestFields`. `efforts`, ascending, are the words of
    the effort field; `nova_reasoning` models take them in `reasoningConfig`.
    `documents_in_results` is False where a document in a tool result is a 400. `signed_thinking`:
    earlier thinking goes back, with its signature. `claude` is the generation of a Claude model.
    """

    choices: frozenset[str] = ALL_CHOICES
    system: bool = True
    cache_points: bool = False
    tool_cache_points: bool = False
    long_cache: bool = False
    single_calls: bool = False
    json_schema: bool = False
    top_k: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    nova_reasoning: bool = False
    documents_in_results: bool = True
    signed_thinking: bool = False
    claude: Generation | None = None


_AUTO = frozenset({"auto"})
_NONE: frozenset[str] = frozenset()
_LOW_TO_HIGH = ("low", "medium", "high")
_CLAUDE = Family(
    cache_points=True,
    tool_cache_points=True,
    top_k=("top_k",),
    signed_thinking=True,
)
_NOVA = Family(
    cache_points=True,
    top_k=("inferenceConfig", "topK"),
    documents_in_results=False,
)
_OPEN_WEIGHT = Family(choices=_AUTO, json_schema=True)
_UNKNOWN = Family(top_k=("top_k",), signed_thinking=True)

# The first row whose pattern is found in the name holds.
_ROWS: tuple[tuple[re.Pattern[str], Family], ...] = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"amazon\.nova-2", replace(_NOVA, nova_reasoning=True, efforts=_LOW_TO_HIGH)),
        (r"amazon\.nova", _NOVA),
        (r"amazon\.titan", Family(choices=_NONE, system=False)),
        (r"ai21\.j2|cohere\.command-(?:text|light)", Family(choices=_NONE, system=False)),
        (r"mistral-7b|mixtral", Family(choices=_NONE, system=False)),
        (r"mistral-large-3", replace(_OPEN_WEIGHT, choices=frozenset({"auto", "any"}))),
        (r"mistral-large", Family(choices=frozenset({"auto", "any"}), top_k=("top_k",))),
        (r"mistral\.(?:ministral|magistral|voxtral)", _OPEN_WEIGHT),
        (r"mistral", Family(choices=_AUTO)),
        (r"llama3-2-(?:1b|3b)|llama3-(?:8|70)b|llama2", Family(choices=_NONE)),
        (r"llama", Family(choices=_AUTO)),
        (r"deepseek\.r1", Family(choices=_NONE)),
        (r"deepseek", replace(_OPEN_WEIGHT, choices=frozenset({"any"}))),
        (r"openai\.", replace(_OPEN_WEIGHT, efforts=_LOW_TO_HIGH)),
        (r"moonshot", replace(_OPEN_WEIGHT, efforts=("low", "high", "max"))),
        (r"qwen|gemma|minimax|nemotron|glm", _OPEN_WEIGHT),
        (r"cohere|ai21|writer", Family(choices=_NONE)),
    )
)
_ARN = re.compile(r".*/")  # an ARN names the model after its last slash
_NO_CLAUDE_CACHE = re.compile(r"claude-(?:v\d|instant|3-(?:haiku|sonnet|opus)|3-5-sonnet)")
_OLD_CLAUDE = re.compile(r"claude-(?:v\d|instant)")
_CLAUDE_STYLES = (
    ReasoningStyle.BUDGET,
    ReasoningStyle.ADAPTIVE,
    ReasoningStyle.BUDGET_OR_ADAPTIVE,
)


def family_of(model: str, info: ModelInfo) -> Family:
    """Return what a model takes: the table's row, corrected by what is known of the model."""
    name = _ARN.sub("", model.lower())
    if "claude" in name:
        family = _claude(name, info)
    else:
        family = next((row for pattern, row in _ROWS if pattern.search(name)), _UNKNOWN)
        if family is _UNKNOWN and info.reasoning in _CLAUDE_STYLES:
            family = _claude(name, info)  # the operator says that it thinks as Claude does
        elif info.reasoning is ReasoningStyle.EFFORT and not family.efforts:
            family = replace(family, efforts=_LOW_TO_HIGH)
    if info.json_schema is False:
        family = replace(family, json_schema=False)
    elif info.json_schema and family is _UNKNOWN:
        family = replace(family, json_schema=True)  # by the operator's word
    if info.reasoning is ReasoningStyle.NONE:
        family = replace(family, efforts=())
    return family


def _claude(name: str, info: ModelInfo) -> Family:
    """Return the row of a Claude model, whose generations are the same as at Anthropic."""
    # AWS has structured outputs from 4.5 on, Anthropic for some models before: not from `info`.
    old = _OLD_CLAUDE.search(name) is not None
    by_name = generation_of("claude-2" if old else name, replace(info, json_schema=None))
    # Structured outputs, hour-long caches and single calls all came with 4.5.
    return replace(
        _CLAUDE,
        cache_points=_NO_CLAUDE_CACHE.search(name) is None,
        tool_cache_points=_NO_CLAUDE_CACHE.search(name) is None,
        long_cache=by_name.json_schema,
        single_calls=by_name.json_schema,
        json_schema=by_name.json_schema,
        choices=ALL_CHOICES if by_name.forced_tools else frozenset({"auto"}),
        claude=by_name,
    )
