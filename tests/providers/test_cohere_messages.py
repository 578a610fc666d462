from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.models import ReasoningStyle
from gateway.wire.chat_read import read_chat
from tests.providers.cohere_scene import HI, PROVIDER, sent, target, turns

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
THINKS = target("command-a-reasoning-08-2025", reasoning=ReasoningStyle.BUDGET)


def refusal(*messages: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        turns(*messages)
    return refused.value


def test_roles_are_kept_and_developer_is_system() -> None:
    said = turns(
        {"role": "developer", "content": "a"},
        {"role": "system", "content": "b"},
        {"role": "user", "content": "c", "name": "bob"},
        {"role": "assistant", "content": "d"},
        HI,
    )
    assert [(m["role"], m["content"]) for m in said] == [
        ("system", "a"),
        ("system", "b"),
        ("user", "c"),
        ("assistant", "d"),
        ("user", "hi"),
    ]
    assert all(m.keys() == {"role", "content"} for m in said)


def test_a_late_system_message_is_the_users_marked_for_what_it_is() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    said = turns(
        HI, {"role": "system", "content": "now in French"}, {"role": "developer", "content": parts}
    )
    assert said[1:] == [
        {"role": "user", "content": "<system-message>\nnow in French\n</system-message>"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<system-message>\n"},
                *parts,
                {"type": "text", "text": "\n</system-message>"},
            ],
        },
    ]


def test_a_system_message_that_says_nothing_is_left_out() -> None:
    for nothing in (" \n", [{"type": "text", "text": ""}]):
        assert turns({"role": "system", "content": nothing}, HI) == [HI]


def test_text_parts_stay_parts_and_lose_what_cohere_does_not_know() -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "x": 1}
    [user] = turns({"role": "user", "content": [part]})
    assert user["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize(("detail", "written"), [("low", "low"), ("original", None), (None, None)])
def test_an_image_is_passed_as_url_or_data(detail: str | None, written: str | None) -> None:
    for url in ("https://e.org/a.png", "data:image/png;base64,AAAA"):
        image = {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        [user] = turns({"role": "user", "content": [image]})
        expected = {"url": url} | ({"detail": written} if written else {})
        assert user["content"] == [{"type": "image_url", "image_url": expected}]


def test_cohere_fetches_images_itself() -> None:
    image = {"type": "image_url", "image_url": {"url": "http://e.org/a.png"}}
    chat = read_chat({"messages": [{"role": "user", "content": [image]}]})
    assert PROVIDER.media(chat, target()) == ()


@pytest.mark.parametrize(
    ("role", "part", "word"),
    [
        ("user", {"type": "input_audio", "input_audio": {"data": "A", "format": "wav"}}, "audio"),
        ("user", {"type": "file", "file": {"file_id": "f"}}, "file"),
        ("user", {"type": "document", "document": {"data": {}}}, "document"),
        ("system", {"type": "image_url", "image_url": {"url": "https://e.org/a"}}, "image_url"),
        ("assistant", {"type": "image_url", "image_url": {"url": "https://e.org/a"}}, "image_url"),
    ],
)
def test_a_part_that_cohere_cannot_take_is_refused_by_its_path(
    role: str, part: dict[str, Any], word: str
) -> None:
    refused = refusal(HI, {"role": role, "content": [{"type": "text", "text": "a"}, part]})
    assert refused.param == "messages[1].content[1]"
    assert refused.code == "unsupported_content"
    assert word in refused.message


def test_a_call_and_its_result_are_paired_by_the_clients_own_id() -> None:
    said = turns(
        HI,
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0, "extra": 1}]},
        {"role": "tool", "tool_call_id": "call_1", "name": "f", "content": "sunny"},
    )
    assert said[1:] == [
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]


def result(call_id: str, content: Any = "r") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def calls(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{**CALL, "id": id_} for id_ in ids]}


def test_every_call_has_an_id_of_its_own_in_the_whole_request() -> None:
    said = turns(
        HI, calls("x", "x"), result("x", "1"), result("x", "2"), calls("x"), result("x", "3"), HI
    )
    assert [c["id"] for m in said for c in m.get("tool_calls", ())] == ["x", "x_2", "x_3"]
    results = [(m["tool_call_id"], m["content"]) for m in said if m["role"] == "tool"]
    assert results == [("x", "1"), ("x_2", "2"), ("x_3", "3")]


def test_results_whose_ids_were_lost_are_paired_in_order() -> None:
    said = turns(HI, calls("a", "b", "c"), result("b", "2"), result("y", "1"), result("z", "3"))
    assert [(m["tool_call_id"], m["content"]) for m in said[2:]] == [
        ("b", "2"),
        ("a", "1"),
        ("c", "3"),
    ]


def test_a_result_that_answers_nothing_is_told_as_text() -> None:
    document = {"type": "document", "document": {"id": "d"}}
    text = {"type": "text", "text": "late"}
    said = turns(
        HI, calls("a"), result("a"), result("gone", "late"), result("lost", [text, document])
    )
    assert [m["role"] for m in said] == ["user", "assistant", "tool", "user", "user"]
    assert said[3]["content"] == "[Result of tool call gone]\nlate"
    assert said[4]["content"] == [
        {"type": "text", "text": "[Result of tool call lost]\n"},
        text,
        {"type": "text", "text": '{"id":"d"}'},
    ]


def test_a_call_without_a_result_is_refused_by_its_path() -> None:
    for later in ((), (HI,), (result("b"),)):
        assert refusal(HI, calls("b", "a"), *later).param in (
            "messages[1].tool_calls[0]",
            "messages[1].tool_calls[1]",
        )
    assert refusal(HI, calls("b", "a"), result("b"), HI).param == "messages[1].tool_calls[1]"


@pytest.mark.parametrize(("given", "written"), [("", "{}"), (" \n", "{}"), ('{"a":1}', '{"a":1}')])
def test_arguments_are_an_object(given: str, written: str) -> None:
    call = {**CALL, "function": {"name": "f", "arguments": given}}
    said = turns(HI, {"role": "assistant", "tool_calls": [call]}, result("call_1"))
    assert said[1]["tool_calls"][0]["function"]["arguments"] == written


@pytest.mark.parametrize("given", ["[1]", "1", "{", "null"])
def test_arguments_that_are_no_object_are_refused(given: str) -> None:
    call = {**CALL, "function": {"name": "f", "arguments": given}}
    refused = refusal(HI, {"role": "assistant", "tool_calls": [call]}, result("call_1"))
    assert refused.param == "messages[1].tool_calls[0].function.arguments"


def test_names_in_the_history_are_legal_too() -> None:
    call = {**CALL, "function": {"name": "get-weather", "arguments": "{}"}}
    said = turns(HI, {"role": "assistant", "tool_calls": [call]}, result("call_1"))
    assert said[1]["tool_calls"][0]["function"]["name"] == "get_weather"


@pytest.mark.parametrize(
    "thought",
    ["2+2", [{"type": "text", "text": "2+"}, {"type": "reference"}, {"type": "text", "text": "2"}]],
)
def test_a_thought_may_stand_among_the_parts(thought: Any) -> None:
    parts = [{"type": "thinking", "thinking": thought}, {"type": "text", "text": "4"}]
    message = {"role": "assistant", "content": parts, "reasoning_content": "2+2"}
    assert turns(HI, message, HI)[1]["content"] == [
        {"type": "thinking", "thinking": "2+2"},
        {"type": "text", "text": "4"},
    ]


def test_an_answer_of_thoughts_alone_is_left_out() -> None:
    message = {"role": "assistant", "content": " ", "reasoning_content": "hmm"}
    assert turns(HI, message, HI) == [HI, HI]


def test_a_result_may_be_text_parts_and_documents() -> None:
    document = {"type": "document", "document": {"id": "d", "data": {"title": "t"}}}
    said = turns(
        HI,
        {"role": "assistant", "tool_calls": [CALL]},
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": [{"type": "text", "text": "a"}, document],
        },
    )
    assert said[2]["content"] == [{"type": "text", "text": "a"}, document]


def test_a_picture_in_a_result_is_refused() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://e.org/a"}}
    refused = refusal(
        HI,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [image]},
    )
    assert refused.param == "messages[2].content[0]"


def test_a_custom_tools_call_in_a_history_becomes_a_functions() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "py", "input": 'print("1")'}}
    said = turns(
        HI,
        {"role": "assistant", "tool_calls": [custom]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    )
    function = {"name": "py", "arguments": '{"input":"print(\\"1\\")"}'}
    assert said[1]["tool_calls"] == [{"id": "c", "type": "function", "function": function}]


def test_thoughts_of_an_answer_go_back_as_a_thought() -> None:
    [_, said, _] = turns(HI, {"role": "assistant", "content": "4", "reasoning_content": "2+2"}, HI)
    assert said["content"] == [
        {"type": "thinking", "thinking": "2+2"},
        {"type": "text", "text": "4"},
    ]


def test_thoughts_before_a_call_are_the_plan_of_models_that_do_not_think() -> None:
    assistant = {"role": "assistant", "reasoning_content": "I will look", "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "x"}
    assert turns(HI, assistant, result)[1] == {
        "role": "assistant",
        "tool_plan": "I will look",
        "tool_calls": [CALL],
    }
    assert turns(HI, assistant, result, to=THINKS)[1] == {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "I will look"}],
        "tool_calls": [CALL],
    }


def test_a_clients_own_plan_wins_over_thoughts() -> None:
    assistant = {
        "role": "assistant",
        "reasoning_content": "thought",
        "tool_plan": "plan",
        "tool_calls": [CALL],
    }
    said = turns(HI, assistant, {"role": "tool", "tool_call_id": "call_1", "content": "x"})
    assert said[1]["tool_plan"] == "plan"
    assert "content" not in said[1]


def test_citations_go_back_with_their_answer() -> None:
    citations = [{"start": 0, "end": 2, "text": "hi", "sources": [], "type": "TEXT_CONTENT"}]
    said = turns(HI, {"role": "assistant", "content": "hi", "citations": citations}, HI)
    assert said[1] == {"role": "assistant", "content": "hi", "citations": citations}


def test_a_refusal_is_said_as_text() -> None:
    alone = turns(HI, {"role": "assistant", "content": None, "refusal": "no"}, HI)
    assert alone[1]["content"] == [{"type": "text", "text": "no"}]


def test_an_answer_that_said_nothing_is_left_out() -> None:
    for nothing in ("", [{"type": "text", "text": ""}]):
        assert turns(HI, {"role": "assistant", "content": nothing}, HI) == [HI, HI]
    empty = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    said = turns(HI, empty, {"role": "tool", "tool_call_id": "call_1", "content": "x"})
    assert "content" not in said[1]


def test_another_vendors_extensions_do_not_travel() -> None:
    details = [{"type": "thinking", "text": "t", "signature": "s", "format": "anthropic"}]
    body = sent(
        messages=[
            HI,
            {
                "role": "assistant",
                "content": "a",
                "reasoning_details": details,
                "annotations": [{"type": "url_citation"}],
                "audio": {"id": "a"},
            },
            HI,
        ]
    )
    assert body["messages"][1] == {"role": "assistant", "content": "a"}
