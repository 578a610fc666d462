"""Anthropic's models on Vertex: Anthropic's format, at Google's addresses."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, InvalidRequest
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.base import Fate
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.providers.google_scene import HI, VERTEX, events, native, on_vertex, request

CLAUDE = on_vertex("claude-sonnet-4-5@20250929")
PNG = "data:image/png;base64,iVBORw0KGgo="


def test_the_body_is_anthropics_with_the_version_in_the_place_of_the_model() -> None:
    sent = request({"max_tokens": 9, "temperature": 0.5}, CLAUDE)

    assert sent.url == (
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p-123456"
        "/locations/us-central1/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"
    )
    assert dict(sent.headers) == {"content-type": "application/json"}
    assert orjson.loads(sent.body) == {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "temperature": 0.5,
    }


@pytest.mark.parametrize("model", ["claude-opus-4-6", "anthropic/claude-opus-4-6"])
def test_a_claude_is_known_by_its_name(model: str) -> None:
    url = request({"stream": True}, on_vertex(model)).url

    assert url.endswith("/publishers/anthropic/models/claude-opus-4-6:streamRawPredict")


def test_a_stream_and_its_betas_are_asked_for_as_at_anthropic() -> None:
    sent = request({"stream": True, "anthropic_beta": ["x-2026-01-01"]}, CLAUDE)

    assert sent.stream
    assert orjson.loads(sent.body)["stream"] is True
    assert ("anthropic-beta", "x-2026-01-01") in sent.headers


def test_what_is_anthropics_own_is_not_lost_on_the_way() -> None:
    for name in ("cache_control", "container", "mcp_servers", "output_config"):
        assert VERTEX.fates[name] is Fate.CARRIED
    marked = native({"cache_control": {"type": "ephemeral"}}, CLAUDE)
    assert marked["cache_control"] == {"type": "ephemeral"}


def test_fates_are_those_of_the_models_maker() -> None:
    assert VERTEX.fates_for(CLAUDE) is AnthropicProvider.fates
    assert VERTEX.fates_for(on_vertex())["n"] is Fate.TRANSLATED

    sent = request({"seed": 4, "top_p": 1}, CLAUDE)
    assert sent.warnings == ("dropped: seed",)
    with pytest.raises(InvalidRequest) as refused:
        request({"n": 2}, CLAUDE)
    assert refused.value.param == "n"


def test_numbers_keep_every_digit() -> None:
    arguments = '{"n": 123456789012345678901234567890}'
    function = {"name": "f", "arguments": arguments}
    call = {"id": "a", "type": "function", "function": function}
    messages = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]

    assert arguments.encode() in request({"messages": messages}, CLAUDE).body


def image(url: str) -> dict[str, Any]:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": content}]}


def test_addresses_of_media_are_for_the_gateway_to_fetch() -> None:
    chat = read_chat({"model": "m", **image("https://x.test/a.png")})
    [ref] = VERTEX.media(chat, CLAUDE)
    assert (ref.url, ref.param) == ("https://x.test/a.png", "messages[0].content[0].image_url.url")
    assert VERTEX.media(chat, on_vertex()) == ()

    with pytest.raises(InvalidRequest) as refused:
        request(image("https://x.test/a.png"), CLAUDE)
    assert refused.value.param == ref.param
    assert native(image(PNG), CLAUDE)["messages"][0]["content"][0]["type"] == "image"


def test_replies_are_read_in_anthropics_format() -> None:
    message = {
        "type": "message",
        "id": "msg_1",
        "model": "claude-x",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }

    found = events(orjson.dumps(message), {"seed": 1}, CLAUDE)

    assert ev.Text(0, "hi") in found
    assert found[-1] == ev.End()


@pytest.mark.parametrize(
    ("body", "failure", "code"),
    [
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            Failure.OVERLOADED,
            None,
        ),
        (
            {"type": "error", "error": {"type": "x", "message": "prompt is too long: 9 > 8"}},
            Failure.CONTEXT_LENGTH,
            "context_length_exceeded",
        ),
        (
            {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}},
            Failure.RATE_LIMITED,
            "RESOURCE_EXHAUSTED",
        ),
    ],
)
def test_refusals_are_read_in_the_format_they_come_in(
    body: dict[str, Any], failure: Failure, code: str | None
) -> None:
    status = {Failure.OVERLOADED: 529, Failure.CONTEXT_LENGTH: 400}.get(failure, 429)
    error = VERTEX.parse_error(ReplyHead(status, {}), orjson.dumps(body), 0.0)

    assert (error.failure, error.code) == (failure, code)
