"""Judges whether a chunk or a body of an OpenAI-shaped provider may be passed on as it is.

Only what a strict client reads without stumbling passes; everything else is taken apart and
written anew. The judgement never changes state, so a chunk that is refused can still be read.
"""

from collections.abc import Mapping
from typing import Any

from gateway.providers.openai.finish import PASSABLE
from gateway.providers.openai.message import ChoiceReader
from gateway.providers.openai.quirks import Quirks

REPAIR = -1
"""The verdict on what must be taken apart; any other is how many choices bear content."""


def judge_delta(choice: Mapping[str, Any], reader: ChoiceReader, quirks: Quirks) -> int:
    """Return 1 if a chunk's choice bears content, 0 if it passes without, else `REPAIR`."""
    delta = choice.get("delta")
    if type(delta) is not dict or "message" in choice or reader.finished:
        return REPAIR
    role = delta.get("role")
    if reader.role_seen == (role is not None) or role not in (None, "assistant"):
        return REPAIR  # a role once, at first: clients join repeated ones
    reason = choice.get("finish_reason")
    if reason is not None and not _is_passable_reason(reason, reader.call_count, delta, quirks):
        return REPAIR
    bears = 0
    for name, value in delta.items():
        if value is None or name == "role":
            continue
        judge = _DELTA.get(name, _judge_other)
        verdict = judge(value, reader)
        if verdict == REPAIR:
            return REPAIR
        bears |= verdict
    return bears


def judge_message(choice: Mapping[str, Any], quirks: Quirks) -> int:
    """Return 1 if a whole reply's choice passes, else `REPAIR`."""
    message = choice.get("message")
    if type(message) is not dict or "delta" in choice or "content" not in message:
        return REPAIR
    if message.get("role") != "assistant":
        return REPAIR
    calls = message.get("tool_calls")
    if calls is not None and not (type(calls) is list and all(map(_is_whole_call, calls))):
        return REPAIR
    reason = choice.get("finish_reason")
    if not _is_passable_reason(reason, len(calls or ()), {}, quirks):
        return REPAIR
    for name, value in message.items():
        if value is None or name in ("role", "tool_calls"):
            continue
        if not _MESSAGE.get(name, _is_anything)(value):
            return REPAIR
    return 1


def _is_passable_reason(
    reason: object, calls: int, delta: Mapping[str, Any], quirks: Quirks
) -> bool:
    if type(reason) is not str or reason not in PASSABLE:
        return False
    called = calls > 0 or bool(delta.get("tool_calls"))
    return not (quirks.repair_finish and reason == "stop" and called)


def _judge_text(value: object, _reader: ChoiceReader) -> int:
    if type(value) is not str:
        return REPAIR
    return 1 if value else 0


def _judge_refusal(value: object, _reader: ChoiceReader) -> int:
    return 1 if type(value) is str and value else REPAIR  # "" would read as a refusal


def _judge_calls(value: object, reader: ChoiceReader) -> int:
    if type(value) is not list:
        return REPAIR
    begun = reader.call_count
    for call in value:
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict or type(function.get("arguments")) is not str:
            return REPAIR
        index = call.get("index")
        if type(index) is not int:
            return REPAIR
        if index == begun and not reader.knows_call(index):
            if not call.get("id") or call.get("type") != "function" or not function.get("name"):
                return REPAIR
            begun += 1
        elif index >= begun or call.get("id") or function.get("name"):
            return REPAIR
    return 1


def _judge_nothing(_value: object, _reader: ChoiceReader) -> int:
    return REPAIR


def _judge_other(value: object, _reader: ChoiceReader) -> int:
    return 1 if type(value) in (dict, list) else 0


def _is_whole_call(call: object) -> bool:
    if type(call) is not dict or not call.get("id"):
        return False
    kind = call.get("type")
    inner = call.get(kind) if kind in ("function", "custom") else None
    if type(inner) is not dict or not inner.get("name"):
        return False
    return type(inner.get("arguments" if kind == "function" else "input")) is str


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_some_text(value: object) -> bool:
    return type(value) is str and value != ""


def _is_anything(_value: object) -> bool:
    return True


def _is_nothing(_value: object) -> bool:
    return False


def _is_audio(value: object) -> bool:
    return type(value) is dict and bool(value.get("id"))


_DELTA = {
    "content": _judge_text,
    "reasoning_content": _judge_text,
    "refusal": _judge_refusal,
    "tool_calls": _judge_calls,
    "function_call": _judge_nothing,
    "reasoning": _judge_nothing,
    "reasoning_details": _judge_nothing,
}
_MESSAGE = {
    "content": _is_text,
    "reasoning_content": _is_text,
    "refusal": _is_some_text,
    "audio": _is_audio,
    "function_call": _is_nothing,
    "reasoning": _is_nothing,
    "reasoning_details": _is_nothing,
}
