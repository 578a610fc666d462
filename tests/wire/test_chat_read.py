"""Reading a chat request: the top level."""

from typing import Any

import pytest
from hypothesis import given, settings

from gateway.errors import InvalidRequest
from gateway.types.chat import ChatRequest, Message, OutputFormat, Reasoning, Role, Sampling
from gateway.wire.chat_read import read_chat
from tests.wire.any_request import MESSAGES, TOP

USER = {"role": "user", "content": "hi"}


def read(**members: Any) -> ChatRequest:
    return read_chat({"model": "m", "messages": [USER], **members})


def refusal(**members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read(**members)
    return caught.value


def test_the_smallest_request() -> None:
    assert read_chat({"messages": [USER]}) == ChatRequest(
        model="", messages=(Message(Role.USER, "hi"),)
    )


@pytest.mark.parametrize("model", [None, ""])
def test_no_model_is_the_empty_name(model: str | None) -> None:
    assert read_chat({"model": model, "messages": [USER]}).model == ""


def test_null_is_as_good_as_absent() -> None:
    names = ("temperature", "tools", "tool_choice", "stop", "stream", "n", "user", "whatever")

    assert read(**dict.fromkeys(names)) == read()


def test_every_sampling_value_is_read_as_it_was_sent() -> None:
    chat = read(
        temperature=1,
        top_p=0.25,
        top_k=40,
        seed=-7,
        frequency_penalty=-2,
        presence_penalty=2.0,
        stop=["a", "b", "c", "d", "e"],
    )

    assert chat.sampling == Sampling(1, 0.25, 40, -7, -2, 2.0, ("a", "b", "c", "d", "e"))
    assert repr(chat.sampling.temperature) == "1"


def test_a_single_stop_string_is_a_list_of_one() -> None:
    assert read(stop="END").sampling.stop == ("END",)


def test_the_token_limit_remembers_its_spelling() -> None:
    assert (read(max_tokens=5).max_tokens, read(max_tokens=5).max_tokens_field) == (5, "max_tokens")
    both = read(max_tokens=5, max_completion_tokens=7)
    assert (both.max_tokens, both.max_tokens_field) == (7, "max_completion_tokens")


def test_stream_options_are_split() -> None:
    chat = read(stream=True, stream_options={"include_usage": True, "include_obfuscation": False})

    assert chat.stream
    assert chat.include_usage
    assert chat.extra == {"stream_options": {"include_obfuscation": False}}


def test_known_and_unknown_members_are_kept_as_they_are() -> None:
    members = {
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "logit_bias": {"50256": -100},
        "user": "u",
        "metadata": {"a": "b"},
        "store": False,
        "service_tier": "flex",
        "prediction": {"type": "content", "content": "x"},
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "web_search_options": {},
        "verbosity": "low",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "min_p": 0.1,
        "chat_template_kwargs": {"enable_thinking": False},
    }

    assert read(**members).extra == members


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"type": "text"}, OutputFormat("text", raw={"type": "text"})),
        ({"type": "json_object"}, OutputFormat("json_object", raw={"type": "json_object"})),
    ],
)
def test_simple_response_formats(node: dict[str, Any], expected: OutputFormat) -> None:
    assert read(response_format=node).output == expected


@pytest.mark.parametrize("flat", [False, True])
def test_a_json_schema_is_read_from_both_forms(flat: bool) -> None:
    schema = {"name": "city", "description": "d", "schema": {"type": "object"}, "strict": True}
    node = {"type": "json_schema", **(schema if flat else {"json_schema": schema})}

    expected = OutputFormat("json_schema", "city", "d", {"type": "object"}, True, node)
    assert read(response_format=node).output == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"reasoning_effort": "high"}, Reasoning("high")),
        ({"reasoning": {"effort": "low"}}, Reasoning("low", raw_reasoning={"effort": "low"})),
        (
            {"reasoning": {"max_tokens": 2_000}},
            Reasoning(None, 2_000, raw_reasoning={"max_tokens": 2_000}),
        ),
        (
            {"reasoning": {"enabled": False}},
            Reasoning("none", raw_reasoning={"enabled": False}),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
            Reasoning(None, 1_024, {"type": "enabled", "budget_tokens": 1_024}),
        ),
        ({"thinking": {"type": "disabled"}}, Reasoning("none", None, {"type": "disabled"})),
        (
            {"reasoning_effort": "max", "thinking": {"type": "adaptive"}},
            Reasoning("max", None, {"type": "adaptive"}),
        ),
    ],
)
def test_the_wish_to_think_is_read_in_three_spellings(
    members: dict[str, Any], expected: Reasoning
) -> None:
    assert read(**members).reasoning == expected


def test_groqs_default_effort_is_kept_for_groq_and_means_nothing_elsewhere() -> None:
    chat = read(reasoning_effort="default")

    assert chat.reasoning == Reasoning()
    assert chat.extra == {"reasoning_effort": "default"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": 7}, "model"),
        ({"model": "a\nb"}, "model"),
        ({"model": "a\0b"}, "model"),
        ({"model": "x" * 513}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [USER] * 100_001}, "messages"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_k": 1.5}, "top_k"),
        ({"seed": "x"}, "seed"),
        ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"presence_penalty": -3}, "presence_penalty"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"),
        ({"stop": ["a"] * 65}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.0}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": True}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": True}, "stream_options"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"logit_bias": "x"}, "logit_bias"),
        ({"user": 5}, "user"),
        ({"user": "a\r\nx-evil: 1"}, "user"),
        ({"metadata": []}, "metadata"),
        ({"store": "no"}, "store"),
        ({"service_tier": 1}, "service_tier"),
        ({"prediction": "x"}, "prediction"),
        ({"modalities": "text"}, "modalities"),
        ({"modalities": [1]}, "modalities[0]"),
        ({"audio": "alloy"}, "audio"),
        ({"web_search_options": True}, "web_search_options"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"reasoning_effort": "enormous"}, "reasoning_effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": "x"}}, "reasoning.effort"),
        ({"reasoning": {"max_tokens": -1}}, "reasoning.max_tokens"),
        ({"reasoning": {"enabled": "x"}}, "reasoning.enabled"),
        ({"thinking": True}, "thinking"),
        ({"thinking": {"budget_tokens": "x"}}, "thinking.budget_tokens"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": "x"}}},
            "response_format.json_schema.schema",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": 1}}},
            "response_format.json_schema.name",
        ),
        ({f"k{n}": 1 for n in range(1_001)}, None),
        ({"x" * 257: 1}, None),
    ],
)
def test_a_fault_is_named_by_its_path_and_has_a_code(
    members: dict[str, Any], param: str | None
) -> None:
    error = refusal(**members)

    assert error.param == param
    assert error.code
    assert error.message.endswith(".")


@settings(max_examples=400, deadline=None)
@given(messages=MESSAGES, top=TOP)
def test_whatever_stands_in_a_known_field_the_answer_is_a_request_or_a_400(
    messages: list[dict[str, Any]], top: dict[str, Any]
) -> None:
    try:
        chat = read_chat({"model": "m", "messages": messages, **top})
    except InvalidRequest as error:
        fault = error
    else:
        assert len(chat.messages) == len(messages)
        return
    assert fault.status == 400
    assert fault.message
