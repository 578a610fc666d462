"""What had to be changed is said, so that it can stand in `x-gateway-warnings`."""

from typing import Any

import pytest

from gateway.wire.chat_read import read_chat
from tests.providers.anthropic_scene import HI, PROVIDER, target

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("members", "model", "expected"),
    [
        ({}, "claude-sonnet-4-5", ()),
        ({"temperature": 0.5}, "claude-sonnet-4-5", ()),
        ({"temperature": 1.5}, "claude-sonnet-4-5", ("changed: temperature (to 1)",)),
        (
            {"temperature": 0.5, "reasoning_effort": "low"},
            "claude-sonnet-4-5",
            ("dropped: temperature",),
        ),
        ({"user": "u-1"}, "claude-sonnet-4-5", ()),
        (
            {"user": "ada@example.com"},
            "claude-sonnet-4-5",
            ("dropped: user (identifies a person)",),
        ),
        (
            {
                "tools": [TOOL],
                "tool_choice": "required",
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "max_tokens": 4000,
            },
            "claude-sonnet-4-5",
            ("changed: tool_choice (asked for in words: the model refuses forced calls)",),
        ),
    ],
)
def test_a_changed_wish_is_a_warning(
    members: dict[str, Any], model: str, expected: tuple[str, ...]
) -> None:
    chat = read_chat({"model": model, "messages": HI, **members})
    assert PROVIDER.build_chat(chat, target(model)).warnings == expected
