"""What becomes of fields that a provider or a model does not take."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.base import Fate
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.types.chat import ChatRequest, Reasoning
from tests.providers.openai_scene import chat

STRICT, LENIENT, DROP_ALL = UnsupportedPolicy
FUNCTION = {"type": "function", "function": {"name": "f"}}
CARRIED = {"*": Fate.CARRIED}


def fitted(
    fates: Any,
    policy: UnsupportedPolicy = LENIENT,
    refuses: tuple[str, ...] = (),
    **members: Any,
) -> tuple[ChatRequest, tuple[str, ...]]:
    return apply_fates(chat(**members), fates, policy, refuses)


def refused(fates: Any, policy: UnsupportedPolicy, *refuses: str, **members: Any) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        fitted(fates, policy, refuses, **members)
    assert caught.value.code == "unsupported_parameter"
    return caught.value.param


EVERY: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "seed": 7,
    "frequency_penalty": 1,
    "presence_penalty": 1,
    "stop": ["a"],
    "max_tokens": 5,
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "n": 2,
    "logprobs": True,
    "user": "u",
    "metadata": {"a": "b"},
    "store": True,
    "brand_new": 1,
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("fate", [Fate.CARRIED, Fate.TRANSLATED])
def test_what_is_taken_stays(name: str, fate: Fate) -> None:
    wanted = chat(**{name: EVERY[name]})

    assert apply_fates(wanted, {name: fate}, STRICT) == (wanted, ())


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("policy", list(UnsupportedPolicy))
def test_what_is_dropped_is_told(name: str, policy: UnsupportedPolicy) -> None:
    assert fitted({name: Fate.DROPPED}, policy, **{name: EVERY[name]}) == (
        chat(),
        (f"dropped: {name}",),
    )


@pytest.mark.parametrize("name", EVERY)
def test_sampling_is_refused_by_the_strict_only(name: str) -> None:
    fates = {name: Fate.SAMPLING}

    assert refused(fates, STRICT, **{name: EVERY[name]}) == name
    for policy in (LENIENT, DROP_ALL):
        assert fitted(fates, policy, **{name: EVERY[name]}) == (chat(), (f"dropped: {name}",))


@pytest.mark.parametrize("name", EVERY)
def test_what_changes_the_answer_is_refused_unless_all_may_be_dropped(name: str) -> None:
    fates = {name: Fate.REFUSED}

    assert refused(fates, STRICT, **{name: EVERY[name]}) == name
    assert refused(fates, LENIENT, **{name: EVERY[name]}) == name
    assert fitted(fates, DROP_ALL, **{name: EVERY[name]})[0] == chat()


def test_tools_are_never_lost() -> None:
    for policy in UnsupportedPolicy:
        assert refused({"tools": Fate.REFUSED}, policy, tools=[FUNCTION]) == "tools"
        assert refused(CARRIED, policy, "tools", tools=[FUNCTION]) == "tools"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 1),
        ("store", False),
        ("logprobs", False),
        ("top_logprobs", 0),
        ("parallel_tool_calls", True),
        ("modalities", ["text"]),
        ("tool_choice", "auto"),
        ("response_format", {"type": "text"}),
        ("reasoning_effort", "none"),
        ("frequency_penalty", 0),
        ("presence_penalty", 0.0),
        ("temperature", 1),
        ("top_p", 1.0),
        ("metadata", {}),
        ("logit_bias", {}),
        ("service_tier", "auto"),
        ("stream_options", {"include_obfuscation": False}),
    ],
)
def test_a_value_that_holds_anyway_goes_without_a_word(name: str, value: Any) -> None:
    assert fitted({name: Fate.REFUSED}, STRICT, **{name: value}) == (chat(), ())


def test_members_no_row_names_have_the_fate_of_the_rest() -> None:
    assert fitted(CARRIED, brand_new=1)[1] == ()
    assert fitted({"*": Fate.DROPPED}, brand_new=1)[1] == ("dropped: brand_new",)
    assert fitted({}, brand_new=1)[1] == ("dropped: brand_new",)
    assert refused({"*": Fate.REFUSED}, LENIENT, brand_new=1) == "brand_new"


def test_what_a_model_refuses_is_dropped_or_refused_by_what_it_changes() -> None:
    found, warnings = fitted(
        CARRIED, LENIENT, ("temperature", "stop"), temperature=0.5, stop="x", top_p=0.5
    )

    assert warnings == ("dropped: temperature", "dropped: stop")
    assert found == chat(top_p=0.5)
    assert refused(CARRIED, STRICT, "temperature", temperature=0.5) == "temperature"
    assert refused(CARRIED, LENIENT, "logprobs", logprobs=True) == "logprobs"
    assert fitted(CARRIED, DROP_ALL, ("logprobs",), logprobs=True)[1] == ("dropped: logprobs",)


def test_a_spelling_of_the_limit_that_a_model_refuses_is_no_reason_to_drop_it() -> None:
    wanted = chat(max_tokens=5)

    assert apply_fates(wanted, CARRIED, STRICT, ("max_tokens",)) == (wanted, ())


def test_the_limit_is_named_as_the_client_wrote_it() -> None:
    warnings = fitted({"max_tokens": Fate.DROPPED}, max_completion_tokens=5)[1]

    assert warnings == ("dropped: max_completion_tokens",)


def test_the_wish_to_think_is_dropped_in_every_spelling() -> None:
    found, warnings = fitted(
        {"reasoning_effort": Fate.DROPPED},
        reasoning={"effort": "high"},
        thinking={"type": "enabled", "budget_tokens": 5},
    )

    assert found.reasoning == Reasoning()
    assert warnings == ("dropped: thinking", "dropped: reasoning")


def test_nothing_unset_is_told() -> None:
    fates = {**dict.fromkeys(EVERY, Fate.REFUSED), "*": Fate.REFUSED}

    assert fitted(fates, STRICT) == (chat(), ())
