"""Vendors that speak OpenAI's format with an accent."""

from typing import Any

import orjson
import pytest

from gateway.providers.base import Fate
from gateway.providers.compatible import VENDORS, complete_url
from gateway.types.models import ReasoningStyle
from tests.providers.openai_scene import USER, chat, provider, sent, target

ANSWER = {"role": "assistant", "content": "x", "reasoning_content": "hm"}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
    "extra_content": {"google": {"thought_signature": "s"}},
}


def replayed(name: str, message: Any) -> Any:
    return sent(name, USER, message)["messages"][1]


@pytest.mark.parametrize("name", VENDORS)
def test_every_row_is_complete(name: str) -> None:
    vendor = VENDORS[name]

    assert vendor.name == name
    assert vendor.base_url is None or not vendor.base_url.endswith("/")
    assert vendor.base_url is None or vendor.base_url.startswith(
        "https://" if vendor.key_required else "http"
    )
    assert provider(name).fates["*"] in Fate


@pytest.mark.parametrize("name", [n for n, vendor in VENDORS.items() if vendor.base_url])
def test_the_vendors_own_address_is_used_as_it_is(name: str) -> None:
    base_url = VENDORS[name].base_url
    assert base_url is not None

    request = provider(name).build_chat(chat(), target(name, base_url))

    assert request.url == base_url + "/chat/completions"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://h.example", "https://h.example/v1/chat/completions"),
        ("https://h.example/", "https://h.example/v1/chat/completions"),
        ("https://h.example/v1", "https://h.example/v1/chat/completions"),
        ("https://h.example/v1/", "https://h.example/v1/chat/completions"),
        ("https://h.example/openai/v1", "https://h.example/openai/v1/chat/completions"),
        ("https://h.example/api/v1", "https://h.example/api/v1/chat/completions"),
        ("https://h.example/api/paas/v4", "https://h.example/api/paas/v4/chat/completions"),
        ("https://h.example/beta", "https://h.example/beta/chat/completions"),
        ("https://h.example/v1beta/openai", "https://h.example/v1beta/openai/chat/completions"),
        ("https://h.example/serve", "https://h.example/serve/v1/chat/completions"),
        ("https://h.example/a/chat/completions", "https://h.example/a/chat/completions"),
        ("https://h.example:8443/v1?k=1", "https://h.example:8443/v1/chat/completions?k=1"),
        ("http://[::1]:11434", "http://[::1]:11434/v1/chat/completions"),
    ],
)
def test_an_endpoint_typed_by_hand_is_completed(endpoint: str, expected: str) -> None:
    assert complete_url(endpoint) == expected
    own = provider("openai_compatible")
    assert own.build_chat(chat(), target("openai_compatible", endpoint)).url == expected
    models = expected.replace("/chat/completions", "/models")
    assert own.build_probe(target("openai_compatible", endpoint)).url == models


@pytest.mark.parametrize(
    ("name", "path"), [("groq", "/models"), ("openrouter", "/key"), ("ollama", "/models")]
)
def test_a_probe_is_a_get_that_only_a_key_may_make(name: str, path: str) -> None:
    probe = provider(name).build_probe(target(name))

    assert (probe.method, probe.url, probe.body) == ("GET", "https://up.example/v1" + path, b"")


@pytest.mark.parametrize("name", ["perplexity", "huggingface"])
def test_where_no_such_get_exists_the_probe_is_one_token(name: str) -> None:
    probe = provider(name).build_probe(target(name))

    assert (probe.method, probe.url) == ("POST", "https://up.example/v1/chat/completions")
    assert orjson.loads(probe.body)["max_tokens"] == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deepseek", {"reasoning_content": "hm"}),
        ("zai", {"reasoning_content": "hm"}),
        ("cerebras", {"reasoning": "hm"}),
        ("ollama", {"reasoning": "hm"}),
        ("openrouter", {"reasoning": "hm"}),
        ("vllm", {"reasoning_content": "hm", "reasoning": "hm"}),
        ("openai_compatible", {"reasoning_content": "hm"}),
        ("groq", {}),
        ("openai", {}),
        ("perplexity", {}),
    ],
)
def test_earlier_reasoning_goes_back_in_the_vendors_words(name: str, expected: Any) -> None:
    assert replayed(name, ANSWER) == {"role": "assistant", "content": "x", **expected}


def test_details_go_back_only_to_where_they_came_from() -> None:
    theirs = {
        "type": "reasoning.text",
        "text": "a",
        "signature": "s",
        "format": "anthropic-claude-v1",
    }
    ours = {"type": "thinking", "text": "b", "signature": "t", "format": "anthropic"}
    message = {"role": "assistant", "content": "x", "reasoning_details": [theirs, ours]}

    assert replayed("openrouter", message)["reasoning_details"] == [theirs]
    assert "reasoning_details" not in replayed("deepseek", message)


def test_cache_marks_stay_where_they_are_understood() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    message = {"role": "user", "content": [marked], "cache_control": {"type": "ephemeral"}}
    tool = {
        "type": "function",
        "function": {"name": "f"},
        "cache_control": {"type": "ephemeral"},
    }

    kept = sent("openrouter", message, tools=[tool])
    gone = sent("groq", message, tools=[tool])

    assert kept["messages"] == [message]
    assert kept["tools"] == [tool]
    assert b"cache_control" not in orjson.dumps(gone)


def test_signatures_on_calls_stay_where_they_are_understood() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}

    assert replayed("openai_compatible", message)["tool_calls"] == [CALL]
    assert "extra_content" not in replayed("groq", message)["tool_calls"][0]


def test_the_developer_role_becomes_system_where_it_is_not_known() -> None:
    message = {"role": "developer", "content": "be brief"}

    assert sent("deepseek", message, USER)["messages"][0]["role"] == "system"
    assert sent("openrouter", message, USER)["messages"][0]["role"] == "developer"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("deepseek", "max_tokens"),
        ("together", "max_tokens"),
        ("ollama", "max_tokens"),
        ("groq", "max_completion_tokens"),
        ("openrouter", "max_completion_tokens"),
        ("openai_compatible", "max_completion_tokens"),
    ],
)
def test_the_limit_is_spelled_as_the_vendor_wants_it(name: str, field: str) -> None:
    body = sent(name, max_completion_tokens=5)

    assert {n for n in body if n.startswith("max_")} == {field}


def test_xai_gets_no_penalty_of_zero() -> None:
    body = sent("xai", frequency_penalty=0, presence_penalty=0.5)

    assert "frequency_penalty" not in body
    assert body["presence_penalty"] == 0.5
    assert sent("groq", frequency_penalty=0)["frequency_penalty"] == 0


THINKING = {"type": "enabled", "budget_tokens": 2_000}


@pytest.mark.parametrize(
    ("name", "members", "expected"),
    [
        ("openrouter", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ("openrouter", {"thinking": THINKING}, {"reasoning": {"max_tokens": 2_000}}),
        ("openrouter", {"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False}}),
        ("openrouter", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        (
            "openrouter",
            {"reasoning": {"exclude": True}, "reasoning_effort": "low"},
            {"reasoning": {"exclude": True}, "reasoning_effort": "low"},
        ),
        ("deepseek", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "enabled"}}),
        ("zai", {"thinking": {"clear_thinking": False}}, {"thinking": {"clear_thinking": False}}),
        ("deepseek", {"reasoning": {"effort": "low"}}, {}),
        ("openai_compatible", {"thinking": THINKING}, {"thinking": THINKING}),
        ("openai_compatible", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ("groq", {"reasoning_effort": "default"}, {"reasoning_effort": "default"}),
        ("groq", {"thinking": THINKING}, {}),
    ],
)
def test_the_wish_to_think_is_said_in_the_vendors_words(
    name: str, members: Any, expected: Any
) -> None:
    body = sent(name, **members)

    assert {
        n: body[n] for n in ("reasoning", "thinking", "reasoning_effort") if n in body
    } == expected


def test_a_model_that_takes_an_effort_gets_one_from_a_foreign_wish() -> None:
    info = {"reasoning": ReasoningStyle.EFFORT}

    assert sent("groq", info=info, thinking=THINKING)["reasoning_effort"] == "low"


def test_vendor_members_are_carried() -> None:
    members = {"min_p": 0.1, "provider": {"only": ["x"]}, "top_k": 5, "chat_template_kwargs": {}}

    body = sent("openai_compatible", **members)

    assert {name: body[name] for name in members} == members
    assert provider("groq").fates["top_k"] is Fate.CARRIED
    assert provider("groq").fates["n"] is Fate.REFUSED
    assert provider("openai").fates["top_k"] is Fate.SAMPLING
