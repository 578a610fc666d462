"""The wish to think, in Cohere's words; models that cannot are not asked, or they answer 400."""

from collections.abc import Mapping

from gateway.types.chat import Reasoning
from gateway.types.json import JsonObject
from gateway.types.models import ReasoningStyle
from gateway.types.upstream import Target

# docs.cohere.com, "Reasoning" and "Models" (2026-11); other names may be deployments of anything.
_THINKING = ("command-a-reasoning", "command-a-plus")
_PLAIN = ("command", "c4ai-", "aya-")
_BUDGETS: Mapping[str, int] = {"minimal": 512, "low": 1024, "medium": 8192, "high": 16384}


def thinks(target: Target) -> bool | None:
    """Whether the model thinks, None where that is not known."""
    style = target.info.reasoning
    if style is not None:
        return style is not ReasoningStyle.NONE
    if target.model.startswith(_THINKING):
        return True
    return False if target.model.startswith(_PLAIN) else None


def write_thinking(wish: Reasoning, target: Target) -> JsonObject | None:
    """Write `thinking`; models that think do so unasked, so silence says nothing."""
    if thinks(target) is False or wish == Reasoning():
        return None
    if wish.effort == "none":
        return {"type": "disabled"}
    budget = wish.budget_tokens
    if budget is None and wish.raw_thinking is not None:
        own = wish.raw_thinking.get("token_budget")  # Cohere's own name for it
        budget = own if type(own) is int else None
    if budget is None:
        budget = _BUDGETS.get(wish.effort or "")
    return {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}
