from typing import Any

import orjson
import pytest

from gateway.errors import InvalidRequest
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.types.models import ReasoningStyle
from gateway.types.secret import Secret
from gateway.types.upstream import Credential
from gateway.wire.chat_read import read_chat
from tests.providers.cohere_scene import HI, PROVIDER, request, sent, target

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
OTHER = {"type": "function", "function": {"name": "g"}}


def refusal(**members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        sent(**members)
    return refused.value


@pytest.mark.parametrize(
    "base_url",
    ["https://api.cohere.com", "https://api.cohere.com/v2", "https://api.cohere.com/v1/"],
)
def test_the_address_is_v2_chat_whatever_version_the_base_has(base_url: str) -> None:
    built = request(target(base_url=base_url))
    assert (built.method, built.url) == ("POST", "https://api.cohere.com/v2/chat")
    probe = PROVIDER.build_probe(target(base_url=base_url))
    assert (probe.method, probe.url) == ("GET", "https://api.cohere.com/v1/models?page_size=1")


def test_a_plain_request_says_no_more_than_the_client() -> None:
    assert sent() == {"model": "command-a-03-2025", "messages": [HI], "stream": False}
    built = request(stream=True)
    assert built.stream
    assert sent(stream=True)["stream"] is True


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"top_p": 0.5}, {"p": 0.5}),
        ({"top_p": 1}, {"p": 0.99}),
        ({"top_p": 0}, {"p": 0.01}),
        ({"top_k": 40}, {"k": 40}),
        ({"top_k": 900}, {"k": 500}),
        ({"top_k": -1}, {"k": 0}),
        ({"seed": 7}, {"seed": 7}),
        ({"seed": -3}, {"seed": 2**64 - 3}),
        ({"frequency_penalty": 0, "presence_penalty": 0.5}, {"presence_penalty": 0.5}),
        ({"frequency_penalty": 0.5, "presence_penalty": -1}, {"frequency_penalty": 0.5}),
        ({"frequency_penalty": 0, "presence_penalty": 0}, {}),
        ({"frequency_penalty": 0}, {"frequency_penalty": 0}),
        ({"documents": []}, {}),
        ({"strict_tools": True}, {}),
        ({"frequency_penalty": 0.4}, {"frequency_penalty": 0.4}),
        ({"frequency_penalty": -1}, {"frequency_penalty": 0}),
        ({"presence_penalty": 1.5}, {"presence_penalty": 1}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"logprobs": False}, {}),
        ({"response_format": {"type": "text"}}, {}),
        (
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_object"}},
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "strict": True, "schema": SCHEMA},
                }
            },
            {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
        ),
        ({"documents": ["a", {"data": {"t": 1}}]}, {"documents": ["a", {"data": {"t": 1}}]}),
        ({"citation_options": {"mode": "FAST"}}, {"citation_options": {"mode": "FAST"}}),
        ({"safety_mode": "STRICT", "priority": 1}, {"safety_mode": "STRICT", "priority": 1}),
    ],
)
def test_every_member_has_its_place_and_range(given: Any, written: Any) -> None:
    body = sent(**given)
    for name in ("model", "messages", "stream"):
        del body[name]
    assert body == written


@pytest.mark.parametrize(
    ("given", "warnings"),
    [
        ({"temperature": 1.7}, ("changed: temperature (to 1)",)),
        ({"top_p": 1}, ("changed: top_p (to 0.99)",)),
        ({"top_k": 900}, ("changed: top_k (to 500)",)),
        ({"seed": -1}, (f"changed: seed (to {2**64 - 1})",)),
        ({"presence_penalty": -1}, ("changed: presence_penalty (to 0)",)),
        ({"frequency_penalty": -1, "presence_penalty": 0}, ("dropped: frequency_penalty",)),
        ({"frequency_penalty": 0, "presence_penalty": 0}, ()),
        ({"temperature": 0, "top_p": 0.5, "top_k": 3, "seed": 1}, ()),
    ],
)
def test_the_client_is_told_what_had_to_be_changed(given: Any, warnings: Any) -> None:
    assert request(**given).warnings == warnings


def test_a_limit_beyond_the_models_own_is_lowered() -> None:
    small = target(max_output=8000)
    built = request(small, max_tokens=16384)
    assert orjson.loads(built.body)["max_tokens"] == 8000
    assert built.warnings == ("changed: max_tokens (to 8000)",)
    assert request(small, max_tokens=8000).warnings == ()
    assert "max_tokens" not in sent(small)


JSON_MODE: dict[str, Any] = {"type": "json_object"}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


@pytest.mark.parametrize("beside", [{"tools": [TOOL]}, {"documents": ["d"]}])
def test_json_beside_tools_or_documents_is_asked_for_in_words(beside: Any) -> None:
    system = {"role": "system", "content": "s"}
    built = request(messages=[system, HI], response_format=JSON_SCHEMA, **beside)
    body = orjson.loads(built.body)
    assert "response_format" not in body
    assert built.warnings == ("changed: response_format (asked for in words)",)
    first, words, last = body["messages"]
    assert (first, last) == (system, HI)
    assert words["role"] == "system"
    assert "one JSON object" in words["content"]
    assert words["content"].endswith(orjson.dumps(SCHEMA).decode())


def test_json_in_words_needs_no_schema_and_text_needs_no_words() -> None:
    [words, hi] = sent(tools=[TOOL], response_format=JSON_MODE)["messages"]
    assert hi == HI
    assert "Schema" not in words["content"]
    built = request(tools=[TOOL], response_format={"type": "text"})
    assert orjson.loads(built.body)["messages"] == [HI]
    assert built.warnings == ()
    assert sent(documents=[], response_format=JSON_MODE)["response_format"] == JSON_MODE


def test_tool_names_are_made_legal_and_stay_unique() -> None:
    names = ["get-weather", "get_weather", "get.weather", "2fast", "fine"]
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    written = [tool["function"]["name"] for tool in sent(tools=tools)["tools"]]
    assert written == ["get_weather_2", "get_weather", "get_weather_3", "_2fast", "fine"]
    one = sent(tools=tools, tool_choice={"type": "function", "function": {"name": "get-weather"}})
    assert [tool["function"]["name"] for tool in one["tools"]] == ["get_weather_2"]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({}, {"type": "object", "properties": {}}),
        (
            {"properties": {"a": {"type": "string"}}},
            {"properties": {"a": {"type": "string"}}, "type": "object"},
        ),
    ],
)
def test_parameters_are_always_an_object(given: Any, written: Any) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": given}}
    assert sent(tools=[tool])["tools"][0]["function"]["parameters"] == written


def test_more_stops_than_cohere_takes_are_refused() -> None:
    refused = refusal(stop=list("abcdef"))
    assert (refused.param, refused.code) == ("stop", "unsupported_parameter")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "minimal"}, {"type": "enabled", "token_budget": 512}),
        ({"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}),
        ({"reasoning_effort": "medium"}, {"type": "enabled", "token_budget": 8192}),
        ({"reasoning_effort": "high"}, {"type": "enabled", "token_budget": 16384}),
        ({"reasoning_effort": "max"}, {"type": "enabled"}),
        ({"reasoning": {"max_tokens": 99}}, {"type": "enabled", "token_budget": 99}),
        ({"thinking": {"type": "disabled"}}, {"type": "disabled"}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 77}},
            {"type": "enabled", "token_budget": 77},
        ),
        (
            {"thinking": {"type": "enabled", "token_budget": 88}},
            {"type": "enabled", "token_budget": 88},
        ),
        ({"thinking": {"type": "enabled"}}, {"type": "enabled"}),
        ({}, None),
    ],
)
def test_the_wish_to_think_is_said_in_coheres_words(given: Any, written: Any) -> None:
    reasoning = target("command-a-reasoning-08-2025")
    assert sent(reasoning, **given).get("thinking") == written


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("command-a-reasoning-08-2025", True),
        ("command-a-plus-05-2026", True),
        ("command-a-03-2025", False),
        ("command-r7b-12-2024", False),
        ("c4ai-aya-expanse-32b", False),
        ("my-deployment", True),
    ],
)
def test_only_models_that_may_think_are_asked_to(model: str, asked: bool) -> None:
    built = request(target(model), reasoning_effort="high")
    assert ("thinking" in orjson.loads(built.body)) is asked
    assert built.warnings == (() if asked else ("dropped: reasoning_effort",))
    quiet = request(target("command-a-03-2025"), reasoning_effort="none")
    assert "thinking" not in orjson.loads(quiet.body)
    assert quiet.warnings == ()


def test_what_the_catalogue_knows_of_thinking_wins_over_the_name() -> None:
    thinks = target("command-a-03-2025", reasoning=ReasoningStyle.BUDGET)
    assert sent(thinks, reasoning_effort="high")["thinking"]["type"] == "enabled"


def test_a_model_known_not_to_think_is_not_asked_to() -> None:
    plain = target("command-a-reasoning-08-2025", reasoning=ReasoningStyle.NONE)
    assert "thinking" not in sent(plain, reasoning_effort="high")


def test_function_tools_keep_their_shape() -> None:
    strange = {**TOOL, "cache_control": {"type": "ephemeral"}}
    assert sent(tools=[strange, OTHER])["tools"] == [
        TOOL,
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
        },
    ]


def test_a_strict_tool_makes_all_of_them_strict() -> None:
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}  # type: ignore[dict-item]
    body = sent(tools=[strict, OTHER])
    assert body["strict_tools"] is True
    assert "strict" not in body["tools"][0]["function"]
    assert "strict_tools" not in sent(tools=[TOOL])


@pytest.mark.parametrize(
    ("choice", "written", "names"),
    [
        (None, None, ["f", "g"]),
        ("auto", None, ["f", "g"]),
        ("none", "NONE", ["f", "g"]),
        ("required", "REQUIRED", ["f", "g"]),
        ({"type": "function", "function": {"name": "g"}}, "REQUIRED", ["g"]),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            None,
            ["f"],
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            "REQUIRED",
            ["f"],
        ),
    ],
)
def test_the_choice_of_a_tool_is_said_in_coheres_words(
    choice: Any, written: str | None, names: list[str]
) -> None:
    body = sent(tools=[TOOL, OTHER], tool_choice=choice)
    assert body.get("tool_choice") == written
    assert [tool["function"]["name"] for tool in body["tools"]] == names


def test_a_choice_without_tools_says_nothing() -> None:
    assert sent(tool_choice="none").keys() == {"model", "messages", "stream"}


def test_a_choice_that_names_no_tool_is_refused() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "zzz"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    assert (refusal(tools=[TOOL], tool_choice=choice).param or "").startswith("tool_choice")


def test_a_tool_that_is_no_function_is_refused() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    refused = refusal(tools=[TOOL, custom])
    assert (refused.param, refused.code) == ("tools[1].type", "unsupported_tool")


FATES = [
    ("n", 2, "refused"),
    ("top_logprobs", 2, "refused"),
    ("web_search_options", {}, "refused"),
    ("modalities", ["audio"], "refused"),
    ("audio", {"voice": "x"}, "refused"),
    ("moderation", {"model": "x"}, "refused"),
    ("logit_bias", {"1": 2}, "sampling"),
    ("parallel_tool_calls", False, "dropped"),
    ("user", "u", "dropped"),
    ("metadata", {"a": "b"}, "dropped"),
    ("store", True, "dropped"),
    ("service_tier", "flex", "dropped"),
    ("verbosity", "low", "dropped"),
    ("prediction", {"type": "content", "content": "x"}, "dropped"),
    ("something_new", 1, "dropped"),
    ("seed", 1, "kept"),
    ("logprobs", True, "kept"),
    ("documents", ["a"], "kept"),
    ("reasoning_effort", "low", "kept"),
]


@pytest.mark.parametrize(("name", "value", "fate"), FATES, ids=[row[0] for row in FATES])
def test_every_field_has_its_fate(name: str, value: Any, fate: str) -> None:
    body = {"messages": [HI], name: value}
    if name == "top_logprobs":
        body["logprobs"] = True
    chat = read_chat(body)
    if fate == "refused":
        with pytest.raises(InvalidRequest) as refused:
            apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)
        assert refused.value.param == name
        return
    fitted, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)
    assert warnings == (() if fate == "kept" else (f"dropped: {name}",))
    if fate != "kept":
        assert name not in orjson.loads(PROVIDER.build_chat(fitted, target()).body)
    if fate == "sampling":
        with pytest.raises(InvalidRequest):
            apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.STRICT)


def test_the_key_is_a_bearer_token() -> None:
    signed = PROVIDER.authorize(request(), Credential(Secret("k")), 0.0)
    assert signed.headers[-1] == ("authorization", "Bearer k")
    bare = request()
    assert PROVIDER.authorize(bare, None, 0.0) is bare
