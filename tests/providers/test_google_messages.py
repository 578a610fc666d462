"""Google: messages as turns, and results right after their calls."""

import itertools
from typing import Any

import orjson
import pytest

from gateway.errors import InvalidRequest
from tests.providers.google_scene import (
    HI,
    answered,
    called,
    model,
    native,
    request,
    target,
    turns,
    user,
)

OLD = target("gemini-2.5-flash")
PNG = "data:image/png;base64,iVBORw0KGgo="
WAV = "data:audio/wav;base64,UklGRiQAAABXQVZF"


def image(url: str = PNG) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def calls(*tool_calls: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(tool_calls)}


def call_part(name: str, call_id: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"functionCall": {"id": call_id, "name": name, "args": args or {}}}


def result_part(name: str, call_id: str, response: Any, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"id": call_id, "name": name, "response": response, **more}}


def test_leading_system_messages_become_the_instruction() -> None:
    sent = native(
        {
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "developer", "content": [text("b"), text(" "), text("c")]},
                *HI,
            ]
        }
    )

    assert sent["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}
    assert sent["contents"] == [user("hi")]


def test_beside_a_cache_made_beforehand_instructions_are_the_first_words() -> None:
    """The cache holds an instruction of its own; another one is a 400."""
    cached = {"cachedContent": "cachedContents/1"}

    sent = native({"messages": [{"role": "system", "content": "a"}, *HI], **cached})

    assert "systemInstruction" not in sent
    assert sent["contents"] == [user("a", "hi")]
    assert native(cached)["contents"] == [user("hi")]


def test_a_later_system_message_stays_at_its_place() -> None:
    found = turns(*HI, {"role": "system", "content": "now"}, {"role": "user", "content": "go"})

    assert found == [user("hi", "<system-message>\nnow\n</system-message>", "go")]


def test_a_conversation_of_instructions_alone_begins_with_silence() -> None:
    sent = native({"messages": [{"role": "system", "content": "speak"}]})

    assert sent["contents"] == [user("")]


def test_a_conversation_that_the_model_begins_is_given_a_beginning() -> None:
    assert turns({"role": "assistant", "content": "hello"}, *HI) == [
        user(""),
        model("hello"),
        user("hi"),
    ]


def test_neighbours_of_one_role_are_one_turn() -> None:
    found = turns(
        *HI,
        {"role": "user", "content": [text("a"), image()]},
        {"role": "assistant", "content": "x"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "y"},
        *HI,
    )

    png = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert found == [user("hi", "a", png), model("x", "y"), user("hi")]


def test_a_refusal_is_replayed_as_text() -> None:
    found = turns(*HI, {"role": "assistant", "content": None, "refusal": "no"}, *HI)

    assert found[1] == model("no")


def test_an_answer_can_hold_only_text() -> None:
    with pytest.raises(InvalidRequest) as refused:
        turns(*HI, {"role": "assistant", "content": [image()]})

    assert refused.value.param == "messages[1].content[0].type"


def test_results_are_one_turn_right_after_the_calls_in_their_order() -> None:
    found = turns(
        *HI,
        calls(called("f", "a", '{"x": 1}'), called("g", "b"), content="so"),
        answered("two", "b"),
        answered('{"one": 1}', "a"),
        {"role": "user", "content": "and?"},
        to=OLD,
    )

    assert found[1:] == [
        model("so", call_part("f", "a", {"x": 1}), call_part("g", "b")),
        user(result_part("f", "a", {"one": 1}), result_part("g", "b", {"result": "two"})),
        user("and?"),
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("plain", {"result": "plain"}),
        ("", {"result": ""}),
        ("12", {"result": 12}),
        ("[1, 2]", {"result": [1, 2]}),
        ("null", {"result": None}),
        ('{"a": {"b": []}}', {"a": {"b": []}}),
        ('{"a": ', {"result": '{"a": '}),
        ('{"$ref": "#/x"}', {"result": '{"$ref": "#/x"}'}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {"result": "a\nb"}),
    ],
)
def test_a_result_is_an_object_whatever_the_tool_said(content: Any, response: Any) -> None:
    found = turns(*HI, calls(called("f")), answered(content), to=OLD)

    assert found[2] == user(result_part("f", "c1", response))


def test_a_failed_tools_words_are_told_as_an_error() -> None:
    found = turns(*HI, calls(called("f")), answered("boom", is_error=True), to=OLD)

    assert found[2] == user(result_part("f", "c1", {"error": "boom"}))


def test_numbers_keep_every_digit_both_ways() -> None:
    huge = '{"id": 123456789012345678901234567890}'
    sent = request({"messages": [*HI, calls(called("f", "a", huge)), answered(huge, "a")]})

    assert sent.body.count(b"123456789012345678901234567890") == 2


def test_a_missing_result_is_made_up_and_the_client_is_told() -> None:
    messages = [*HI, calls(called("f", "a"), called("g", "b")), answered("x", "b"), *HI]
    found = turns(*messages, to=OLD)

    assert found[2:] == [
        user(result_part("f", "a", {"error": "no result"}), result_part("g", "b", {"result": "x"})),
        user("hi"),
    ]
    assert request({"messages": messages}, OLD).warnings == (
        "changed: messages (1 tool calls had no result)",
    )


def test_calls_at_the_end_are_answered_too() -> None:
    assert turns(*HI, calls(called("f", "a")), to=OLD)[2:] == [
        user(result_part("f", "a", {"error": "no result"}))
    ]


def test_results_whose_ids_were_lost_are_paired_in_order() -> None:
    found = turns(
        *HI,
        calls(called("f", "a"), called("g", "b")),
        answered("1", "x"),
        answered("2", "y"),
        to=OLD,
    )

    assert found[2] == user(
        result_part("f", "a", {"result": 1}), result_part("g", "b", {"result": 2})
    )


def test_calls_with_the_same_id_are_paired_in_order() -> None:
    found = turns(
        *HI,
        calls(called("f", "a"), called("g", "a")),
        answered("1", "a"),
        answered("2", "a"),
        to=OLD,
    )

    assert found[2] == user(
        result_part("f", "a", {"result": 1}), result_part("g", "a", {"result": 2})
    )


def test_a_result_without_a_call_is_read_as_text() -> None:
    found = turns(*HI, answered("late", "gone"), {"role": "user", "content": "go"}, to=OLD)

    assert found == [user("[Result of tool call gone]", "late", "hi", "go")]


def test_messages_between_calls_and_results_come_after_the_results() -> None:
    found = turns(
        *HI, calls(called("f")), {"role": "user", "content": "wait"}, answered("1"), to=OLD
    )

    assert found[2:] == [user(result_part("f", "c1", {"result": 1})), user("wait")]


def test_calls_of_two_messages_in_a_row_are_answered_together() -> None:
    found = turns(
        *HI, calls(called("f", "a")), calls(called("g", "b")), answered("1", "a"), answered("2", "b"),
        to=OLD,
    )  # fmt: skip

    assert [len(turn["parts"]) for turn in found] == [1, 2, 2]


def test_arguments_that_are_no_object_are_refused() -> None:
    for arguments in ("[1]", "{", "1"):
        with pytest.raises(InvalidRequest) as refused:
            turns(*HI, calls(called("f", "a", arguments)))
        assert refused.value.param == "messages[1].tool_calls[0].function.arguments"


def test_empty_arguments_are_an_empty_object() -> None:
    assert turns(*HI, calls(called("f", "a", "")), to=OLD)[1] == model(call_part("f", "a"))


def test_newer_models_get_a_results_picture_inside_the_result() -> None:
    found = turns(*HI, calls(called("f")), answered([text('{"n": 1}'), image()]))

    png = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert found[2] == user(result_part("f", "c1", {"n": 1}, parts=[png]))


def test_older_models_and_sound_get_it_in_a_turn_behind_the_results() -> None:
    png = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    found = turns(*HI, calls(called("f")), answered([image()]), *HI, to=OLD)
    assert found[2:] == [
        user(result_part("f", "c1", {})),
        user("[File from the tool f]", png, "hi"),
    ]

    sound = {"type": "file", "file": {"file_data": WAV}}
    newer = turns(*HI, calls(called("f")), answered([sound]))
    assert [list(part) for part in newer[3]["parts"]] == [["text"], ["inlineData"]]


def test_a_custom_tools_call_goes_back_as_an_object() -> None:
    call = {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    found = turns(*HI, calls(call), answered("1", "a"), to=OLD)

    assert found[1] == model(call_part("sql", "a", {"input": "select 1"}))


def test_the_same_history_is_written_the_same_every_time_and_grows_at_its_end() -> None:
    history = [*HI, calls(called("f")), answered("1"), {"role": "assistant", "content": "x"}, *HI]
    bodies = [orjson.dumps(turns(*history[:end])) for end in range(1, len(history) + 1, 1)]

    complete = [bodies[0], bodies[2], bodies[3], bodies[4]]
    for shorter, longer in itertools.pairwise(complete):
        assert longer.startswith(shorter[:-1])
