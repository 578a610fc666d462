"""Says which of the client's wishes were changed to be sent at all, for `x-gateway-warnings`."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.providers.anthropic.plan import JsonWay, Plan, is_forced
from gateway.providers.anthropic.reasoning import Thinking
from gateway.types.chat import ChatRequest

FORGOTTEN = "changed: messages (thinking of earlier turns left out, as thinking is off)"
_SAMPLING = ("temperature", "top_p", "top_k")


def tell_changes(
    chat: ChatRequest, plan: Plan, thinking: Thinking, body: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a line for each wish that `body` does not carry as the client put it."""
    if is_forced(chat) and not plan.may_force:
        yield "changed: tool_choice (asked for in words: the model refuses forced calls)"
    if thinking.forgets:
        yield FORGOTTEN
    if plan.json is JsonWay.WORDS:
        yield "changed: response_format (asked for in words)"
    if chat.max_tokens is not None and thinking.max_tokens != chat.max_tokens:
        yield f"changed: max_tokens (to {thinking.max_tokens})"
    for name in _SAMPLING:
        wished, sent = getattr(chat.sampling, name), body.get(name)
        if wished is not None and sent is None:
            yield f"dropped: {name}"
        elif wished != sent:
            yield f"changed: {name} (to {sent})"
    if "user" in chat.extra and "metadata" not in body:
        yield "dropped: user (identifies a person)"
