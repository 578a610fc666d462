"""Anthropic: the conversation (roles, order, empty content, tool results, thinking)."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from tests.providers.anthropic_scene import native, turns

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


def test_leading_system_messages_become_system_blocks_with_their_markers() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    body = native(
        {
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "developer", "content": [text("b", cache_control=mark), text("")]},
                {"role": "system", "content": "c", "cache_control": {"type": "ephemeral"}},
                {"role": "system", "content": " "},
                USER,
            ]
        }
    )

    assert body["system"] == [
        text("a"),
        text("b", cache_control=mark),
        text("c", cache_control={"type": "ephemeral"}),
    ]
    assert body["messages"] == [{"role": "user", "content": [text("hi")]}]


def test_a_later_system_message_becomes_marked_text_of_a_user_turn() -> None:
    found = turns(
        USER, {"role": "system", "content": "be brief"}, {"role": "user", "content": "so"}
    )

    said = "<system-message>\nbe brief\n</system-message>"
    assert found == [{"role": "user", "content": [text("hi"), text(said), text("so")]}]


def test_system_messages_alone_are_refused() -> None:
    assert refused({"role": "system", "content": "a"}) == "messages"


def test_neighbours_of_one_role_are_merged_part_by_part() -> None:
    found = turns(
        USER,
        {"role": "user", "content": "there", "name": "ada"},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
        USER,
    )

    assert found == [
        {"role": "user", "content": [text("hi"), text("there")]},
        {"role": "assistant", "content": [text("a"), text("b")]},
        {"role": "user", "content": [text("hi")]},
    ]


def test_a_leading_assistant_turn_is_left_alone() -> None:
    assert [turn["role"] for turn in turns({"role": "assistant", "content": "a"}, USER)] == [
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", None),
        (" \n", None),
        ([], None),
        ([text("")], None),
        ([text("a"), text("")], [text("a")]),
        ([text("a"), text(" ")], [text("a"), text(" ")]),
        ([{"type": "refusal", "refusal": "no"}], [text("no")]),
    ],
)
def test_an_assistant_message_that_says_nothing_is_dropped(
    content: Any, expected: list[dict[str, Any]] | None
) -> None:
    found = turns(
        USER, {"role": "assistant", "content": content}, {"role": "user", "content": "so"}
    )

    if expected is None:
        assert found == [{"role": "user", "content": [text("hi"), text("so")]}]
    else:
        assert found[1] == {"role": "assistant", "content": expected}


def test_white_space_before_a_call_stays_and_empty_text_goes() -> None:
    spaced = turns(USER, asked(call("a"), content="\n\n"), answered("a"))
    empty = turns(USER, asked(call("a"), content=[text("")]), answered("a"))

    assert spaced[1]["content"] == [text("\n\n"), use("a")]
    assert empty[1]["content"] == [use("a")]


def test_a_refusal_beside_content_is_said_after_it() -> None:
    found = turns(USER, {"role": "assistant", "content": "x", "refusal": "no"}, USER)

    assert found[1]["content"] == [text("x"), text("no")]


def test_the_final_assistant_message_loses_its_trailing_white_space() -> None:
    prefilled = turns(USER, {"role": "assistant", "content": "The answer: \n"})
    blank = turns(USER, {"role": "assistant", "content": [text("a"), text(" ")]})

    assert prefilled[-1]["content"] == [text("The answer:")]
    assert blank[-1]["content"] == [text("a")]


@pytest.mark.parametrize("content", [" ", [text("")], [text(" ")], [text(""), text("\n")]])
def test_an_empty_user_message_is_refused_by_its_place(content: Any) -> None:
    before = [USER, {"role": "assistant", "content": "x"}]

    assert refused(*before, {"role": "user", "content": content}) == "messages[2].content"


def test_white_space_beside_other_text_is_let_through() -> None:
    found = turns({"role": "user", "content": [text("hi"), text(" "), text("")]})

    assert found == [{"role": "user", "content": [text("hi"), text(" ")]}]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_users_and_tools_may_send_more_than_text(role: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}

    assert refused({"role": role, "content": [text("a"), image]}, USER) == (
        "messages[0].content[1].type"
    )


def test_thinking_of_this_vendor_leads_its_turn_and_other_thinking_is_left_out() -> None:
    details = [
        {"type": "thinking", "text": "hm", "signature": "s1", "format": "anthropic", "index": 0},
        {"type": "redacted", "data": "d1", "format": "anthropic", "index": 1},
        {"type": "thinking", "text": "unsigned", "format": "anthropic", "index": 2},
        {"type": "thinking", "text": "x", "signature": "g", "format": "gemini", "index": 3},
        {"type": "thinking", "text": "", "signature": "s2", "format": "anthropic", "index": 4},
    ]
    found = turns(
        USER,
        asked(call("a"), content="so", reasoning_details=details, reasoning_content="hm"),
        answered("a"),
    )

    assert found[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s1"},
        {"type": "redacted_thinking", "data": "d1"},
        {"type": "thinking", "thinking": "", "signature": "s2"},
        text("so"),
        use("a"),
    ]


def test_at_most_four_markers_survive_and_it_is_the_last_ones() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    body = native(
        {
            "tools": [{"type": "function", "function": {"name": "f"}, **mark}],
            "messages": [
                {"role": "system", "content": "s", **mark},
                {"role": "user", "content": [text("a", **mark), text("b")], **mark},
                asked(call("x"), **mark),
                answered("x", [text("r", **mark)]),
            ],
        }
    )

    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert body["system"] == [text("s")]
    assert body["messages"] == [
        {"role": "user", "content": [text("a", **mark), text("b", **mark)]},
        {"role": "assistant", "content": [{**use("x"), **mark}]},
        {"role": "user", "content": [{**result("x", [text("r")]), **mark}]},
    ]


def test_the_automatic_marker_counts_as_one_of_the_four() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    parts = [text(str(n), **mark) for n in range(5)]

    body = native({"messages": [{"role": "user", "content": parts}], **mark})

    kept = ["cache_control" in part for part in body["messages"][0]["content"]]
    assert kept == [False, False, True, True, True]


def test_a_message_marker_never_lands_on_thinking() -> None:
    thought = {"type": "thinking", "text": "t", "signature": "s", "format": "anthropic"}
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_details": [thought],
        "cache_control": {"type": "ephemeral"},
    }

    assert turns(USER, message, USER)[1]["content"] == [
        {"type": "thinking", "thinking": "t", "signature": "s"}
    ]
