"""Anthropic: what OpenAI's format has no place for, given out and taken back whole."""

from typing import Any

import orjson
from hypothesis import given, settings, strategies as st

from gateway.wire.chat_read import read_chat
from tests.providers.anthropic_scene import (
    HI,
    PROVIDER,
    closed,
    completion,
    delta,
    ended,
    native,
    opened,
    sse,
    start,
    target,
    whole,
)

TOOL = {"type": "function", "function": {"name": "f.x"}}


def message(data: bytes, body: dict[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = completion(data, body)["choices"][0]["message"]
    return found


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def test_blocks_that_have_no_place_come_out_whole_and_go_back_whole() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": "q"},
        },
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [{"title": "x"}],
        },
        {"type": "something_new", "grows": "ab", "set": 2},
        text("so"),
    ]
    streamed = sse(
        start(),
        opened(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="t"),
        delta(0, type="signature_delta", signature="s"),
        closed(0),
        opened(1, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        delta(1, type="input_json_delta", partial_json='{"query":'),
        delta(1, type="input_json_delta", partial_json=' "q"}'),
        closed(1),
        opened(2, **blocks[2]),
        closed(2),
        opened(3, type="something_new", grows="a", set=1),
        delta(3, type="something_delta", grows="b", set=2),
        closed(3),
        opened(4, type="text", text=""),
        delta(4, type="text_delta", text="so"),
        closed(4),
        *ended("pause_turn"),
    )

    for data in (streamed, whole(*blocks, stop_reason="pause_turn")):
        [choice] = completion(data)["choices"]
        assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "pause_turn")
        assert "tool_calls" not in choice["message"]
        assert choice["message"]["provider_content"] == {"format": "anthropic", "content": blocks}
        assert _sent_back(choice["message"]) == blocks


def test_a_message_the_client_has_edited_is_built_from_its_standard_members() -> None:
    blocks = [{"type": "compaction", "content": "summary"}, text("so")]
    answer = message(whole(*blocks))

    edited = {**answer, "content": "else"}

    assert _sent_back(answer) == blocks
    assert _sent_back(edited) == [text("else")]


def _sent_back(answer: dict[str, Any]) -> Any:
    chat = read_chat({"model": "m", "messages": [*HI, answer, *HI]})
    body = orjson.loads(PROVIDER.build_chat(chat, target()).body)
    return body["messages"][1]["content"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 9)
    | st.sampled_from(["text", "so", "tool_use", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "id", "input", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    JSON | st.builds(lambda c: {"format": "anthropic", "content": c}, st.lists(JSON, max_size=3))
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_back_is_used_or_left_alone(member: Any) -> None:
    answer = {"role": "assistant", "content": "so", "provider_content": member}

    said = _sent_back(answer)

    assert "".join(block["text"] for block in said if block.get("type") == "text") == "so"


SCHEMA_WORDS = ["type", "properties", "required", "anyOf", "allOf", "format", "items", "$ref", "a"]
SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["object", "string", "date"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(SCHEMA_WORDS), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(SCHEMA_WORDS), SCHEMAS, max_size=4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_schema_makes_the_builder_stumble(schema: dict[str, Any], strict: bool) -> None:
    function = {"name": "f", "parameters": schema, "strict": strict}
    output = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}

    body = native(
        {"tools": [{"type": "function", "function": function}], "response_format": output}
    )

    assert not body["tools"][0]["input_schema"].keys() & {"anyOf", "oneOf", "allOf"}


@given(
    st.dictionaries(
        st.sampled_from(
            ["anthropic_beta", "cache_control", "context_management", "mcp_servers", "output_config",
             "speed", "fallbacks", "container"]
        ),
        JSON,
    ),
    st.dictionaries(st.sampled_from(["type", "user_location", "city"]), JSON, max_size=2),
    st.dictionaries(st.sampled_from(["type", "display", "block_binding"]), JSON, max_size=2),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_extension_member_makes_the_builder_stumble(
    extra: dict[str, Any], search: dict[str, Any], thinking: dict[str, Any]
) -> None:
    if not isinstance(thinking.get("type"), str):
        thinking.pop("type", None)
    body = {"messages": HI, "web_search_options": search, "thinking": thinking, **extra}

    built = PROVIDER.build_chat(read_chat({"model": "m", **body}), target())

    assert orjson.loads(built.body)["messages"][0]["role"] == "user"
