"""How much to think: the client's wish in the words of the model's generation.

2.5 thinks within a token budget, later models at a level, and a request with both is a 400
("Thinking" page, 2026-11). Budgets by effort are those of Google's own compatible API.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.providers.google.generations import Generation
from gateway.types.chat import ChatRequest, Reasoning
from gateway.types.models import ReasoningStyle

_BUDGETS: Mapping[str, int] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
_LEVEL_OF: Mapping[str, str] = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_ORDER = ("MINIMAL", "LOW", "MEDIUM", "HIGH")


class Thinking(Struct, frozen=True):
    """The `thinkingConfig` to send, None for none, and what the client must hear of it."""

    config: Mapping[str, Any] | None = None
    change: str | None = None


def plan_thinking(chat: ChatRequest, generation: Generation) -> Thinking:
    """Decide how the model is asked to think."""
    wish = chat.reasoning
    if wish == Reasoning():
        return Thinking()
    if generation.style is ReasoningStyle.NONE:
        return Thinking(change=None if _effort(wish) == "none" else "dropped: reasoning_effort")
    shown = {} if _is_hidden(wish) else {"includeThoughts": True}
    if generation.style is ReasoningStyle.BUDGET:
        return _with_budget(wish, generation, shown)
    return _with_level(wish, generation, shown)


def _with_budget(wish: Reasoning, generation: Generation, shown: dict[str, Any]) -> Thinking:
    least, most = generation.budgets
    effort = _effort(wish)
    if effort == "none":
        change = None if generation.off == 0 else "changed: reasoning_effort (to minimal)"
        return Thinking({"thinkingBudget": generation.off}, change)
    if wish.budget_tokens is not None:
        budget = min(max(wish.budget_tokens, least), most)
        change = None if budget == wish.budget_tokens else f"changed: thinking (to {budget} tokens)"
        return Thinking({**shown, "thinkingBudget": budget}, change)
    if effort is None:
        return Thinking(shown or None)
    budget = min(max(_BUDGETS.get(effort, most), least), most)
    return Thinking({**shown, "thinkingBudget": budget})


def _with_level(wish: Reasoning, generation: Generation, shown: dict[str, Any]) -> Thinking:
    effort = _effort(wish)
    if effort is None and wish.budget_tokens is not None:
        effort = _effort_of_budget(wish.budget_tokens)
    wanted = _LEVEL_OF.get(effort or "")
    if wanted is None or not generation.levels:
        return Thinking(shown or None)
    level = _nearest(wanted, generation.levels)
    told = wish.effort is not None and effort not in (None, level.lower())
    change = f"changed: reasoning_effort (to {level.lower()})" if told else None
    return Thinking({**({} if effort == "none" else shown), "thinkingLevel": level}, change)


def _effort(wish: Reasoning) -> str | None:
    return "none" if wish.effort is None and wish.budget_tokens == 0 else wish.effort


def _effort_of_budget(budget: int) -> str:
    if budget < 2048:
        return "low"
    return "medium" if budget < 8192 else "high"


def _nearest(wanted: str, offered: tuple[str, ...]) -> str:
    """Return the offered level next to the wanted one; of two, the higher."""
    rank = _ORDER.index(wanted)
    return min(offered, key=lambda level: (abs(_ORDER.index(level) - rank), -_ORDER.index(level)))


def _is_hidden(wish: Reasoning) -> bool:
    return (wish.raw_reasoning or {}).get("exclude") is True
