"""Anthropic: the request's envelope and its plain fields."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.fates import apply_fates
from gateway.types.account import UnsupportedPolicy
from gateway.types.secret import Secret
from gateway.types.upstream import Credential
from gateway.wire.chat_read import read_chat
from tests.providers.anthropic_scene import HI, PROVIDER, native, request, target


def test_the_smallest_request_is_complete() -> None:
    built = request({})

    assert (built.method, built.url) == ("POST", "https://api.anthropic.com/v1/messages")
    assert dict(built.headers) == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
    }
    assert not built.stream
    assert native({}) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://h.example/anthropic", "https://h.example/anthropic/v1/messages"),
        ("https://h.example/v1/", "https://h.example/v1/messages"),
    ],
)
def test_a_base_url_may_end_in_v1(base: str, url: str) -> None:
    assert request({}, target(base_url=base)).url == url


def test_the_newer_version_is_sent_without_sampling_values() -> None:
    newer = target(settings={"api_version": "2026-10-21"})
    body = {"temperature": 0.2, "top_p": 0.5, "top_k": 5, "stop": "x"}

    assert dict(request(body, newer).headers)["anthropic-version"] == "2026-10-21"
    assert native(body, newer).keys() == {"model", "max_tokens", "messages", "stop_sequences"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"temperature": 0}, {"temperature": 0}),
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"top_p": 0.3}, {"top_p": 0.3}),
        ({"top_k": 40}, {"top_k": 40}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", " ", "\n", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"stop": ["\n"]}, {}),
        ({"max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 8}, {"max_tokens": 8}),
        ({"stream": True}, {"stream": True}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"service_tier": "flex"}, {}),
        ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
        ({"safety_identifier": "s", "user": "u"}, {"metadata": {"user_id": "s"}}),
        ({"user": "ada@example.org"}, {}),
        ({"user": "+1 (555) 123-4567"}, {}),
        ({"user": "x" * 257}, {}),
        ({"container": "container_1"}, {"container": "container_1"}),
        ({"inference_geo": "us"}, {"inference_geo": "us"}),
        ({"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral"}}),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ({"output_config": {"effort": "low"}}, {"output_config": {"effort": "low"}}),
    ],
)
def test_plain_fields_are_written_in_anthropics_words(
    sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert native(sent) == {**native({}), **expected}


@pytest.mark.parametrize(
    ("model", "temperature", "expected"),
    [
        ("claude-sonnet-4-5", 0.5, {"temperature": 0.5}),
        ("claude-opus-4-1", 0.5, {"temperature": 0.5}),
        ("claude-opus-4-6", 1, {"top_p": 0.9}),
        ("claude-sonnet-4-0", 0.5, {"temperature": 0.5, "top_p": 0.9}),
        ("glm-5", 0.5, {"temperature": 0.5, "top_p": 0.9}),
    ],
)
def test_models_that_take_one_sampling_value_get_one(
    model: str, temperature: float, expected: dict[str, float]
) -> None:
    body = native({"temperature": temperature, "top_p": 0.9}, target(model))

    assert {name: body[name] for name in ("temperature", "top_p") if name in body} == expected


def test_the_default_of_max_tokens_is_the_models_own() -> None:
    assert native({}, target(max_output=64000))["max_tokens"] == 64000


def test_a_long_answer_is_fetched_as_a_stream_even_for_a_client_that_does_not_stream() -> None:
    assert not request({"max_tokens": 21_333}).stream
    assert request({"max_tokens": 21_334}).stream
    assert native({"max_tokens": 21_334})["stream"] is True
    assert not request({}, target(max_output=64000)).stream


@pytest.mark.parametrize(
    ("body", "betas"),
    [
        ({"anthropic_beta": ["a-1", "b-2"]}, "a-1,b-2"),
        ({"anthropic_beta": "a-1, b-2 ,a-1"}, "a-1,b-2"),
        ({"anthropic_beta": ["evil\r\nx: y", 7]}, None),
        ({"speed": "fast"}, "fast-mode-2026-02-01"),
        ({"mcp_servers": [{"name": "m"}]}, "mcp-client-2025-04-04"),
        (
            {"context_management": {"edits": [{"type": "compact_20260112"}]}},
            "context-management-2025-06-27,compact-2026-01-12",
        ),
        (
            {"output_config": {"task_budget": {"type": "tokens", "total": 9}}},
            "task-budgets-2026-03-13",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}
                ]
            },
            "files-api-2025-04-14",
        ),
    ],
)
def test_beta_features_are_named_in_one_header(body: dict[str, Any], betas: str | None) -> None:
    assert dict(request(body).headers).get("anthropic-beta") == betas


def test_a_key_is_sent_as_x_api_key_and_a_login_as_bearer() -> None:
    built = request({"anthropic_beta": "a-1"})

    keyed = PROVIDER.authorize(built, Credential(Secret("sk-ant-api03-x")), 0.0)
    logged_in = PROVIDER.authorize(built, Credential(Secret("sk-ant-oat01-x")), 0.0)

    assert dict(keyed.headers)["x-api-key"] == "sk-ant-api03-x"
    assert "authorization" not in dict(keyed.headers)
    assert dict(logged_in.headers)["authorization"] == "Bearer sk-ant-oat01-x"
    assert dict(logged_in.headers)["anthropic-beta"] == "a-1,oauth-2025-04-20"
    assert [name for name, _ in logged_in.headers].count("anthropic-beta") == 1
    assert keyed.body == logged_in.body == built.body
    assert "sk-ant" not in repr(keyed) + repr(logged_in)
    assert PROVIDER.authorize(built, None, 0.0) == built


def test_configured_headers_join_those_of_the_request() -> None:
    built = request({"anthropic_beta": ["a-1", "b-2"]})
    configured = built.with_headers(
        ("Anthropic-Beta", "z-9,a-1"), ("anthropic-version", "2026-10-21"), ("x-team", "t")
    )

    sent = PROVIDER.authorize(configured, Credential(Secret("sk-ant-api03-x")), 0.0)

    assert sorted(sent.headers) == [
        ("anthropic-beta", "a-1,b-2,z-9"),
        ("anthropic-version", "2026-10-21"),
        ("content-type", "application/json"),
        ("x-api-key", "sk-ant-api03-x"),
        ("x-team", "t"),
    ]
    assert sent.body == built.body


def test_the_probe_lists_one_model() -> None:
    probe = PROVIDER.build_probe(target(base_url="https://api.anthropic.com/v1"))

    assert (probe.method, probe.url) == ("GET", "https://api.anthropic.com/v1/models?limit=1")
    assert dict(probe.headers) == {"anthropic-version": "2023-06-01"}
    assert probe.body == b""


@pytest.mark.parametrize(
    ("field", "value", "outcome"),
    [
        ("seed", 1, "dropped"),
        ("metadata", {"a": "b"}, "dropped"),
        ("prediction", {"type": "content", "content": "x"}, "dropped"),
        ("verbosity", "low", "dropped"),
        ("some_new_field", 1, "dropped"),
        ("logit_bias", {"5": 1}, "dropped"),
        ("frequency_penalty", 0.5, "dropped"),
        ("presence_penalty", 0.5, "dropped"),
        ("n", 2, "refused"),
        ("logprobs", True, "refused"),
        ("modalities", ["text", "audio"], "refused"),
        ("audio", {"voice": "alloy", "format": "wav"}, "refused"),
        ("n", 1, "silent"),
        ("store", False, "silent"),
        ("user", "u", "sent"),
        ("service_tier", "auto", "sent"),
        ("top_k", 5, "sent"),
        ("container", "c", "sent"),
        ("mcp_servers", [{"name": "m"}], "sent"),
    ],
)
def test_every_field_has_its_fate(field: str, value: Any, outcome: str) -> None:
    chat = read_chat({"model": "m", "messages": HI, field: value})

    if outcome == "refused":
        with pytest.raises(InvalidRequest) as refusal:
            apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)
        assert refusal.value.param == field
        return
    applied, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)
    assert warnings == ((f"dropped: {field}",) if outcome == "dropped" else ())
    bare = read_chat({"model": "m", "messages": HI})
    assert (applied == bare) == (outcome in ("dropped", "silent"))


def test_sampling_that_anthropic_lacks_is_refused_under_strict() -> None:
    chat = read_chat({"model": "m", "messages": HI, "frequency_penalty": 0.5})

    with pytest.raises(InvalidRequest) as refusal:
        apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.STRICT)

    assert refusal.value.param == "frequency_penalty"
