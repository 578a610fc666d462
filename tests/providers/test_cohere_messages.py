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
        {"role": "user", "content": "b", "name": "bob"},
        {"role": "assistant", "content": "c"},
        {"role": "system", "content": "d"},
        HI,
    )
    assert [(m["role"], m["content"]) for m in said] == [
        ("system", "a"),
        ("user", "b"),
        ("assistant", "c"),
        ("system", "d"),
        ("user", "hi"),
    ]
    assert all(m.keys() == {"role", "content"} for m in said)


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
