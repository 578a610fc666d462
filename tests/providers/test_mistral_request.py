import json
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.types.models import ReasoningStyle
from gateway.types.secret import Secret
from gateway.types.upstream import Credential
from gateway.wire.chat_read import read_chat
from gateway.wire.embeddings_read import read_embeddings
from tests.providers.mistral_scene import HI, PROVIDER, request, sent, target

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
FUNCTION: dict[str, Any] = {"name": "f", "description": "d", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}
OTHER = {"type": "function", "function": {"name": "g"}}


def said(**members: Any) -> dict[str, Any]:
    body: dict[str, Any] = sent(**members)
    assert body.pop("model") == "mistral-large-latest"
    assert body.pop("messages") == [HI]
    return body


def test_a_plain_request_says_no_more_than_the_client() -> None:
    built = request()
    assert (built.method, built.url) == ("POST", "https://api.mistral.ai/v1/chat/completions")
    assert said() == {}
    assert PROVIDER.build_probe(target()).url == "https://api.mistral.ai/v1/models"


def test_a_stream_is_asked_for_without_options() -> None:
    assert request(stream=True).stream
    assert said(stream=True, stream_options={"include_usage": True}) == {"stream": True}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"seed": 7}, {"random_seed": 7}),
        ({"seed": -7}, {"random_seed": 7}),
        ({"random_seed": 7}, {"random_seed": 7}),
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5, "top_p": 0.5}),
        ({"temperature": 2}, {"temperature": 1.5}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0}),
        ({"top_k": 5}, {"top_k": 5}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"frequency_penalty": 0.0}, {"frequency_penalty": 0.0}),
        ({"presence_penalty": -1}, {"presence_penalty": -1}),
        ({"n": 2}, {"n": 2}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"safe_prompt": True}, {"safe_prompt": True}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"prompt_cache_key": "k"}, {"prompt_cache_key": "k"}),
        ({"prompt_mode": "reasoning"}, {"prompt_mode": "reasoning"}),
        ({"guardrails": []}, {"guardrails": []}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"service_tier": "flex"}, {}),
        (
            {"prediction": {"type": "content", "content": "x"}},
            {"prediction": {"type": "content", "content": "x"}},
        ),
        (
            {"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
            {"prediction": {"type": "content", "content": "x"}},
        ),
        ({"prediction": {"type": "content"}}, {}),
        ({"response_format": {"type": "text"}}, {"response_format": {"type": "text"}}),
        (
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_object"}},
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "x": 1},
                }
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
                }
            },
        ),
    ],
)
def test_every_member_has_its_place_and_range(given: Any, written: Any) -> None:
    assert said(**given) == written


@pytest.mark.parametrize(
    ("model", "given", "written"),
    [
        ("mistral-large-latest", {"reasoning_effort": "low"}, None),
        ("mistral-large-2512", {"reasoning_effort": "none"}, None),
        ("mistral-large-4", {"reasoning_effort": "low"}, "low"),
        ("codestral-latest", {"reasoning_effort": "high"}, None),
        ("ministral-8b-2512", {"reasoning_effort": "high"}, None),
        ("open-mistral-nemo", {"reasoning_effort": "high"}, None),
        ("mistral-small-2506", {"reasoning_effort": "high"}, None),
        ("mistral-small-2603", {"reasoning_effort": "high"}, "high"),
        ("mistral-small-3.2-24b-instruct", {"reasoning_effort": "high"}, None),
        ("mistral-medium-2508", {"reasoning_effort": "high"}, None),
        ("mistral-medium-2604", {"reasoning_effort": "low"}, "high"),
        ("mistral-medium-3.1", {"reasoning_effort": "high"}, None),
        ("mistral-medium-3", {"reasoning_effort": "minimal"}, "none"),
        ("mistral-medium-latest", {"reasoning_effort": "max"}, "high"),
        ("zai-glm-5-3", {"reasoning_effort": "low"}, "low"),
        ("magistral-small-latest", {"reasoning_effort": "low"}, "high"),
        ("mistral-small-latest", {"reasoning_effort": "none"}, "none"),
        ("mistral-small-latest", {"reasoning_effort": "minimal"}, "none"),
        ("mistral-small-latest", {"reasoning_effort": "low"}, "high"),
        ("mistral-medium-3-5", {"reasoning_effort": "xhigh"}, "high"),
        ("mistral-small-latest", {"thinking": {"type": "enabled", "budget_tokens": 9}}, "high"),
        ("mistral-small-latest", {"thinking": {"type": "disabled"}}, "none"),
        ("magistral-medium-latest", {"reasoning_effort": "high"}, None),
        ("mistral-small-latest", {}, None),
    ],
)
def test_the_effort_is_said_in_a_word_the_model_knows(
    model: str, given: Any, written: str | None
) -> None:
    assert sent(target(model), **given).get("reasoning_effort") == written


def test_what_the_catalogue_knows_of_thinking_wins_over_the_name() -> None:
    thinks = target(reasoning=ReasoningStyle.EFFORT)
    assert sent(thinks, reasoning_effort="low")["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        ({"temperature": 2}, ("changed: temperature (to 1.5)",)),
        ({"seed": -7}, ("changed: seed (to 7)",)),
        ({"seed": 7, "temperature": 0, "top_p": 0.5}, ()),
        ({"reasoning_effort": "low"}, ("dropped: reasoning_effort",)),
        ({"reasoning_effort": "none"}, ()),
        ({"service_tier": "flex"}, ("dropped: service_tier",)),
        ({"service_tier": "default"}, ()),
    ],
)
def test_the_client_is_told_what_had_to_be_changed(given: Any, warnings: Any) -> None:
    assert request(**given).warnings == warnings


def test_a_model_known_not_to_think_is_not_asked_to() -> None:
    plain = target("mistral-small-latest", reasoning=ReasoningStyle.NONE)
    assert "reasoning_effort" not in sent(plain, reasoning_effort="high")


def test_tools_keep_what_mistral_knows_of_them() -> None:
    strange = {"type": "function", "function": {**FUNCTION, "strict": True, "x": 1}, "y": 2}
    assert said(tools=[strange, OTHER])["tools"] == [
        {"type": "function", "function": {**FUNCTION, "strict": True}},
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
        },
    ]


def test_no_tools_means_no_word_of_them() -> None:
    assert said(tools=[], tool_choice="auto", parallel_tool_calls=True) == {}


ALLOWED = [{"type": "function", "function": {"name": "g"}}]


@pytest.mark.parametrize(
    ("choice", "written", "names"),
    [
        (None, None, ["f", "g"]),
        ("auto", "auto", ["f", "g"]),
        ("none", "none", ["f", "g"]),
        ("required", "any", ["f", "g"]),
        ("any", "any", ["f", "g"]),
        (
            {"type": "function", "function": {"name": "g"}},
            {"type": "function", "function": {"name": "g"}},
            ["f", "g"],
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": ALLOWED}},
            "auto",
            ["g"],
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": ALLOWED}},
            "any",
            ["g"],
        ),
    ],
)
def test_the_choice_of_a_tool_is_said_in_mistrals_words(
    choice: Any, written: Any, names: list[str]
) -> None:
    body = said(tools=[TOOL, OTHER], tool_choice=choice)
    assert body.get("tool_choice") == written
    assert [tool["function"]["name"] for tool in body["tools"]] == names


def test_parallel_calls_are_the_clients_choice_but_for_the_old_format() -> None:
    assert said(tools=[TOOL], parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in said(tools=[TOOL])
    assert said(functions=[FUNCTION])["parallel_tool_calls"] is False


def test_a_tool_that_mistral_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        sent(tools=[TOOL, {"type": "custom", "custom": {"name": "c"}}])
    assert (refused.value.param, refused.value.code) == ("tools[1].type", "unsupported_tool")


def test_a_tool_of_mistrals_own_travels_as_it_is() -> None:
    library = {"type": "document_library", "library_ids": ["l1"]}
    assert said(tools=[library])["tools"] == [library]


FATES = [
    ("web_search_options", {}, "refused"),
    ("modalities", ["audio"], "refused"),
    ("audio", {"voice": "x"}, "refused"),
    ("moderation", {"model": "x"}, "refused"),
    ("logit_bias", {"1": 2}, "sampling"),
    ("user", "u", "dropped"),
    ("safety_identifier", "u", "dropped"),
    ("store", True, "dropped"),
    ("verbosity", "low", "dropped"),
    ("prompt_cache_retention", "24h", "dropped"),
    ("something_new", 1, "dropped"),
    ("n", 2, "kept"),
    ("seed", 1, "kept"),
    ("logprobs", True, "kept"),
    ("safe_prompt", True, "kept"),
    ("reasoning_effort", "low", "kept"),
]


@pytest.mark.parametrize(("name", "value", "fate"), FATES, ids=[row[0] for row in FATES])
def test_every_field_has_its_fate(name: str, value: Any, fate: str) -> None:
    chat = read_chat({"messages": [HI], name: value})
    if fate == "refused":
        with pytest.raises(InvalidRequest) as refused:
            apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)
        assert refused.value.param == name
        return
    fitted, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)
    assert warnings == (() if fate == "kept" else (f"dropped: {name}",))
    if fate != "kept":
        assert name not in json.loads(PROVIDER.build_chat(fitted, target()).body)


def test_what_no_row_names_never_reaches_mistral_even_unfitted() -> None:
    assert said(user="u", store=True, logit_bias={"1": 2}, something_new=1) == {}


def test_the_key_is_a_bearer_token() -> None:
    signed = PROVIDER.authorize(request(), Credential(Secret("k")), 0.0)
    assert signed.headers[-1] == ("authorization", "Bearer k")


def embedded(**members: Any) -> list[Any]:
    job = read_embeddings({"input": "hi", **members})
    return [json.loads(built.body) for built in PROVIDER.build_embeddings(job, target("embed"))]


def test_embeddings_are_asked_for_as_numbers_in_mistrals_words() -> None:
    members = {"dimensions": 64, "encoding_format": "base64", "user": "u", "metadata": {"a": "b"}}
    assert embedded(**members) == [
        {"model": "embed", "input": "hi", "output_dimension": 64, "metadata": {"a": "b"}}
    ]


def test_embeddings_are_cut_by_count_and_by_size() -> None:
    assert [len(body["input"]) for body in embedded(input=["a"] * 1_000)] == [512, 488]
    long = ["word " * 2_000] * 10  # about 2,860 tokens each
    assert [len(body["input"]) for body in embedded(input=long)] == [4, 4, 2]
    assert embedded(input=["word " * 20_000])[0]["input"].startswith("word")


def test_embeddings_of_token_ids_are_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        embedded(input=[1, 2])
    assert refused.value.param == "input"
