"""Google: the request's own values, from OpenAI's fields to `generationConfig` and beside it."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.base import Fate
from gateway.providers.fates import apply_fates
from gateway.types.account import UnsupportedPolicy
from gateway.wire.chat_read import read_chat
from tests.providers.google_scene import (
    GEMINI,
    HI,
    VERTEX,
    config,
    native,
    on_vertex,
    request,
    target,
)

F = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


def test_a_plain_request_is_sent_bare() -> None:
    sent = request({})

    assert (sent.method, sent.headers) == ("POST", (("content-type", "application/json"),))
    assert sent.url == (
        "https://generativelanguage.googleapis.com/v1beta"
        "/models/gemini-3-flash-preview:generateContent"
    )
    assert sent.body == b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    assert not sent.stream


def test_a_stream_is_asked_for_as_events_and_not_in_the_body() -> None:
    sent = request({"stream": True, "stream_options": {"include_usage": True}})

    assert sent.url.endswith(":streamGenerateContent?alt=sse")
    assert b"stream" not in sent.body
    assert sent.stream


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_tokens": 7}, {"maxOutputTokens": 7}),
        ({"max_completion_tokens": 8}, {"maxOutputTokens": 8}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5}, {"topP": 0.5}),
        ({"top_k": 4}, {"topK": 4}),
        ({"n": 2}, {"candidateCount": 2}),
        ({"stop": "x"}, {"stopSequences": ["x"]}),
        ({"stop": ["x", ""]}, {"stopSequences": ["x"]}),
        ({"seed": 5}, {"seed": 5}),
        ({"frequency_penalty": -1}, {"frequencyPenalty": -1}),
        ({"presence_penalty": 2}, {"presencePenalty": 1.99}),
        ({"logprobs": True}, {"responseLogprobs": True}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"logprobs": False}, {}),
        ({"modalities": ["text"]}, {"responseModalities": ["TEXT"]}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        (
            {"response_format": JSON_SCHEMA},
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
        (
            {"modalities": ["text", "audio"], "audio": {"voice": "Kore", "format": "wav"}},
            {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            },
        ),
    ],
    ids=str,
)
def test_a_value_is_sent_in_googles_words(given: dict[str, Any], sent: dict[str, Any]) -> None:
    assert config(given) == sent


def test_a_seed_is_brought_within_32_bits_and_the_client_is_told() -> None:
    sent = request({"seed": 2**31 + 3})

    assert b'"seed":3' in sent.body
    assert sent.warnings == ("changed: seed (to 3)",)


def test_older_models_get_the_answers_schema_in_the_subset() -> None:
    found = config({"response_format": JSON_SCHEMA}, "gemini-1.5-pro")

    assert found == {"responseMimeType": "application/json", "responseSchema": SCHEMA}


@pytest.mark.parametrize(
    ("model", "is_native"),
    [
        ("gemini-2.0-flash", False),
        ("gemini-2.5-pro", False),
        ("gemini-3-pro-preview", True),
        ("gemini-4-argon", True),
    ],
)
def test_json_beside_tools_is_asked_for_in_words_where_it_would_be_refused(
    model: str, is_native: bool
) -> None:
    sent = request({"response_format": JSON_SCHEMA, "tools": [F]}, target(model))
    body = native({"response_format": JSON_SCHEMA, "tools": [F]}, target(model))

    assert ("responseMimeType" in body.get("generationConfig", {})) == is_native
    words = body.get("systemInstruction", {"parts": [{"text": ""}]})["parts"][-1]["text"]
    assert ('"properties":{"a":' in words) == (not is_native)
    told = ("changed: response_format (asked for in words)",)
    assert sent.warnings == (() if is_native else told)


def test_the_fourth_generation_is_spared_what_it_ignores_or_refuses() -> None:
    given = {"temperature": 0.5, "top_p": 0.4, "top_k": 3, "frequency_penalty": 1, "seed": 1}
    sent = request(given, target("gemini-4-argon"))

    assert sent.body.endswith(b'"generationConfig":{"seed":1}}')
    names = ("temperature", "top_p", "top_k", "frequency_penalty")
    assert sent.warnings == tuple(f"dropped: {name}" for name in names)


@pytest.mark.parametrize("tier", ["flex", "priority", "standard"])
def test_a_service_tier_is_in_the_body_or_in_vertexs_header(tier: str) -> None:
    assert native({"service_tier": tier})["serviceTier"] == tier

    sent = request({"service_tier": tier}, on_vertex())
    assert b"serviceTier" not in sent.body
    assert ("x-vertex-ai-llm-shared-request-type", tier) in sent.headers


@pytest.mark.parametrize("tier", ["auto", "default"])
def test_the_usual_service_tier_is_not_sent(tier: str) -> None:
    assert "serviceTier" not in native({"service_tier": tier})


SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


@pytest.mark.parametrize(
    "spelled",
    [
        {"safety_settings": SAFETY},
        {"safetySettings": SAFETY},
        {"google": {"safety_settings": SAFETY}},
        {"extra_body": {"google": {"safetySettings": SAFETY}}},
    ],
    ids=str,
)
def test_googles_own_members_are_taken_in_every_spelling(spelled: dict[str, Any]) -> None:
    assert native(spelled)["safetySettings"] == SAFETY


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"cached_content": "cachedContents/x"}, "cachedContent"),
        ({"labels": {"team": "a"}}, "labels"),
        ({"model_armor_config": {"promptTemplateName": "t"}}, "modelArmorConfig"),
        ({"continuation_token": "t"}, "continuationToken"),
    ],
)
def test_members_beside_the_contents_are_carried(given: dict[str, Any], name: str) -> None:
    assert native(given)[name] == next(iter(given.values()))


def test_googles_own_config_goes_before_ours_member_by_member() -> None:
    given = {
        "temperature": 0.1,
        "max_tokens": 9,
        "reasoning_effort": "low",
        "generation_config": {"temperature": 0.7, "media_resolution": "MEDIA_RESOLUTION_LOW"},
        "thinking_config": {"thinkingLevel": "HIGH"},
        "image_config": {"aspectRatio": "1:1"},
    }

    assert config(given) == {
        "temperature": 0.7,
        "maxOutputTokens": 9,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "thinkingConfig": {"thinkingLevel": "HIGH"},
        "imageConfig": {"aspectRatio": "1:1"},
    }


def test_googles_own_tool_config_is_merged_with_ours() -> None:
    location = {"latLng": {"latitude": 1, "longitude": 2}}
    given = {"tools": [F], "tool_choice": "required", "tool_config": {"retrieval_config": location}}

    assert native(given)["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY"},
        "retrievalConfig": location,
    }


def test_the_first_gemmas_get_the_system_prompt_in_the_users_turn() -> None:
    messages = [{"role": "system", "content": "be kind"}, *HI]
    sent = native({"messages": messages}, target("gemma-3-27b-it"))

    assert sent == {"contents": [{"role": "user", "parts": [{"text": "be kind"}, {"text": "hi"}]}]}
    assert "systemInstruction" in native({"messages": messages}, target("gemma-4-31b-it"))


def test_the_first_gemmas_are_asked_for_json_in_words() -> None:
    sent = native({"response_format": {"type": "json_object"}}, target("gemma-3-27b-it"))

    assert "generationConfig" not in sent
    assert "JSON object" in sent["contents"][0]["parts"][0]["text"]


def fitted(body: dict[str, Any], policy: UnsupportedPolicy) -> tuple[dict[str, Any], list[str]]:
    chat, warnings = apply_fates(read_chat({"model": "m", "messages": HI, **body}), FATES, policy)
    return dict(chat.extra), list(warnings)


FATES = GEMINI.fates


def test_advice_is_dropped_with_a_word_and_what_changes_the_answer_is_refused() -> None:
    advice = {"user": "u", "metadata": {"a": "b"}, "verbosity": "low", "parallel_tool_calls": False}
    _, warnings = fitted(advice, UnsupportedPolicy.LENIENT)
    assert sorted(warnings) == sorted(f"dropped: {name}" for name in advice)

    assert fitted({"logit_bias": {"1": 5}}, UnsupportedPolicy.LENIENT)[1] == ["dropped: logit_bias"]
    with pytest.raises(InvalidRequest):
        fitted({"logit_bias": {"1": 5}}, UnsupportedPolicy.STRICT)
    with pytest.raises(InvalidRequest):
        fitted({"moderation": {"x": 1}}, UnsupportedPolicy.LENIENT)


def test_every_extension_survives_the_fates_of_both_services() -> None:
    for fates in (GEMINI.fates, VERTEX.fates):
        assert {fates[name] for name in ("safety_settings", "thinkingConfig", "google")} == {
            Fate.CARRIED
        }
        assert fates["*"] is Fate.DROPPED
