"""How a model is asked to think, and its sampling values: Converse's own, then its family's.

`inferenceConfig` is the same for all models; everything else goes into
`additionalModelRequestFields` in the words of the family (Bedrock and Nova 2 user guides, 2026-11).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.providers.anthropic.generations import Generation
from gateway.providers.anthropic.names import Names
from gateway.providers.anthropic.plan import Plan as ClaudePlan, is_forced
from gateway.providers.anthropic.reasoning import History, Thinking, plan_thinking
from gateway.providers.bedrock.families import Family
from gateway.providers.bedrock.plan import Plan
from gateway.types.chat import ChatRequest
from gateway.types.upstream import Target

_ORDER = ("minimal", "low", "medium", "high", "xhigh", "max")
_FULL = "high"  # the effort at which Nova 2 wants no limits and no sampling values
_BINDING_BETA = "thinking-binding-controls-2026-08-01"


class Sampling(Struct, frozen=True):
    """`config` is `inferenceConfig`, `fields` are `additionalModelRequestFields`.

    `forgets`: thinking of earlier turns must be left out of the request.
    """

    config: dict[str, Any]
    fields: dict[str, Any]
    forgets: bool = False


def plan_sampling(chat: ChatRequest, target: Target, plan: Plan, history: History) -> Sampling:
    """Write the sampling values and the wish to think."""
    family = plan.family
    if family.claude is not None:
        return _claude(chat, family, _claude_thinking(chat, target, plan, family.claude, history))
    fields: dict[str, Any] = {}
    effort = _effort(chat, family)
    if effort is not None and family.nova_reasoning:
        fields["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
    elif effort is not None:
        fields["reasoning_effort"] = effort
    if family.nova_reasoning and effort == _FULL:
        return Sampling(_stops(chat), fields)
    _put_top_k(fields, chat, family)
    return Sampling({**_limits(chat), **_stops(chat)}, fields)


def _claude(chat: ChatRequest, family: Family, thinking: Thinking) -> Sampling:
    fields: dict[str, Any] = {}
    if thinking.body is not None:
        fields["thinking"] = dict(thinking.body)
    config = chat.extra.get("output_config")
    output = {
        **({"effort": thinking.effort} if thinking.effort is not None else {}),
        **(config if isinstance(config, Mapping) else {}),
    }
    if output:
        fields["output_config"] = output
    betas = list(dict.fromkeys(_betas(chat, thinking)))
    if betas:
        fields["anthropic_beta"] = betas
    limits = _limits(chat)
    if thinking.is_on:
        limits.pop("temperature", None)
        if (chat.sampling.top_p or 0) < 0.95:
            limits.pop("topP", None)
    else:
        _put_top_k(fields, chat, family)
    one_only = family.claude is not None and family.claude.one_sampling_value
    if one_only and "temperature" in limits and "topP" in limits:
        del limits["temperature" if chat.sampling.temperature == 1 else "topP"]  # 1 says nothing
    return Sampling({**limits, **_stops(chat)}, fields, thinking.forgets)


def _claude_thinking(
    chat: ChatRequest, target: Target, plan: Plan, generation: Generation, history: History
) -> Thinking:
    """Ask as the Anthropic builder does: the generations are the same."""
    may_force = "any" in plan.choices
    claude = ClaudePlan(generation, Names(), frozenset(), may_force)
    thinking = plan_thinking(chat, target, claude, history)
    forced = may_force and (is_forced(chat) or plan.json_tool is not None)
    advised = thinking.is_on and chat.reasoning.raw_thinking is None
    if forced and advised and not generation.thinks_unasked:
        # Up to 4.8 a call cannot be forced while the model thinks (langchain-aws at 0434c7f): the
        # effort was advice, the call is a demand.
        return replace(thinking, body=None)
    return thinking


def _betas(chat: ChatRequest, thinking: Thinking) -> Iterator[str]:
    """Yield Anthropic's beta features, which Bedrock takes in a field instead of a header."""
    asked = chat.extra.get("anthropic_beta") or ()
    given = asked.split(",") if isinstance(asked, str) else asked
    for beta in given if isinstance(given, list) else ():
        if isinstance(beta, str) and beta.strip():
            yield beta.strip()
    if "block_binding" in (thinking.body or ()):
        yield _BINDING_BETA


def _effort(chat: ChatRequest, family: Family) -> str | None:
    """Return the family's nearest word for the wanted effort, not above it where there is one."""
    wish = chat.reasoning
    wanted = wish.effort
    if wanted is None and wish.budget_tokens is not None:
        wanted = "low" if wish.budget_tokens < 2048 else "medium"
        wanted = wanted if wish.budget_tokens < 8192 else "high"
    if wanted not in _ORDER or not family.efforts:
        return None
    rank = _ORDER.index(wanted)
    below = [word for word in family.efforts if _ORDER.index(word) <= rank]
    return below[-1] if below else family.efforts[0]


def _limits(chat: ChatRequest) -> dict[str, Any]:
    given = chat.sampling
    limits: dict[str, Any] = {"maxTokens": chat.max_tokens, "topP": given.top_p}
    if given.temperature is not None:
        limits["temperature"] = min(given.temperature, 1)  # the range ends at 1, OpenAI's at 2
    return {name: value for name, value in limits.items() if value is not None}


def _stops(chat: ChatRequest) -> dict[str, Any]:
    stops = [stop for stop in chat.sampling.stop if stop]
    return {"stopSequences": stops} if stops else {}


def _put_top_k(fields: dict[str, Any], chat: ChatRequest, family: Family) -> None:
    """Put the value where the family reads it; one that has no place for it goes without."""
    if chat.sampling.top_k is None or not family.top_k:
        return
    inner: Any = chat.sampling.top_k
    for name in reversed(family.top_k):
        inner = {name: inner}
    fields.update(inner)
