"""How many of a model's own tokens one token of the yardstick (o200k) stands for. Pure data.

Budgets are counted once, when a record is written, with one tokenizer; a model with a finer one reads
more tokens out of the same text. The factors are measured on recorded exchanges whose prompts were
text alone: the median, over pairs of prompts to one model, of how much more the provider counted for
the longer one (`python -m tests.bench.token_factors`; recordings of 2023 to 2026, measured 2026-11).
`prompts` is how many distinct prompts of 90 tokens and more a family had; below three the factor is
1.0, or what the vendor says.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class Factor(Struct, frozen=True):
    """One family of models that share a tokenizer; `pattern` is found in the model's name."""

    family: str
    pattern: re.Pattern[str]
    factor: float
    prompts: int
    note: str = ""


FACTORS: tuple[Factor, ...] = tuple(
    Factor(family, re.compile(pattern), factor, prompts, note)
    for family, pattern, factor, prompts, note in (
        (
            "claude from 4.7",
            r"claude-(?:[a-z]+-)?(?:4[.-][789](?!\d)|[5-9](?!\d)|\d\d(?!\d))|claude-mythos",
            1.48,
            0,
            "1.14 x 1.3: 'approximately 30 percent more' than before ('Token counting', "
            "platform.claude.com, 2026-11); one recorded prompt of repeated words says 1.42",
        ),
        ("claude to 4.6", r"claude", 1.14, 15, ""),
        ("gemini", r"gemini|gemma", 1.06, 4, ""),
        ("mistral", r"(?:mis|minis|magis|mix|codes|devs|vox|pix)tral", 1.08, 3, ""),
        ("cohere", r"command", 0.97, 3, ""),
        ("grok", r"grok", 0.98, 3, ""),
    )
)
"""The first row that fits holds. All others are 1.0: measured so for OpenAI's (32 prompts); the one or
two prompts of DeepSeek, Qwen, gpt-oss, Nova and Sonar are within 5 % of it, Llama's two within 8."""

_BY_TYPE: Mapping[str, float] = MappingProxyType(
    {"anthropic": 1.48, "cohere": 0.97, "gemini": 1.06, "mistral": 1.08}
)


def token_factor(provider_type: str, model: str) -> float:
    """Return by what to multiply yardstick tokens to get the model's own.

    The name decides: the same model counts alike wherever it runs. `provider_type` answers for names
    that tell nothing (an inference profile, a deployment, a tuned model).
    """
    name = model.lower()
    for row in FACTORS:
        if row.pattern.search(name):
            return row.factor
    return _BY_TYPE.get(provider_type, 1.0)
