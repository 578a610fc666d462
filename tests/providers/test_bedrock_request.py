"""Bedrock: the request (address, sampling values, members of Converse's own, thinking)."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.base import Fate
from gateway.providers.fates import apply_fates
from gateway.types.account import UnsupportedPolicy
from gateway.types.models import ReasoningStyle
from gateway.wire.chat_read import read_chat
from tests.providers.bedrock_scene import (
    CLAUDE,
    CLAUDE_3,
    CLAUDE_5,
    GPT_OSS,
    HI,
    LLAMA,
    NOVA,
    NOVA_2,
    PROVIDER,
    TITAN,
    UNKNOWN,
    native,
    request,
    target,
)


def test_the_plainest_request_holds_only_its_messages() -> None:
    assert native({}) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_a_stream_is_another_address_and_no_member() -> None:
    plain, stream = request({}), request({"stream": True})

    assert plain.url.endswith("/converse")
    assert stream.url.endswith("/converse-stream")
    assert plain.body == stream.body
    assert (plain.stream, stream.stream) == (False, True)
    assert dict(plain.headers) == {
        "content-type": "application/json",
        "accept": "application/json",
    }
    assert dict(stream.headers)["accept"] == "application/vnd.amazon.eventstream"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("anthropic.claude-v2:1", "anthropic.claude-v2%3A1"),
        (
            "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.x-1:0",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A000000000000%3Ainference-profile%2Fus.x-1%3A0",
        ),
    ],
)
def test_the_model_is_one_encoded_piece_of_the_path(model: str, path: str) -> None:
    assert request({}, model).url == (
        f"https://bedrock-runtime.eu-west-1.amazonaws.com/model/{path}/converse"
    )


@pytest.mark.parametrize(
    "model", ["..", ".", "", "a b", "a?b", "a%2Fb", "\u00e9", "a" * 2049, "/x"]
)
def test_a_name_that_no_model_can_have_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        request({}, target(model))

    assert (refusal.value.param, refusal.value.code) == ("model", "model_not_found")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "bedrock-runtime.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
        ("us-isob-east-1", "bedrock-runtime.us-isob-east-1.sc2s.sgov.gov"),
    ],
)
def test_the_host_is_made_from_the_region(region: str, host: str) -> None:
    assert request({}, target("m.x", settings={"region": region})).url.startswith(
        f"https://{host}/model/"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"region": ""},
        {"region": "evil.example/"},
        {"region": "us-east-1.evil"},
        {"region": "x"},
    ],
)
def test_without_a_region_nothing_is_guessed(settings: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        request({}, target(settings=settings))

    assert "names no AWS region" in refusal.value.message


def test_the_operators_base_url_wins() -> None:
    built = request({}, target("m.x", base_url="http://127.0.0.1:9/bedrock/"))
    fips = "https://bedrock-runtime-fips.{region}.amazonaws.com"

    assert built.url == "http://127.0.0.1:9/bedrock/model/m.x/converse"
    assert request({}, target("m.x", base_url=fips)).url == (
        "https://bedrock-runtime-fips.eu-west-1.amazonaws.com/model/m.x/converse"
    )


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("", "https://bedrock.eu-west-1.amazonaws.com/foundation-models?byProvider=amazon"),
        (
            "https://bedrock-runtime-fips.{region}.amazonaws.com",
            "https://bedrock-fips.eu-west-1.amazonaws.com/foundation-models?byProvider=amazon",
        ),
        ("http://h:1/bedrock", "http://h:1/bedrock/foundation-models?byProvider=amazon"),
    ],
)
def test_the_probe_asks_the_control_plane(base_url: str, url: str) -> None:
    probe = PROVIDER.build_probe(target(base_url=base_url))

    assert (probe.method, probe.url, probe.body) == ("GET", url, b"")


def test_sampling_values_have_their_own_names_and_range() -> None:
    body = native(
        {"max_tokens": 9, "temperature": 1.5, "top_p": 0.5, "stop": ["\nX:", ""]}, CLAUDE_3
    )

    assert body["inferenceConfig"] == {
        "maxTokens": 9,
        "temperature": 1,
        "topP": 0.5,
        "stopSequences": ["\nX:"],
    }


def test_max_completion_tokens_is_the_same() -> None:
    assert native({"max_completion_tokens": 7})["inferenceConfig"] == {"maxTokens": 7}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"top_k": 5}),
        (NOVA, {"inferenceConfig": {"topK": 5}}),
        (NOVA_2, {"inferenceConfig": {"topK": 5}}),
        (UNKNOWN, {"top_k": 5}),
        (LLAMA, None),
        (TITAN, None),
    ],
)
def test_top_k_goes_where_the_family_reads_it(model: str, fields: dict[str, Any] | None) -> None:
    assert native({"top_k": 5}, model).get("additionalModelRequestFields") == fields


def test_of_two_sampling_values_newer_claudes_take_one() -> None:
    both = {"temperature": 0.2, "top_p": 0.9}

    assert native(both, CLAUDE)["inferenceConfig"] == {"temperature": 0.2}
    assert native({**both, "temperature": 1}, CLAUDE)["inferenceConfig"] == {"topP": 0.9}
    assert native(both, CLAUDE_3)["inferenceConfig"] == {"temperature": 0.2, "topP": 0.9}
    assert native(both, NOVA)["inferenceConfig"] == {"temperature": 0.2, "topP": 0.9}


@pytest.mark.parametrize(
    ("effort", "model", "fields"),
    [
        ("low", CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("high", CLAUDE, {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        ("none", CLAUDE, None),
        ("none", CLAUDE_5, {"thinking": {"type": "disabled"}}),
        (
            "high",
            "us.anthropic.claude-opus-4-6-v1:0",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (
            "xhigh",
            CLAUDE_5,
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "xhigh"},
            },
        ),
        ("high", CLAUDE_3, None),
        ("high", "anthropic.claude-v2:1", None),
        ("minimal", NOVA_2, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (
            "medium",
            NOVA_2,
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        ),
        ("none", NOVA_2, None),
        ("high", NOVA, None),
        ("medium", GPT_OSS, {"reasoning_effort": "medium"}),
        ("max", GPT_OSS, {"reasoning_effort": "high"}),
        ("medium", "moonshot.kimi-k2-thinking", {"reasoning_effort": "low"}),
        ("high", LLAMA, None),
        ("high", UNKNOWN, None),
    ],
)
def test_effort_in_the_words_of_each_family(
    effort: str, model: str, fields: dict[str, Any] | None
) -> None:
    body = native({"reasoning_effort": effort}, model)

    assert body.get("additionalModelRequestFields") == fields


@pytest.mark.parametrize(
    ("style", "fields"),
    [
        (ReasoningStyle.BUDGET, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (
            ReasoningStyle.ADAPTIVE,
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "medium"},
            },
        ),
        (ReasoningStyle.EFFORT, {"reasoning_effort": "medium"}),
        (ReasoningStyle.NONE, None),
        (None, None),
    ],
)
def test_what_is_known_of_a_nameless_model_decides(
    style: ReasoningStyle | None, fields: dict[str, Any] | None
) -> None:
    body = native({"reasoning_effort": "medium"}, target(UNKNOWN, reasoning=style))

    assert body.get("additionalModelRequestFields") == fields


def test_thinking_as_the_client_wrote_it_goes_to_claude_unchanged() -> None:
    given = {"type": "enabled", "budget_tokens": 10000}
    body = native({"thinking": given, "temperature": 0.5, "top_k": 3, "top_p": 0.96})

    assert body["additionalModelRequestFields"] == {"thinking": given}
    assert body["inferenceConfig"] == {"topP": 0.96}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, None),
        ("us.anthropic.claude-opus-4-6-v1:0", {"output_config": {"effort": "high"}}),
        (
            CLAUDE_5,
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
            },
        ),
    ],
)
def test_a_demanded_call_goes_before_advice_to_think(
    model: str, fields: dict[str, Any] | None
) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    asked = {"tools": tools, "tool_choice": "required", "reasoning_effort": "high"}
    body = native(asked, model)

    assert body.get("additionalModelRequestFields") == fields
    assert body["toolConfig"]["toolChoice"] == {"any": {}}


def test_a_budget_is_an_effort_where_there_are_no_budgets() -> None:
    body = native({"reasoning": {"max_tokens": 4000}}, NOVA_2)

    assert body["additionalModelRequestFields"]["reasoningConfig"]["maxReasoningEffort"] == "medium"


def test_nova_thinking_at_full_effort_takes_no_limits() -> None:
    asked = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 4, "stop": "X"}
    high = native({"reasoning_effort": "high", **asked}, NOVA_2)
    low = native({"reasoning_effort": "low", **asked}, NOVA_2)

    assert high["inferenceConfig"] == {"stopSequences": ["X"]}
    assert "inferenceConfig" not in high["additionalModelRequestFields"]
    assert low["inferenceConfig"]["maxTokens"] == 9


def test_the_budget_stays_below_the_clients_maximum() -> None:
    fields = native({"reasoning_effort": "high", "max_tokens": 2000})[
        "additionalModelRequestFields"
    ]
    tiny = native({"reasoning_effort": "high", "max_tokens": 500})

    assert fields["thinking"] == {"type": "enabled", "budget_tokens": 1999}
    assert "additionalModelRequestFields" not in tiny


def test_members_of_anthropics_own_go_to_claude() -> None:
    body = native(
        {
            "anthropic_beta": ["context-1m-2025-08-07", "a"],
            "output_config": {"effort": "low"},
        }
    )
    other = native({"anthropic_beta": "a", "output_config": {"effort": "low"}}, NOVA)

    assert body["additionalModelRequestFields"] == {
        "anthropic_beta": ["context-1m-2025-08-07", "a"],
        "output_config": {"effort": "low"},
    }
    assert "additionalModelRequestFields" not in other


def test_bound_thinking_is_dropped_not_refused_when_its_context_has_changed() -> None:
    thought = {"type": "thinking", "text": "t", "signature": "s", "format": "bedrock"}
    history = [
        *HI,
        {"role": "assistant", "content": "a", "reasoning_details": [thought]},
        *HI,
    ]
    body = native({"messages": history}, "us.anthropic.claude-opus-5-5")

    assert body["additionalModelRequestFields"] == {
        "thinking": {
            "type": "adaptive",
            "block_binding": {"prefix_mismatch_behavior": "drop_block"},
        },
        "anthropic_beta": ["thinking-binding-controls-2026-08-01"],
    }


def test_members_of_converses_own_are_laid_over_ours() -> None:
    given = {
        "additionalModelRequestFields": {"top_k": 7, "x": 1},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "inferenceConfig": {"maxTokens": 3},
        "outputConfig": {"effort": "low"},
        "performanceConfig": {"latency": "optimized"},
        "promptVariables": {"a": {"text": "b"}},
        "requestMetadata": {"team": "a"},
        "serviceTier": {"type": "flex"},
    }
    body = native({"top_k": 5, "max_tokens": 1, "temperature": 0.5, **given}, CLAUDE_3)

    assert body.pop("inferenceConfig") == {"maxTokens": 3, "temperature": 0.5}
    del given["inferenceConfig"]
    assert {name: body[name] for name in given} == given


def test_only_a_stream_has_a_guardrail_mode() -> None:
    guard = {"guardrailIdentifier": "g", "streamProcessingMode": "async"}

    assert native({"guardrailConfig": guard})["guardrailConfig"] == {"guardrailIdentifier": "g"}
    assert native({"guardrailConfig": guard, "stream": True})["guardrailConfig"] == guard


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("priority", {"type": "priority"}),
        ("flex", {"type": "flex"}),
        ("default", {"type": "default"}),
        ("auto", None),
        ("scale", None),
    ],
)
def test_the_service_tier(tier: str, expected: dict[str, str] | None) -> None:
    assert native({"service_tier": tier}).get("serviceTier") == expected


def test_metadata_becomes_request_metadata_in_the_characters_it_may_have() -> None:
    given = {"team": "a/b", "t\u00e9l": "\u00e9!", "n": 1, "long": "x" * 300, "": "y"}

    assert native({"metadata": given})["requestMetadata"] == {
        "team": "a/b",
        "t_l": "__",
        "long": "x" * 256,
    }
    many = {f"k{number}": "v" for number in range(20)}
    assert len(native({"metadata": many})["requestMetadata"]) == 16


def test_who_the_user_is_stays_here() -> None:
    body = {"user": "u", "safety_identifier": "s", "seed": 1, "store": False, "verbosity": "low"}
    chat = read_chat({"model": "m", "messages": HI, **body})
    fitted, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.LENIENT)

    assert PROVIDER.build_chat(fitted, target()).body == request({}).body
    assert warnings == (
        "dropped: seed",
        "dropped: user",
        "dropped: safety_identifier",
        "dropped: verbosity",
    )


@pytest.mark.parametrize(
    "name", ["n", "logprobs", "top_logprobs", "audio", "modalities", "web_search_options"]
)
def test_what_would_change_the_answer_is_refused(name: str) -> None:
    assert PROVIDER.fates[name] is Fate.REFUSED


def test_an_unknown_member_is_dropped() -> None:
    chat = read_chat({"model": "m", "messages": HI, "made_up": 1})
    fitted, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.STRICT)

    assert PROVIDER.build_chat(fitted, target()).body == request({}).body
    assert warnings == ("dropped: made_up",)
