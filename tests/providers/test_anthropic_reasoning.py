"""Anthropic: how a wish to think is put, by generation of models."""

from typing import Any

import pytest

from gateway.providers.anthropic.generations import generation_of
from gateway.types.models import ModelInfo, ReasoningStyle
from tests.providers.anthropic_scene import HI, native, request, target

OLD, BOTH, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-opus-4-8"
F = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = {"type": "thinking", "text": "t", "signature": "s", "format": "anthropic"}


def enabled(budget: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget}


def thinking(model: str, **body: Any) -> Any:
    return native(body, target(model)).get("thinking")


@pytest.mark.parametrize(
    ("effort", "budget", "max_tokens"),
    [
        ("minimal", 1024, 4096),
        ("low", 2048, 4096),
        ("medium", 8192, 12288),
        ("high", 16384, 20480),
        ("xhigh", 32768, 36864),
        ("max", 32768, 36864),
    ],
)
def test_an_effort_becomes_a_budget_and_the_maximum_makes_room(
    effort: str, budget: int, max_tokens: int
) -> None:
    body = native({"reasoning_effort": effort}, target(OLD))

    assert body["thinking"] == enabled(budget)
    assert body["max_tokens"] == max_tokens


@pytest.mark.parametrize(
    ("max_tokens", "expected"),
    [(30_000, enabled(16384)), (16384, enabled(16383)), (1025, enabled(1024)), (1024, None)],
)
def test_a_maximum_of_the_clients_caps_the_budget(max_tokens: int, expected: Any) -> None:
    body = native({"reasoning_effort": "high", "max_tokens": max_tokens}, target(OLD))

    assert body.get("thinking") == expected
    assert body["max_tokens"] == max_tokens


def test_the_models_maximum_is_never_exceeded() -> None:
    body = native({"reasoning_effort": "max"}, target(OLD, max_output=8192))

    assert body["max_tokens"] == 8192
    assert body["thinking"] == enabled(4096)


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        (BOTH, "minimal", "low"),
        (BOTH, "high", "high"),
        (BOTH, "xhigh", "high"),
        (BOTH, "max", "max"),
        (NEW, "low", "low"),
        (NEW, "xhigh", "xhigh"),
        ("claude-fable-5", "max", "max"),
    ],
)
def test_newer_models_think_adaptively(model: str, effort: str, sent: str) -> None:
    body = native({"reasoning_effort": effort}, target(model))

    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"] == {"effort": sent}
    assert body["max_tokens"] == 4096


def test_models_that_hide_their_thoughts_are_asked_for_a_summary() -> None:
    assert thinking(NEW, reasoning_effort="low") == {"type": "adaptive", "display": "summarized"}
    assert thinking(BOTH, reasoning_effort="low") == {"type": "adaptive"}
    hidden = {"effort": "low", "exclude": True}
    assert thinking(NEW, reasoning=hidden) == {"type": "adaptive", "display": "omitted"}


@pytest.mark.parametrize(
    ("model", "budget", "expected"),
    [
        (OLD, 5000, {"thinking": enabled(5000)}),
        (OLD, 5, {"thinking": enabled(1024)}),
        (BOTH, 5000, {"thinking": enabled(5000)}),
        (NEW, 1500, {"output_config": {"effort": "low"}}),
        (NEW, 5000, {"output_config": {"effort": "medium"}}),
        (NEW, 9000, {"output_config": {"effort": "high"}}),
    ],
)
def test_an_explicit_budget_is_kept_where_the_model_takes_one(
    model: str, budget: int, expected: dict[str, Any]
) -> None:
    body = native({"reasoning": {"max_tokens": budget}}, target(model))

    assert expected.items() <= body.items()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (OLD, {}),
        (BOTH, {}),
        (NEW, {}),
        ("claude-opus-5", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
        ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", {"output_config": {"effort": "low"}}),
        ("claude-fable-5-1", {"output_config": {"effort": "low"}}),
    ],
)
def test_no_effort_stops_the_models_that_think_unasked(
    model: str, expected: dict[str, Any]
) -> None:
    bare = native({}, target(model))

    assert native({"reasoning_effort": "none"}, target(model)) == {**bare, **expected}


def test_models_that_cannot_think_are_not_asked_to() -> None:
    to = target("claude-3-5-sonnet-20240620")

    assert native({"reasoning_effort": "high"}, to) == native({}, to)
    known = target("claude-x", reasoning=ReasoningStyle.NONE)
    assert native({"reasoning_effort": "high"}, known) == native({}, known)


def test_the_catalogue_wins_over_the_name() -> None:
    told = target("my-alias", reasoning=ReasoningStyle.ADAPTIVE)

    assert native({"reasoning_effort": "max"}, told)["output_config"] == {"effort": "max"}
    assert native({"reasoning_effort": "low"}, target("glm-5"))["thinking"] == enabled(2048)


def test_the_clients_own_thinking_object_is_sent_unchanged() -> None:
    odd = {"type": "enabled", "budget_tokens": 9000, "display": "omitted", "new": [1]}

    body = native({"thinking": odd, "reasoning_effort": "max"}, target(OLD))

    assert body["thinking"] == odd
    assert body["max_tokens"] == 9000 + 4096
    assert native({"thinking": odd, "max_tokens": 50}, target(OLD))["max_tokens"] == 50


def test_an_effort_beside_adaptive_thinking_and_the_clients_own_config_are_both_kept() -> None:
    adaptive = {"type": "adaptive"}

    body = native({"thinking": adaptive, "reasoning_effort": "low"}, target(BOTH))
    assert (body["thinking"], body["output_config"]) == (adaptive, {"effort": "low"})
    own = {"output_config": {"effort": "max", "task_budget": {"total": 1}}}
    body = native({"reasoning_effort": "low", **own}, target(BOTH))
    assert body["output_config"] == own["output_config"]


@pytest.mark.parametrize("model", [OLD, BOTH, NEW])
def test_sampling_is_left_out_while_the_model_thinks(model: str) -> None:
    body = {"reasoning_effort": "low", "temperature": 0.3, "top_k": 3, "max_tokens": 4000}

    low = native({**body, "top_p": 0.5}, target(model))
    high = native({**body, "top_p": 0.97}, target(model))

    assert not low.keys() & {"temperature", "top_k", "top_p"}
    assert high["top_p"] == 0.97


def test_a_forced_call_wins_over_thinking_that_was_only_advice() -> None:
    body = native({"reasoning_effort": "low", "tools": [F], "tool_choice": "required"}, target(OLD))

    assert body["tool_choice"] == {"type": "any"}
    assert "thinking" not in body
    newer = native({"reasoning_effort": "low", "tools": [F], "tool_choice": F}, target(BOTH))
    assert newer["tool_choice"]["type"] == "tool"
    assert newer["thinking"]["type"] == "adaptive"


def test_thinking_that_was_demanded_wins_over_a_forced_call() -> None:
    body = native({"thinking": enabled(2000), "tools": [F], "tool_choice": "required"}, target(OLD))

    assert body["thinking"] == enabled(2000)
    assert body["tool_choice"] == {"type": "auto"}
    assert "at least one of the tools" in body["system"][0]["text"]


@pytest.mark.parametrize(
    ("details", "wish", "thinks"),
    [
        ([], {"reasoning_effort": "low"}, False),
        ([THOUGHT], {"reasoning_effort": "low"}, True),
        ([], {"thinking": enabled(2000)}, True),
    ],
)
def test_going_on_from_a_call_needs_the_thinking_that_led_to_it(
    details: list[dict[str, Any]], wish: dict[str, Any], thinks: bool
) -> None:
    messages = [
        *HI,
        {"role": "assistant", "tool_calls": [CALL], "reasoning_details": details},
        {"role": "tool", "tool_call_id": "a", "content": "ok"},
    ]

    body = native({"messages": messages, "tools": [F], **wish}, target(OLD))

    assert ("thinking" in body) is thinks


@pytest.mark.parametrize(
    "wish", [{}, {"reasoning_effort": "low"}, {"thinking": {"type": "adaptive"}}]
)
def test_bound_thinking_is_dropped_rather_than_refused_when_its_prefix_changed(
    wish: dict[str, Any],
) -> None:
    messages = [*HI, {"role": "assistant", "content": "x", "reasoning_details": [THOUGHT]}, *HI]
    to = target("claude-opus-5-5")

    built = request({"messages": messages, **wish}, to)
    body = native({"messages": messages, **wish}, to)

    assert body["thinking"]["type"] == "adaptive"
    assert body["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    assert dict(built.headers)["anthropic-beta"] == "thinking-binding-controls-2026-08-01"
    assert "thinking" not in native({"messages": messages}, target("claude-opus-5"))
    assert "block_binding" not in native(wish, to).get("thinking", {})


def test_a_binding_of_the_clients_own_is_left_alone() -> None:
    own = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}}
    messages = [*HI, {"role": "assistant", "content": "x", "reasoning_details": [THOUGHT]}, *HI]

    assert thinking("claude-opus-5-5", messages=messages, thinking=own) == own


@pytest.mark.parametrize(
    ("name", "style", "json_schema"),
    [
        ("claude-2.1", ReasoningStyle.NONE, False),
        ("claude-3-haiku-20240307", ReasoningStyle.NONE, False),
        ("claude-3-5-haiku-latest", ReasoningStyle.NONE, False),
        ("claude-3-7-sonnet-20250219", ReasoningStyle.BUDGET, False),
        ("claude-sonnet-4-20250514", ReasoningStyle.BUDGET, False),
        ("claude-opus-4-1", ReasoningStyle.BUDGET, False),
        ("claude-haiku-4-5-20251001", ReasoningStyle.BUDGET, True),
        ("anthropic/claude-sonnet-4.5", ReasoningStyle.BUDGET, True),
        ("us.anthropic.claude-sonnet-4-6-v1:0", ReasoningStyle.BUDGET_OR_ADAPTIVE, True),
        ("claude-opus-4-6@20260205", ReasoningStyle.BUDGET_OR_ADAPTIVE, True),
        ("anthropic/claude-4.7-opus", ReasoningStyle.ADAPTIVE, True),
        ("claude-opus-4-7", ReasoningStyle.ADAPTIVE, True),
        ("claude-sonnet-5", ReasoningStyle.ADAPTIVE, True),
        ("claude-opus-5-20260724", ReasoningStyle.ADAPTIVE, True),
        ("claude-opus-7-2", ReasoningStyle.ADAPTIVE, True),
        ("claude-mythos-preview", ReasoningStyle.ADAPTIVE, True),
        ("kimi-k3", ReasoningStyle.BUDGET, True),
    ],
)
def test_a_name_tells_the_generation(name: str, style: ReasoningStyle, json_schema: bool) -> None:
    row = generation_of(name, ModelInfo("anthropic", name, known=False))

    assert (row.style, row.json_schema) == (style, json_schema)
    assert row.bound_thinking is (name == "claude-opus-7-2")
