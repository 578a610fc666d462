"""Which words for the effort of thinking a model of Mistral's takes: any other is a 400.

Read off its name where the catalogue does not know (docs.mistral.ai, "Reasoning", and models probed
in withceleste/celeste-python#311, 2026-07); other names are asked as the client asks.
"""

import re

from gateway.types.chat import Reasoning
from gateway.types.models import ReasoningStyle
from gateway.types.upstream import Target

_ALWAYS = re.compile(r"magistral-(?!small-latest)")  # that one is an alias of Small 4 by now
# Small thinks since 4 (2603), medium since 3.5 (2604; `mistral-medium-3` means it), large not yet.
_NEVER = re.compile(
    r"codestral|devstral|mathstral|ministral|mixtral|open-|pixtral|voxtral"
    r"|mistral-(nemo|saba|tiny|7b|8x)"
    r"|mistral-large(-latest|-2[345]\d\d|-[123])?$"
    r"|mistral-small-(2[345]\d\d|[123]([.-]|$))"
    r"|mistral-medium-(2[345]\d\d|[12]([.-]|$)|3[.-][0-4]$)"
)
_NONE_OR_HIGH = re.compile(r"mistral-(small|medium)|magistral-small-latest")
_HARDLY = ("none", "minimal")


def may_think(target: Target) -> bool:
    """Whether the model may have thoughts: it is not known to have none."""
    style = target.info.reasoning
    if style is not None:
        return style is not ReasoningStyle.NONE
    return _NEVER.match(target.model) is None


def effort_word(wish: Reasoning, target: Target) -> str | None:
    """Return the effort in a word the model knows, None where it takes no word at all.

    A budget of tokens has no word, so it says "high".
    """
    if _ALWAYS.match(target.model) or not may_think(target):
        return None
    effort = wish.effort
    if effort is None:
        asked = wish.budget_tokens is not None or wish.raw_thinking is not None
        return "high" if asked else None
    if not _NONE_OR_HIGH.match(target.model):
        return effort
    return "none" if effort in _HARDLY else "high"
