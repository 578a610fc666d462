"""Google: how much to think, in the words of each generation."""

from typing import Any

import pytest

from gateway.types.models import ReasoningStyle
from tests.providers.google_scene import config, native, request, target

SHOWN = {"includeThoughts": True}


def thinking(model: str, **body: Any) -> Any:
    return config(body, model).get("thinkingConfig")


def test_nothing_is_sent_where_the_client_says_nothing() -> None:
    for model in ("gemini-2.5-pro", "gemini-3-pro-preview", "gemini-4-argon"):
        assert thinking(model) is None


@pytest.mark.parametrize(
    ("model", "budgets"),
    [
        ("gemini-2.5-flash", (0, 1024, 1024, 8192, 24576, 24576, 24576)),
        ("gemini-2.5-flash-lite", (0, 1024, 1024, 8192, 24576, 24576, 24576)),
        ("gemini-2.5-pro", (128, 1024, 1024, 8192, 24576, 32768, 32768)),
    ],
)
def test_2_5_thinks_within_a_budget(model: str, budgets: tuple[int, ...]) -> None:
    efforts = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    found = [thinking(model, reasoning_effort=effort) for effort in efforts]

    assert [each["thinkingBudget"] for each in found] == list(budgets)
    assert [each.get("includeThoughts", False) for each in found] == [False, *[True] * 6]


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("gemini-3-pro-preview", "LOW LOW LOW HIGH HIGH HIGH"),
        ("gemini-3.1-pro-preview", "LOW LOW LOW MEDIUM HIGH HIGH"),
        ("gemini-3-flash-preview", "MINIMAL MINIMAL LOW MEDIUM HIGH HIGH"),
        ("gemini-3.1-flash-lite", "MINIMAL MINIMAL LOW MEDIUM HIGH HIGH"),
        ("gemini-3.5-flash", "MINIMAL MINIMAL LOW MEDIUM HIGH HIGH"),
        ("gemini-3.6-flash", "MINIMAL MINIMAL LOW MEDIUM HIGH HIGH"),
        ("gemini-3.7-flash", "LOW LOW LOW MEDIUM HIGH HIGH"),
        ("gemini-3.8-flash", "LOW LOW LOW MEDIUM HIGH HIGH"),
        ("gemini-3.1-flash-image", "MINIMAL MINIMAL MINIMAL HIGH HIGH HIGH"),
        ("gemini-4-argon", "LOW LOW LOW MEDIUM HIGH HIGH"),
        ("gemini-flash-latest", "LOW LOW LOW MEDIUM HIGH HIGH"),
        ("gemini-9-new", "LOW LOW LOW MEDIUM HIGH HIGH"),
    ],
)
def test_later_models_think_at_a_level_they_have(model: str, levels: str) -> None:
    efforts = ("none", "minimal", "low", "medium", "high", "max")
    found = [thinking(model, reasoning_effort=effort) for effort in efforts]

    assert [each["thinkingLevel"] for each in found] == levels.split()
    assert all("thinkingBudget" not in each for each in found)
    assert "includeThoughts" not in found[0]


@pytest.mark.parametrize(
    "model",
    [
        "gemini-1.5-pro",
        "gemini-2.0-flash",
        "gemini-2.5-flash-image",
        "gemini-2.5-pro-preview-tts",
        "gemini-exp-1206",
        "gemini-pro",
        "gemma-3-27b-it",
    ],
)
def test_models_that_do_not_think_are_not_asked_to(model: str) -> None:
    assert thinking(model, reasoning_effort="high") is None
    told = request({"reasoning_effort": "high"}, target(model)).warnings
    assert told == ("dropped: reasoning_effort",)
    assert request({"reasoning_effort": "none"}, target(model)).warnings == ()


@pytest.mark.parametrize(
    ("model", "body", "expected", "told"),
    [
        (
            "gemini-2.5-flash",
            {"thinking": {"type": "enabled", "budget_tokens": 3000}},
            {**SHOWN, "thinkingBudget": 3000},
            (),
        ),
        (
            "gemini-2.5-pro",
            {"reasoning": {"max_tokens": 50}},
            {**SHOWN, "thinkingBudget": 128},
            ("changed: thinking (to 128 tokens)",),
        ),
        (
            "gemini-2.5-flash-lite",
            {"reasoning": {"max_tokens": 100_000}},
            {**SHOWN, "thinkingBudget": 24_576},
            ("changed: thinking (to 24576 tokens)",),
        ),
        ("gemini-2.5-flash", {"thinking": {"type": "disabled"}}, {"thinkingBudget": 0}, ()),
        ("gemini-2.5-flash", {"reasoning": {"max_tokens": 0}}, {"thinkingBudget": 0}, ()),
        ("gemini-2.5-flash", {"reasoning": {"enabled": True}}, SHOWN, ()),
        (
            "gemini-2.5-flash",
            {"reasoning": {"effort": "low", "exclude": True}},
            {"thinkingBudget": 1024},
            (),
        ),
        (
            "gemini-2.5-pro",
            {"reasoning_effort": "none"},
            {"thinkingBudget": 128},
            ("changed: reasoning_effort (to minimal)",),
        ),
        (
            "gemini-3-flash-preview",
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            {**SHOWN, "thinkingLevel": "LOW"},
            (),
        ),
        (
            "gemini-3-flash-preview",
            {"reasoning": {"max_tokens": 4096}},
            {**SHOWN, "thinkingLevel": "MEDIUM"},
            (),
        ),
        (
            "gemini-3-flash-preview",
            {"reasoning": {"max_tokens": 9000, "exclude": True}},
            {"thinkingLevel": "HIGH"},
            (),
        ),
        ("gemini-3-flash-preview", {"thinking": {"type": "adaptive"}}, SHOWN, ()),
        (
            "gemini-3-pro-preview",
            {"reasoning_effort": "medium"},
            {**SHOWN, "thinkingLevel": "HIGH"},
            ("changed: reasoning_effort (to high)",),
        ),
        (
            "gemini-3-pro-preview",
            {"thinking": {"type": "disabled"}},
            {"thinkingLevel": "LOW"},
            ("changed: reasoning_effort (to low)",),
        ),
        ("gemini-3-pro-image-preview", {"reasoning_effort": "low"}, SHOWN, ()),
    ],
    ids=str,
)
def test_every_spelling_of_the_wish_is_understood(
    model: str, body: dict[str, Any], expected: Any, told: tuple[str, ...]
) -> None:
    assert thinking(model, **body) == expected
    assert request(body, target(model)).warnings == told


def test_a_models_name_may_have_a_prefix() -> None:
    for name in ("models/gemini-2.5-pro", "gemini/gemini-2.5-pro"):
        assert thinking(name, reasoning_effort="none") == {"thinkingBudget": 128}


def test_what_the_catalogue_knows_goes_before_the_name() -> None:
    effort = {"reasoning_effort": "low"}
    known = target("tuned-1", reasoning=ReasoningStyle.EFFORT)
    assert native(effort, known)["generationConfig"]["thinkingConfig"]["thinkingLevel"] == "LOW"

    unknown = native(effort, target("tuned-1"))["generationConfig"]["thinkingConfig"]
    assert unknown["thinkingBudget"] == 1024

    plain = target("gemini-3-nothing", reasoning=ReasoningStyle.NONE)
    assert "generationConfig" not in native(effort, plain)
