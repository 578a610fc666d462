"""Reading messages, their parts and calls."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.chat import (
    Audio,
    CacheMarker,
    File,
    Image,
    Message,
    ReasoningBlock,
    Refusal,
    Role,
    Text,
    ToolCall,
    UnknownPart,
)
from gateway.wire.chat_messages import read_messages

ASKED = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def read(*messages: Any) -> tuple[Message, ...]:
    return read_messages({"messages": list(messages)})


def parts(*nodes: Any) -> Any:
    return read({"role": "user", "content": list(nodes)})[0].content


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_a_string_stays_a_string_and_parts_stay_parts(role: str) -> None:
    whole, split = read(
        {"role": role, "content": "a", "name": "n", "weight": 1},
        {"role": role, "content": [{"type": "text", "text": "a"}]},
    )

    assert whole == Message(Role(role), "a", "n", extra={"weight": 1})
    assert split == Message(Role(role), (Text("a"),))


def test_every_kind_of_part_is_read() -> None:
    assert parts(
        {"type": "text", "text": "a\0", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
        {"type": "image_url", "image_url": {"url": "u", "odd": 1}, "text": "x"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:,x", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "f1"}, "cache_control": {"type": "ephemeral"}},
        {"type": "video_url", "video_url": {"url": "v"}},
    ) == (
        Text("a\0", CacheMarker("1h")),
        Text("", extra={"prompt_cache_breakpoint": {"mode": "explicit"}}),
        Image("https://e.org/a.png", "low"),
        Image("data:image/png;base64,AA=="),
        Image("u", extra={"text": "x", "image_url": {"odd": 1}}),
        Audio("AA==", "wav"),
        File("data:,x", filename="a.pdf"),
        File(file_id="f1", cache=CacheMarker()),
        UnknownPart({"type": "video_url", "video_url": {"url": "v"}}),
    )


def test_an_assistants_calls_are_read_with_what_rides_on_them() -> None:
    signed = {**CALL, "index": 0, "extra_content": {"google": {"thought_signature": "s"}}}
    custom = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "2+2"}}
    bare = {"id": "c3", "function": {"name": "h", "parsed": 1}}

    message = read(ASKED, {"role": "assistant", "tool_calls": [signed, custom, bare]})[1]

    assert message.content is None
    assert message.tool_calls == (
        ToolCall(
            "c1",
            "f",
            "{}",
            extra={"index": 0, "extra_content": {"google": {"thought_signature": "s"}}},
        ),
        ToolCall("c2", "g", "2+2", custom=True),
        ToolCall("c3", "h", "{}", extra={"function": {"parsed": 1}}),
    )


def test_a_tool_result_names_its_call() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}

    message = read(ASKED, call, {"role": "tool", "tool_call_id": "c1", "content": ""})[2]

    assert message == Message(Role.TOOL, "", tool_call_id="c1")


def test_the_deprecated_spelling_becomes_a_call_and_its_result() -> None:
    call = {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a":1}'}}

    messages = read(ASKED, call, {"role": "function", "name": "f", "content": "7"})

    made_id = messages[1].tool_calls[0].id
    assert messages[1].tool_calls == (ToolCall(made_id, "f", '{"a":1}'),)
    assert messages[2] == Message(Role.TOOL, "7", "f", tool_call_id=made_id)
    assert made_id


def test_a_refusal_alone_is_the_content() -> None:
    alone, beside = read(
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": "well", "refusal": "no"},
    )

    assert alone == Message(Role.ASSISTANT, (Refusal("no"),))
    assert beside == Message(Role.ASSISTANT, "well", extra={"refusal": "no"})


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_plain_reasoning_is_read_in_both_spellings(field: str) -> None:
    message = read({"role": "assistant", "content": "a", field: "hm"})[0]

    assert message == Message(Role.ASSISTANT, "a", reasoning_text="hm")


def test_opaque_reasoning_is_read_from_every_dialect() -> None:
    details: list[dict[str, Any]] = [
        {"type": "thinking", "text": "a", "signature": "s", "format": "anthropic", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": None, "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "x", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "y", "format": "google-gemini-v1"},
        {"type": "reasoning.summary", "summary": "c", "format": "openai-responses-v1"},
    ]

    message = read({"role": "assistant", "content": "a", "reasoning_details": details})[0]

    assert message.reasoning == (
        ReasoningBlock("thinking", "anthropic", "a", "s", raw=details[0]),
        ReasoningBlock("thinking", "anthropic", "b", raw=details[1]),
        ReasoningBlock("redacted", "anthropic", data="x", raw=details[2]),
        ReasoningBlock("encrypted", "gemini", data="y", raw=details[3]),
        ReasoningBlock("summary", "openai-responses", "c", raw=details[4]),
    )


def test_litellms_blocks_are_anthropics_own() -> None:
    blocks = [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
    ]
    node = {"role": "assistant", "content": "a", "thinking_blocks": blocks}

    assert read(node)[0].reasoning == (
        ReasoningBlock("thinking", "anthropic", "a", "s", raw=blocks[0]),
        ReasoningBlock("redacted", "anthropic", data="x", raw=blocks[1]),
    )


def test_thoughts_sent_in_both_spellings_count_once() -> None:
    detail = {"type": "thinking", "text": "a", "format": "anthropic"}
    block = {"type": "thinking", "thinking": "a", "signature": "s"}
    node = {"role": "assistant", "reasoning_details": [detail], "thinking_blocks": [block]}

    assert [block.raw for block in read(node)[0].reasoning] == [detail]


def test_nulls_of_a_dumped_answer_are_no_members() -> None:
    dumped = {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "annotations": None,
    }

    assert read(dumped)[0] == Message(Role.ASSISTANT, "a")


def test_an_audio_answer_is_replayed_by_its_id() -> None:
    message = read({"role": "assistant", "audio": {"id": "audio_1"}})[0]

    assert message == Message(Role.ASSISTANT, extra={"audio": {"id": "audio_1"}})


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "x"}, "role"),
        ({"role": "robot", "content": "x"}, "role"),
        ({"role": ["user"], "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"role": "user", "content": None}, "content"),
        ({"role": "user", "content": ""}, "content"),
        ({"role": "user", "content": []}, "content"),
        ({"role": "user", "content": 5}, "content"),
        ({"role": "system"}, "content"),
        ({"role": "user", "content": "x", "name": "a\nb"}, "name"),
        ({"role": "user", "content": "x", "name": 5}, "name"),
        ({"role": "user", "content": ["x"]}, "content[0]"),
        ({"role": "user", "content": [{"text": "x"}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": 5}]}, "content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "content[0].text"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "content[0].image_url"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
            "content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]},
            "content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]},
            "content[0].input_audio.format",
        ),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "content[0].input_audio"),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "content[0].file"),
        (
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": "on"}]},
            "content[0].cache_control",
        ),
        (
            {"role": "user", "content": "x", "cache_control": {"type": "forever"}},
            "cache_control.type",
        ),
        ({"role": "assistant"}, "content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, "content"),
        ({"role": "assistant", "content": "x", "refusal": 5}, "refusal"),
        ({"role": "assistant", "tool_calls": {}}, "tool_calls"),
        ({"role": "assistant", "tool_calls": ["x"]}, "tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{}]}, "tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{**CALL, "id": ""}]}, "tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]},
            "tool_calls[0].function.name",
        ),
        (
            {"role": "assistant", "tool_calls": [CALL, {**CALL, "function": {"name": "f", "arguments": {}}}]},
            "tool_calls[1].function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]},
            "tool_calls[0].custom",
        ),
        ({"role": "assistant", "content": "x", "reasoning": {}}, "reasoning"),
        ({"role": "assistant", "content": "x", "reasoning_details": "x"}, "reasoning_details"),
        (
            {"role": "assistant", "content": "x", "reasoning_details": ["x"]},
            "reasoning_details[0]",
        ),
        ({"role": "tool", "content": "x"}, "tool_call_id"),
        ({"role": "tool", "content": "x", "tool_call_id": ""}, "tool_call_id"),
        ({"role": "tool", "tool_call_id": "c"}, "content"),
        ({"role": "function", "name": "f", "content": "x"}, ""),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(ASKED, message)

    assert caught.value.param == "messages[1]" + (f".{param}" if param else "")
    assert caught.value.message.endswith(".")
