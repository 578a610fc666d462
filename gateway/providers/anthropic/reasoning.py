"""How much to think: the client's wish in the words of the model's generation.

Up to Claude 4.5 thinking is a token budget, from 4.6 it is adaptive and guided by an effort word
("Thinking" and "Effort" pages, 2026-11).
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.providers.anthropic.generations import Generation
from gateway.providers.anthropic.plan import Plan, is_forced, wants_budget
from gateway.types.chat import ChatRequest
from gateway.types.models import ReasoningStyle
from gateway.types.upstream import Target

DEFAULT_MAX_TOKENS = 4096  # where neither the client nor the catalogue says
_MIN_BUDGET = 1024  # the API's own
_ANSWER_ROOM = 4096  # tokens left for the answer where we choose the maximum
_BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32768,
    "max": 32768,
}
_EFFORT_ORDER = ("low", "medium", "high", "xhigh", "max")
_UNCONTROLLED = ("disabled", "between_tools")  # `thinking.type`s that take no `block_binding`
_ADAPTIVE = (ReasoningStyle.ADAPTIVE, ReasoningStyle.BUDGET_OR_ADAPTIVE)


class Thinking(Struct, frozen=True):
    """What to send: the `thinking` object, the `output_config.effort` word, and `max_tokens`.

    `forgets`: thinking of earlier turns must be left out of the request.
    """

    max_tokens: int
    body: Mapping[str, Any] | None = None
    effort: str | None = None
    forgets: bool = False

    @property
    def is_on(self) -> bool:
        """Whether the request asks the model to think: then it refuses sampling values."""
        return self.body is not None and self.body.get("type") != "disabled"


class History(Struct, frozen=True):
    """What thinking depends on in the conversation.

    `has_blocks`: thinking of earlier turns is sent back. `lacks_block`: the conversation goes on
    from a tool call whose turn does not begin with its thinking, which manual thinking refuses.
    """

    has_blocks: bool = False
    lacks_block: bool = False


def plan_thinking(chat: ChatRequest, target: Target, plan: Plan, history: History) -> Thinking:
    """Decide how the model is asked to think."""
    max_tokens = chat.max_tokens
    if max_tokens is None:
        max_tokens = target.info.max_output or DEFAULT_MAX_TOKENS
    wish = chat.reasoning
    if wish.raw_thinking is not None:
        thinking = _as_given(chat, target, plan.generation, max_tokens)
    elif wish.effort == "none":
        thinking = _off(plan.generation, max_tokens)
    elif wants_budget(chat, plan.generation):
        # Here the effort was advice; the forced call and the history are facts.
        if is_forced(chat) or history.lacks_block:
            thinking = Thinking(max_tokens)
        else:
            thinking = _with_budget(chat, target, max_tokens)
    else:
        thinking = _with_effort(chat, plan.generation, max_tokens)
    return _unbound(thinking, plan.generation, history)


def _as_given(
    chat: ChatRequest, target: Target, generation: Generation, max_tokens: int
) -> Thinking:
    """Pass the client's own `thinking` object on; only a maximum of ours makes room for it."""
    body = dict(chat.reasoning.raw_thinking or {})
    budget = body.get("budget_tokens")
    if chat.max_tokens is None and isinstance(budget, int) and budget >= max_tokens:
        max_tokens = _raised(budget, target)
    effort = chat.reasoning.effort
    if body.get("type") != "adaptive" or effort not in generation.efforts:
        effort = None
    return Thinking(max_tokens, body, effort)


def _off(generation: Generation, max_tokens: int) -> Thinking:
    """Stop the models that think unasked; the others need no word."""
    if not generation.thinks_unasked:
        return Thinking(max_tokens)
    if generation.off is None:
        return Thinking(max_tokens, effort="low")
    return Thinking(max_tokens, {"type": generation.off})


def _with_budget(chat: ChatRequest, target: Target, max_tokens: int) -> Thinking:
    budget = chat.reasoning.budget_tokens
    if budget is None:
        budget = _BUDGETS.get(chat.reasoning.effort or "", _BUDGETS["medium"])
    budget = max(budget, _MIN_BUDGET)
    room = 1
    if chat.max_tokens is None:
        if budget >= max_tokens:
            max_tokens = _raised(budget, target)
        room = min(_ANSWER_ROOM, max_tokens // 2)
    budget = min(budget, max_tokens - room)
    if budget < _MIN_BUDGET:
        return Thinking(max_tokens)
    return Thinking(max_tokens, {"type": "enabled", "budget_tokens": budget})


def _raised(budget: int, target: Target) -> int:
    wanted = budget + _ANSWER_ROOM
    return min(wanted, target.info.max_output) if target.info.max_output else wanted


def _with_effort(chat: ChatRequest, generation: Generation, max_tokens: int) -> Thinking:
    wish = chat.reasoning
    effort = wish.effort
    if effort is None and wish.budget_tokens is not None:
        effort = _effort_of_budget(wish.budget_tokens)
    if effort is None or generation.style in (ReasoningStyle.NONE, ReasoningStyle.BUDGET):
        return Thinking(max_tokens)
    effort = _nearest(effort, generation.efforts)
    if generation.style not in _ADAPTIVE:
        return Thinking(max_tokens, effort=effort)
    body: dict[str, Any] = {"type": "adaptive"}
    if (
        generation.style is ReasoningStyle.ADAPTIVE
    ):  # by default these keep their thoughts to themselves
        hidden = (wish.raw_reasoning or {}).get("exclude") is True
        body["display"] = "omitted" if hidden else "summarized"
    return Thinking(max_tokens, body, effort)


def _effort_of_budget(budget: int) -> str:
    if budget < 2048:
        return "low"
    return "medium" if budget < 8192 else "high"


def _nearest(effort: str, offered: tuple[str, ...]) -> str | None:
    """Return the highest offered word that is not above the wanted one."""
    wanted = "low" if effort == "minimal" else effort
    if wanted not in _EFFORT_ORDER:
        return None
    rank = _EFFORT_ORDER.index(wanted)
    below = [word for word in offered if _EFFORT_ORDER.index(word) <= rank]
    return below[-1] if below else None


def _unbound(thinking: Thinking, generation: Generation, history: History) -> Thinking:
    """Have thinking dropped, not refused, where something before it has changed.

    Clients trim histories, and the user's context in front of them changes from day to day: on
    models that bind their thinking to all that came before it, the default is a 400, and as the
    thinking stays in the history, one for every request that follows. Where thinking is off nothing
    can be said about it, but the history is checked all the same ("Preserved thinking" and "Fix a
    thinking block bound to a different conversation" pages, 2026-11): then it is left out.
    """
    if not (generation.bound_thinking and history.has_blocks):
        return thinking
    body: dict[str, Any] = {"type": "adaptive"} if thinking.body is None else dict(thinking.body)
    if body.get("type") in _UNCONTROLLED:
        return replace(thinking, forgets=True)
    if body.get("type") != "adaptive" or "block_binding" in body:
        return thinking
    body["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    return replace(thinking, body=body)
