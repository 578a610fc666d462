"""Bedrock: the conversation (roles, order, empty content, tool results, thinking, cache points)."""

from typing import Any

import pytest

from gateway.errors import InvalidRequest
from tests.providers.bedrock_scene import (
    CLAUDE,
    CLAUDE_3,
    CLAUDE_5,
    GPT_OSS,
    LLAMA,
    NOVA,
    PDF,
    PNG,
    TITAN,
    UNKNOWN,
    completion,
    delta,
    native,
    stopped,
    turns,
    whole,
)

USER = {"role": "user", "content": "hi"}
HELLO = {"role": "user", "content": [{"text": "hi"}]}
MARK = {"type": "ephemeral"}
POINT = {"cachePoint": {"type": "default"}}


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
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": arguments}}


def result(call_id: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call_id, "content": list(content), **more}}


OK = {"text": "ok"}


def refused(*messages: dict[str, Any], to: str = CLAUDE) -> str | None:
    with pytest.raises(InvalidRequest) as refusal:
        turns(*messages, to=to)
    return refusal.value.param


def test_leading_system_messages_become_system_blocks() -> None:
    body = native(
        {
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "developer", "content": [text("b"), text(" ", cache_control=MARK)]},
                {"role": "system", "content": "c", "cache_control": MARK},
                USER,
            ]
        }
    )

    assert body["system"] == [
        {"text": "a"},
        {"text": "b"},
        POINT,
        {"text": "c"},
        POINT,
    ]
    assert body["messages"] == [HELLO]


def test_a_later_system_message_becomes_marked_text_of_a_user_turn() -> None:
    said = {"text": "<system-message>\nbe brief\n</system-message>"}

    assert turns(USER, {"role": "system", "content": "be brief"}, USER) == [
        {"role": "user", "content": [{"text": "hi"}, said, {"text": "hi"}]}
    ]


def test_models_without_system_messages_read_them_in_the_first_turn() -> None:
    body = native({"messages": [{"role": "system", "content": "be brief"}, USER]}, TITAN)

    assert "system" not in body
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"text": "<system-message>\nbe brief\n</system-message>"},
                {"text": "hi"},
            ],
        }
    ]


@pytest.mark.parametrize("model", [CLAUDE, TITAN])
def test_system_messages_alone_are_refused(model: str) -> None:
    assert refused({"role": "system", "content": "a"}, to=model) == "messages"


def test_turns_alternate_whatever_comes() -> None:
    found = turns(
        USER,
        {"role": "user", "content": "there", "name": "ada"},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
        USER,
    )

    assert found == [
        {"role": "user", "content": [{"text": "hi"}, {"text": "there"}]},
        {"role": "assistant", "content": [{"text": "a"}, {"text": "b"}]},
        HELLO,
    ]


def test_a_leading_assistant_turn_is_left_alone() -> None:
    assert [t["role"] for t in turns({"role": "assistant", "content": "a"}, USER)] == [
        "assistant",
        "user",
    ]


@pytest.mark.parametrize("content", ["", " \n", [], [text("")], [text(" ")]])
def test_an_assistant_message_that_says_nothing_is_dropped(content: Any) -> None:
    assert turns(USER, {"role": "assistant", "content": content}, USER) == [
        {"role": "user", "content": [{"text": "hi"}, {"text": "hi"}]}
    ]


def test_blank_text_is_left_out_everywhere() -> None:
    found = turns(
        {"role": "user", "content": [text("a"), text(" "), text(""), text("b")]},
        asked(call("x"), content="\n\n"),
        answered("x"),
    )

    assert found[0]["content"] == [{"text": "a"}, {"text": "b"}]
    assert found[1]["content"] == [use("x")]


@pytest.mark.parametrize("content", [" ", [text("")], [text(" ")], [text(""), text("\n")]])
def test_an_empty_user_message_is_refused_by_its_place(content: Any) -> None:
    before = [USER, {"role": "assistant", "content": "x"}]

    assert refused(*before, {"role": "user", "content": content}) == "messages[2].content"


def test_a_refusal_is_said_as_text() -> None:
    alone = turns(USER, {"role": "assistant", "refusal": "no"}, USER)
    beside = turns(USER, {"role": "assistant", "content": "x", "refusal": "no"}, USER)

    assert alone[1]["content"] == [{"text": "no"}]
    assert beside[1]["content"] == [{"text": "x"}, {"text": "no"}]


def test_a_prefill_loses_its_trailing_white_space() -> None:
    assert turns(USER, {"role": "assistant", "content": "{ \n"})[-1]["content"] == [{"text": "{"}]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_users_and_tools_may_send_more_than_text(role: str) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}

    assert refused({"role": role, "content": [text("a"), image]}, USER) == (
        "messages[0].content[1].type"
    )


def test_results_come_first_in_the_turn_that_answers() -> None:
    found = turns(
        USER,
        asked(call("a", arguments='{"q":1}'), call("b", "g"), content="so"),
        answered("b", "two"),
        answered("a", [text("one"), text("more")]),
        {"role": "user", "content": "and?"},
    )

    assert found[1:] == [
        {"role": "assistant", "content": [{"text": "so"}, use("a", q=1), use("b", "g")]},
        {
            "role": "user",
            "content": [
                result("b", {"text": "two"}),
                result("a", {"text": "one"}, {"text": "more"}),
                {"text": "and?"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("content", "written"), [("", "(no output)"), ([text(" ")], "(no output)")]
)
def test_a_result_is_never_empty(content: Any, written: str) -> None:
    found = turns(USER, asked(call("a")), answered("a", content))

    assert found[2]["content"] == [result("a", {"text": written})]


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ({"is_error": True}, "error"),
        ({"status": "error"}, "error"),
        ({"status": "success"}, "success"),
    ],
)
def test_the_status_of_a_result_is_told_where_the_client_tells_it(
    beside: dict[str, Any], status: str
) -> None:
    assert turns(USER, asked(call("a")), answered("a", **beside))[2]["content"] == [
        result("a", OK, status=status)
    ]


def test_a_result_may_hold_images_documents_and_json() -> None:
    content = [
        text("see"),
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}},
        {"type": "json", "json": {"a": 1}},
    ]
    found = turns(USER, asked(call("a")), answered("a", content))

    assert found[2]["content"] == [
        result(
            "a",
            {"text": "see"},
            {"image": {"format": "png", "source": {"bytes": PNG}}},
            {"document": {"format": "pdf", "source": {"bytes": PDF}, "name": "a"}},
            {"json": {"a": 1}},
        )
    ]


def test_what_a_result_may_not_hold_stands_beside_it() -> None:
    file = {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    document = {"document": {"format": "pdf", "source": {"bytes": PDF}, "name": "a"}}
    nova = turns(USER, asked(call("a")), answered("a", [file]), to=NOVA)
    heard = turns(USER, asked(call("a")), answered("a", [sound, text("x")]))

    assert nova[2]["content"] == [
        result("a", {"text": "(see below)"}),
        document,
        {"text": "See the attached document."},
    ]
    assert heard[2]["content"] == [
        result("a", {"text": "x"}),
        {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}},
    ]


def test_json_parts_belong_to_results_only() -> None:
    part = {"type": "json", "json": {"a": 1}}

    assert refused({"role": "user", "content": [part]}) == "messages[0].content[0].type"


def test_an_unanswered_call_is_refused_by_its_place() -> None:
    where = refused(USER, asked(call("a"), call("b")), answered("a"), USER)

    assert where == "messages[1].tool_calls[1]"


def test_a_result_without_its_call_is_read_as_text() -> None:
    assert turns(USER, answered("gone", "42")) == [
        {
            "role": "user",
            "content": [{"text": "[Result of tool call gone]"}, {"text": "42"}, {"text": "hi"}],
        }
    ]


def test_lost_ids_are_paired_in_order() -> None:
    found = turns(USER, asked(call("a"), call("b")), answered("x", "1"), answered("y", "2"))

    assert found[2]["content"] == [result("a", {"text": "1"}), result("b", {"text": "2"})]


def test_ids_twice_in_a_turn_are_told_apart() -> None:
    found = turns(USER, asked(call("a"), call("a")), answered("a", "1"), answered("a", "2"))
    ids = [block["toolUse"]["toolUseId"] for block in found[1]["content"]]

    assert len(set(ids)) == 2
    assert [block["toolResult"]["toolUseId"] for block in found[2]["content"]] == ids


@pytest.mark.parametrize(
    ("given", "legal"),
    [
        ("functions.get_temperature:0", True),
        ("call_abc-1", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("a b", False),
        ("\u00e9|\U0001f600", False),
    ],
)
def test_ids_are_made_legal_the_same_way_every_time(given: str, legal: bool) -> None:
    first = turns(USER, asked(call(given)), answered(given))
    later = turns(USER, asked(call("x")), answered("x"), asked(call(given)), answered(given))
    [made] = [block["toolUse"]["toolUseId"] for block in first[1]["content"]]

    assert first[2]["content"][0]["toolResult"]["toolUseId"] == made
    assert later[3]["content"][0]["toolUse"]["toolUseId"] == made
    assert (made == given) == legal
    assert len(made) <= 64
    assert made.isascii()
    assert not set(made) & set(" |")


def test_ids_that_differ_stay_different() -> None:
    found = turns(USER, asked(call("a b"), call("a|b")), answered("a b", "1"), answered("a|b", "2"))
    ids = [block["toolUse"]["toolUseId"] for block in found[1]["content"]]

    assert len(set(ids)) == 2
    assert [block["toolResult"]["toolUseId"] for block in found[2]["content"]] == ids


@pytest.mark.parametrize("arguments", ["[]", "1", "{", "x"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    where = refused(USER, asked(call("a", arguments=arguments)), answered("a"))

    assert where == "messages[1].tool_calls[0].function.arguments"


def test_thinking_with_its_proof_leads_the_turn_and_other_thinking_stays_out() -> None:
    details = [
        {"type": "thinking", "text": "hm", "signature": "s1", "format": "bedrock", "index": 0},
        {"type": "redacted", "data": "ZDE=", "format": "bedrock", "index": 1},
        {"type": "thinking", "text": "ho", "signature": "s2", "format": "anthropic", "index": 2},
        {"type": "redacted", "data": "d2", "format": "anthropic", "index": 3},
        {"type": "thinking", "text": "unsigned", "format": "bedrock", "index": 4},
        {"type": "thinking", "text": "x", "signature": "g", "format": "gemini", "index": 5},
    ]
    message = asked(call("a"), content="so", reasoning_details=details)
    found = turns(USER, message, answered("a"))

    assert found[1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s1"}}},
        {"reasoningContent": {"redactedContent": "ZDE="}},
        {"reasoningContent": {"reasoningText": {"text": "ho", "signature": "s2"}}},
        {"reasoningContent": {"redactedContent": "ZDI="}},
        {"text": "so"},
        use("a"),
    ]


@pytest.mark.parametrize(
    ("model", "goes"), [(CLAUDE_5, True), (UNKNOWN, True), (GPT_OSS, False), (NOVA, False)]
)
def test_thinking_goes_back_only_to_models_that_sign_it(model: str, goes: bool) -> None:
    thought = {"type": "thinking", "text": "t", "signature": "s", "format": "bedrock"}
    message = {"role": "assistant", "content": "a", "reasoning_details": [thought]}

    content = turns(USER, message, USER, to=model)[1]["content"]

    assert ("reasoningContent" in content[0]) == goes


def test_thinking_alone_is_no_turn() -> None:
    thought = {"type": "thinking", "text": "t", "signature": "s", "format": "bedrock"}
    message = {"role": "assistant", "content": "", "reasoning_details": [thought]}

    assert [turn["role"] for turn in turns(USER, message, USER)] == ["user"]


def test_budget_thinking_is_left_out_where_the_history_lacks_it() -> None:
    body = native(
        {
            "messages": [USER, asked(call("a")), answered("a")],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "reasoning_effort": "high",
        }
    )

    assert "additionalModelRequestFields" not in body


def test_a_reply_with_citations_goes_back_as_it_came() -> None:
    cited = {
        "citationsContent": {
            "content": [{"text": "20 days"}],
            "citations": [{"title": "t", "location": {"documentChar": {"documentIndex": 0}}}],
        }
    }
    answer = completion(whole({"text": "They get "}, cited, {"text": "."}))["choices"][0]["message"]

    assert answer["content"] == "They get 20 days."
    assert turns(USER, answer, USER)[1]["content"] == [{"text": "They get "}, cited, {"text": "."}]
    changed = {**answer, "content": "Something else."}
    assert turns(USER, changed, USER)[1]["content"] == [{"text": "Something else."}]
    assert turns(USER, answer, USER, to=LLAMA)[1]["content"] == [{"text": "They get 20 days."}]


@pytest.mark.parametrize(("model", "goes"), [(CLAUDE, True), (NOVA, False)])
def test_thinking_in_a_reply_of_odd_order_goes_back_by_the_same_rule(
    model: str, goes: bool
) -> None:
    signed = {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}
    unsigned = {"reasoningContent": {"reasoningText": {"text": "u"}}}
    redacted = {"reasoningContent": {"redactedContent": "ZA=="}}
    blocks = ({"text": "a"}, signed, unsigned, redacted, {"text": "b"})
    answer = completion(whole(*blocks), to=model)["choices"][0]["message"]
    proven = [signed, redacted] if goes else []

    assert turns(USER, answer, USER, to=model)[1]["content"] == [
        {"text": "a"},
        *proven,
        {"text": "b"},
    ]


@pytest.mark.parametrize(
    "member",
    [
        None,
        1,
        {"format": "anthropic", "content": [{"text": "x"}]},
        {"format": "bedrock", "content": "x"},
        {"format": "bedrock", "content": [1]},
        {"format": "bedrock", "content": [{}]},
        {"format": "bedrock", "content": [{"text": "another"}]},
        {"format": "bedrock", "content": [{"text": "x"}, use("other")]},
    ],
)
def test_native_content_that_does_not_fit_the_message_is_left_out(member: Any) -> None:
    message = asked(call("a", arguments="{}"), content="x", provider_content=member)

    assert turns(USER, message, answered("a"))[1]["content"] == [{"text": "x"}, use("a")]


def test_tools_that_ran_at_aws_go_back_as_they_came() -> None:
    ran: list[dict[str, Any]] = [
        {"toolUse": {"toolUseId": "s", "name": "g", "input": {"q": 1}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "s", "type": "g_result", "content": [{"json": {"a": 1}}]}},
        {"toolUse": {"toolUseId": "bad id", "name": "f", "input": {}, "type": "tool_use"}},
    ]
    answer = completion(whole(*ran, stop="tool_use"), to=NOVA)["choices"][0]["message"]
    [mine] = answer["tool_calls"]
    found = turns(USER, answer, answered("bad id"), to=NOVA)

    assert (mine["id"], mine["function"]["name"]) == ("bad id", "f")
    assert found[1]["content"][:2] == ran[:2]
    made = found[1]["content"][2]["toolUse"]
    assert made.keys() == {"toolUseId", "name", "input"}
    assert found[2]["content"][0]["toolResult"]["toolUseId"] == made["toolUseId"] != "bad id"


def test_a_marker_becomes_a_point_behind_what_it_marks() -> None:
    found = turns(
        {"role": "user", "content": [text("a", cache_control=MARK), text("b")]},
        {**asked(call("x")), "cache_control": MARK},
        answered("x", [text("r", cache_control=MARK)]),
    )

    assert found == [
        {"role": "user", "content": [{"text": "a"}, POINT, {"text": "b"}]},
        {"role": "assistant", "content": [use("x"), POINT]},
        {"role": "user", "content": [result("x", {"text": "r"}), POINT]},
    ]


def test_of_more_than_four_points_the_last_ones_stay() -> None:
    body = native(
        {
            "tools": [
                {"type": "function", "function": {"name": "f"}, "cache_control": MARK},
            ],
            "messages": [
                {"role": "system", "content": "s", "cache_control": MARK},
                {"role": "user", "content": [text(str(n), cache_control=MARK) for n in range(3)]},
                {"role": "assistant", "content": "a", "cache_control": MARK},
                USER,
            ],
        }
    )

    assert len(body["toolConfig"]["tools"]) == 1
    assert body["system"] == [{"text": "s"}]
    assert [POINT in turn["content"] for turn in body["messages"]] == [True, True, False]
    assert body["messages"][0]["content"].count(POINT) == 3


@pytest.mark.parametrize(
    ("model", "ttl", "expected"),
    [
        (CLAUDE, "1h", {"type": "default", "ttl": "1h"}),
        (CLAUDE, "5m", {"type": "default", "ttl": "5m"}),
        (CLAUDE, "30m", {"type": "default"}),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "1h", {"type": "default"}),
        (NOVA, "1h", {"type": "default"}),
        (CLAUDE_3, "5m", None),
        (LLAMA, "5m", None),
        (UNKNOWN, "5m", None),
    ],
)
def test_points_and_their_lifetime_only_where_the_model_takes_them(
    model: str, ttl: str, expected: dict[str, str] | None
) -> None:
    message = {"role": "user", "content": "a", "cache_control": {**MARK, "ttl": ttl}}

    points = [b["cachePoint"] for b in turns(message, to=model)[0]["content"] if "cachePoint" in b]

    assert points == ([] if expected is None else [expected])


def test_points_of_an_hour_come_before_shorter_ones_or_are_shortened() -> None:
    hour = {**MARK, "ttl": "1h"}
    content = [text("a", cache_control=hour), text("b", cache_control=MARK)]
    late = [text("c", cache_control=hour)]
    found = turns(
        {"role": "user", "content": content},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": late},
    )

    points = [b["cachePoint"] for turn in found for b in turn["content"] if "cachePoint" in b]
    assert points == [
        {"type": "default", "ttl": "1h"},
        {"type": "default"},
        {"type": "default"},
    ]


def test_a_short_point_keeps_its_lifetime_behind_another() -> None:
    short = {**MARK, "ttl": "5m"}
    content = [text("a", cache_control=MARK), text("b", cache_control=short)]

    found = turns({"role": "user", "content": content})[0]["content"]

    points = [b["cachePoint"] for b in found if "cachePoint" in b]
    assert points == [{"type": "default"}, {"type": "default", "ttl": "5m"}]


def test_no_point_stands_behind_thinking() -> None:
    thought = {"type": "thinking", "text": "t", "signature": "s", "format": "bedrock"}
    message = asked(call("a"), content=[text(" ", cache_control=MARK)], reasoning_details=[thought])

    assert [next(iter(b)) for b in turns(USER, message, answered("a"))[1]["content"]] == [
        "reasoningContent",
        "toolUse",
    ]


def test_nova_takes_no_points_among_tools() -> None:
    body = native(
        {
            "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": MARK}],
            "messages": [
                {"role": "user", "content": "a", "cache_control": MARK},
                {**asked(call("x")), "cache_control": MARK},
                {**answered("x"), "cache_control": MARK},
            ],
        },
        NOVA,
    )

    assert POINT not in body["toolConfig"]["tools"]
    assert [POINT in turn["content"] for turn in body["messages"]] == [True, False, False]


def test_a_point_keeps_its_distance_from_a_document() -> None:
    file = {"type": "file", "file": {"file_data": PDF}, "cache_control": MARK}
    content = turns({"role": "user", "content": [text("a"), file]})[0]["content"]

    assert [next(iter(block)) for block in content] == ["text", "document", "text", "cachePoint"]


def test_points_of_converses_own_are_taken_too() -> None:
    point = {"type": "cachePoint", "cachePoint": {"type": "default"}}
    body = native(
        {
            "messages": [
                {"role": "system", "content": [text("s"), point, point]},
                {"role": "user", "content": [point, text("a"), point]},
            ]
        }
    )

    assert body["system"] == [{"text": "s"}, POINT]
    assert body["messages"][0]["content"] == [{"text": "a"}, POINT]


def test_the_automatic_marker_stands_at_the_end() -> None:
    body = native({"messages": [USER], "cache_control": {**MARK, "ttl": "1h"}})

    assert body["messages"][0]["content"][-1] == {"cachePoint": {"type": "default", "ttl": "1h"}}


def test_our_words_do_not_move_what_is_cached() -> None:
    system = {"role": "system", "content": "s", "cache_control": MARK}
    body = native(
        {"messages": [system, USER], "response_format": {"type": "json_object"}}, CLAUDE_3
    )
    worded = native({"messages": [system, USER], "response_format": {"type": "json_object"}}, LLAMA)

    assert body["system"] == [{"text": "s"}]  # this model caches nothing, and is made to by a tool
    assert worded["system"][0] == {"text": "s"}
    assert worded["system"][1]["text"].startswith("Answer with one JSON object")


def test_frames_of_text_replay_as_one_text() -> None:
    data = delta(0, text="a") + delta(0, text="b") + stopped()
    answer = completion(data)["choices"][0]["message"]

    assert turns(USER, answer, USER)[1]["content"] == [{"text": "ab"}]
