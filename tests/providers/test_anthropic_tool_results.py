"""Anthropic: tool calls and their results in the conversation."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from tests.providers.anthropic_scene import request, turns

USER = {"role": "user", "content": "hi"}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def call(call_id: str, name: str = "f", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function, **more}


def asked(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def answered(call_id: str, content: Any = "ok", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **more}


def use(call_id: str, name: str = "f", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def result(call_id: str, content: Any = "ok", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def refused(*messages: dict[str, Any]) -> str | None:
    with pytest.raises(InvalidRequest) as refusal:
        turns(*messages)
    return refusal.value.param


def test_tool_results_share_one_user_turn_and_come_first() -> None:
    found = turns(
        USER,
        asked(call("a", arguments='{"x": 1}'), call("b"), content="let me see"),
        answered("b", "2"),
        {"role": "user", "content": "and"},
        answered("a", "1", is_error=True),
        {"role": "user", "content": "then"},
    )

    assert found[1] == {
        "role": "assistant",
        "content": [text("let me see"), use("a", x=1), use("b")],
    }
    assert found[2] == {
        "role": "user",
        "content": [result("b", "2"), result("a", "1", is_error=True), text("and"), text("then")],
    }


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ("", ""),
        (" ", " "),
        ([], []),
        ([{"type": "text", "text": ""}], []),
        ([{"type": "text", "text": "x"}], [{"type": "text", "text": "x"}]),
        (
            [{"type": "tool_reference", "tool_name": "t"}],
            [{"type": "tool_reference", "tool_name": "t"}],
        ),
    ],
)
def test_a_tool_result_may_be_empty(content: Any, written: Any) -> None:
    found = turns(USER, asked(call("a")), answered("a", content))

    assert found[2]["content"] == [result("a", written)]


def test_images_and_files_may_stand_in_a_tool_result() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}

    found = turns(USER, asked(call("a")), answered("a", [image]))

    source = {"type": "url", "url": "https://x.example/a.png"}
    assert found[2]["content"] == [result("a", [{"type": "image", "source": source}])]


def test_a_result_nobody_waits_for_becomes_text_after_the_others() -> None:
    found = turns(
        USER,
        asked(call("a")),
        answered("ghost", "boo"),
        answered("a"),
        answered("a", "again"),
    )

    assert found[2]["content"] == [
        result("a"),
        text("[Result of tool call ghost]\nboo"),
        text("[Result of tool call a]\nagain"),
    ]


def test_a_call_without_a_result_right_after_is_refused_by_name() -> None:
    calls = asked(call("a"), call("b"))

    assert refused(USER, calls, answered("a")) == "messages[1].tool_calls[1]"
    assert refused(USER, calls) == "messages[1].tool_calls[0]"
    late = (answered("a"), {"role": "assistant", "content": "x"}, answered("b"))
    assert refused(USER, calls, *late) == "messages[1].tool_calls[1]"


def test_ids_are_made_legal_on_both_sides() -> None:
    found = turns(
        USER,
        asked(call("call.1:é")),
        answered("call.1:é", "one"),
        asked(call("call.1:é"), call("x")),
        answered("x", "three"),
        answered("call.1:é", "two"),
    )

    assert found[1]["content"] == [use("call_1__")]
    assert found[2]["content"] == [result("call_1__", "one")]
    assert found[3]["content"] == [use("call_1__"), use("x")]
    assert found[4]["content"] == [result("x", "three"), result("call_1__", "two")]


def test_two_calls_of_one_id_are_answered_in_order() -> None:
    found = turns(USER, asked(call("a"), call("a")), answered("a", "1"), answered("a", "2"))

    assert found[1]["content"] == [use("a"), use("a_2")]
    assert found[2]["content"] == [result("a", "1"), result("a_2", "2")]


def test_results_whose_ids_were_lost_answer_the_calls_in_order() -> None:
    found = turns(USER, asked(call("a"), call("b")), answered("x", "1"), answered("b", "2"))

    assert found[2]["content"] == [result("a", "1"), result("b", "2")]


def test_the_deprecated_function_messages_are_paired_too() -> None:
    found = turns(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "ok"},
    )

    assert found[1]["content"][0]["id"] == found[2]["content"][0]["tool_use_id"]


@pytest.mark.parametrize("arguments", ["", "  ", "{}"])
def test_no_arguments_are_an_empty_object(arguments: str) -> None:
    found = turns(USER, asked(call("a", arguments=arguments)), answered("a"))

    assert found[1]["content"] == [use("a")]


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", "7", "not json"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    where = refused(USER, asked(call("a"), call("b", arguments=arguments)), answered("a"))

    assert where == "messages[1].tool_calls[1].function.arguments"


def test_arguments_keep_the_clients_own_bytes() -> None:
    odd = '{"wei": 123456789012345678901234567890, "x": 1.0}'
    built = request({"messages": [USER, asked(call("a", arguments=odd)), answered("a")]})

    assert odd.encode() in built.body


def test_what_a_call_carried_besides_its_input_goes_back_with_it() -> None:
    caller = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
    extra = {"anthropic": {"caller": caller, "name": "forged"}, "google": {"x": 1}}

    found = turns(USER, asked(call("a", extra_content=extra)), answered("a"))

    assert found[1]["content"] == [{**use("a"), "caller": caller}]
