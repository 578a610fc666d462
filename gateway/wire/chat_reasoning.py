"""Reads what clients say about thinking: the wish to think, and the thoughts of earlier answers."""

from collections.abc import Mapping
from typing import Any

from gateway.types.chat import Reasoning, ReasoningBlock
from gateway.types.json import JsonObject
from gateway.wire.fields import (
    fail_type,
    read_array,
    read_bool,
    read_choice,
    read_int,
    read_name,
    read_object,
)

EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
MAX_BLOCKS = 10_000
_GROQ_EFFORTS = frozenset({"default"})  # qwen models there; means no more than being unset
# OpenRouter's names (its "reasoning tokens" page, 2026-11) beside ours.
_TYPES: Mapping[str, str] = {
    "reasoning.text": "thinking",
    "reasoning.summary": "summary",
    "reasoning.encrypted": "encrypted",
    "redacted_thinking": "redacted",
}
_FORMATS: Mapping[str, str] = {
    "anthropic-claude-v1": "anthropic",
    "google-gemini-v1": "gemini",
    "openai-responses-v1": "openai-responses",
}


def read_reasoning(body: JsonObject) -> Reasoning:
    """Return the wish to think, in any spelling: OpenAI's, OpenRouter's or Anthropic's.

    OpenAI's `reasoning_effort` wins over the other two for the effort.
    """
    effort = read_choice(body, "reasoning_effort", EFFORTS | _GROQ_EFFORTS)
    wish = read_object(body, "reasoning")
    thinking = read_object(body, "thinking")
    if wish is None and thinking is None:
        return Reasoning(None if effort in _GROQ_EFFORTS else effort)
    budget = read_int(thinking or {}, "budget_tokens", "thinking", least=0)
    if budget is None:
        budget = read_int(wish or {}, "max_tokens", "reasoning", least=0)
    return Reasoning(
        None if effort in _GROQ_EFFORTS else effort or effort_of(wish, thinking),
        budget,
        thinking,
        wish,
    )


def effort_of(wish: Mapping[str, Any] | None, thinking: Mapping[str, Any] | None) -> str | None:
    """Return the effort that a `reasoning` or `thinking` object stands for, None if for none."""
    if wish is not None:
        effort = read_choice(wish, "effort", EFFORTS, "reasoning")
        if effort is not None:
            return effort
        if read_bool(wish, "enabled", "reasoning") is False:
            return "none"
    if thinking is not None and read_name(thinking, "type", "thinking") == "disabled":
        return "none"
    return None


def read_blocks(node: JsonObject, path: str) -> tuple[ReasoningBlock, ...]:
    """Return the opaque reasoning of an assistant message.

    A client that sends both spellings sends the same thoughts twice: the first one counts.
    """
    details = read_array(node, "reasoning_details", path, most=MAX_BLOCKS)
    if details:
        return tuple(_detail(d, f"{path}.reasoning_details[{n}]") for n, d in enumerate(details))
    blocks = read_array(node, "thinking_blocks", path, most=MAX_BLOCKS) or ()
    return tuple(
        _thinking_block(block, f"{path}.thinking_blocks[{n}]") for n, block in enumerate(blocks)
    )


def _detail(node: Any, path: str) -> ReasoningBlock:
    if not isinstance(node, dict):
        fail_type(path, "an object, as it came in an answer", node)
    kind = _known(node, "type") or "thinking"
    origin = _known(node, "format")
    kind = _TYPES.get(kind, kind)
    origin = _FORMATS.get(origin, origin) if origin else None
    data = _known(node, "data")
    if kind == "encrypted" and origin == "anthropic":
        kind = "redacted"  # that is what Anthropic's redacted thinking is called at OpenRouter
    text = _known(node, "text")
    if text is None:
        text = _known(node, "summary") or _known(node, "thinking")
    return ReasoningBlock(kind, origin, text, _known(node, "signature"), data, node)


def _thinking_block(node: Any, path: str) -> ReasoningBlock:
    if not isinstance(node, dict):
        fail_type(path, "an object, as it came in an answer", node)
    kind = _known(node, "type") or "thinking"
    return ReasoningBlock(
        _TYPES.get(kind, kind),
        "anthropic",
        _known(node, "thinking"),
        _known(node, "signature"),
        _known(node, "data"),
        node,
    )


def _known(node: JsonObject, name: str) -> str | None:
    """Read a string of an opaque block; whatever else stands there is kept in `raw` only."""
    value = node.get(name)
    return value if isinstance(value, str) else None
