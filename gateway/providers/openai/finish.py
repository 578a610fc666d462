"""Finish reasons of OpenAI's dialects, as one of OpenAI's own."""

from collections.abc import Mapping

from gateway.errors import Failure

PASSABLE = frozenset({"stop", "length", "tool_calls", "content_filter"})
"""Reasons that need no repair. `function_call` belongs to a format that we do not ask for."""

_REASONS: Mapping[str, str] = {
    "stop": "stop",
    "eos": "stop",  # Together (recorded)
    "eos_token": "stop",  # Hugging Face TGI
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Zhipu
}
_FAILURES: Mapping[str, Failure] = {
    "insufficient_system_resource": Failure.OVERLOADED,  # DeepSeek API reference, 2026-11
    "network_error": Failure.SERVER,  # Zhipu
    "error": Failure.SERVER,  # OpenRouter
}


def failure_of(reason: str) -> Failure | None:
    """Return the failure that a finish reason stands for, None if it is a normal end."""
    return _FAILURES.get(reason.lower())


def finish_reason(native: str | None, *, called: bool, repair: bool) -> str:
    """Return OpenAI's word. Empty and unknown reasons are "stop".

    `called` says that the choice made tool calls: then an unnamed end is "tool_calls", and a
    "stop" too where `repair` is set.
    """
    reason = _REASONS.get(native.lower(), "stop") if native else ""
    if called and (not reason or (repair and reason == "stop")):
        return "tool_calls"
    return reason or "stop"
