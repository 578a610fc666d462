from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.providers.mistral.ids import derive
from gateway.types.models import ReasoningStyle
from tests.providers.mistral_scene import HI, sent, target, turns

THINKS = target("mistral-small-latest")
ANSWER = {"role": "assistant", "content": "a"}


def call(call_id: str = "D681PevKs", name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def asked(*calls: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **members}


def result(call_id: str = "D681PevKs", content: Any = "r", **members: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **members}


def refusal(*messages: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as refused:
        turns(*messages)
    return refused.value


def roles(messages: list[dict[str, Any]]) -> list[str]:
    return [message["role"] for message in messages]


def test_only_the_members_of_each_role_are_sent() -> None:
    said = turns(
        {"role": "developer", "content": "be brief", "name": "op", "x": 1},
        {"role": "user", "content": "q", "name": "bob"},
        asked(
            {**call(), "index": 0, "extra_content": {"google": {}}},
            reasoning_details=[{"type": "thinking", "text": "t", "format": "anthropic"}],
            annotations=[],
            audio={"id": "a"},
            refusal=None,
        ),
        result(name="f", cache_control={"type": "ephemeral"}),
    )
    assert said == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "", "tool_calls": [call()]},
        {"role": "tool", "content": "r", "tool_call_id": "D681PevKs", "name": "f"},
    ]


def test_a_foreign_id_is_the_same_on_the_call_and_on_its_result() -> None:
    said = turns(HI, asked(call("call_1"), call("call_2")), result("call_2"), result("call_1"))
    assert [c["id"] for c in said[1]["tool_calls"]] == [derive("call_1"), derive("call_2")]
    assert [m["tool_call_id"] for m in said[2:]] == [derive("call_2"), derive("call_1")]


def test_an_id_that_comes_twice_is_paired_turn_by_turn() -> None:
    said = turns(HI, asked(call("x")), result("x", "1"), asked(call("x")), result("x", "2"))
    assert [m["content"] for m in said if m["role"] == "tool"] == ["1", "2"]


def test_no_two_calls_of_a_turn_share_an_id() -> None:
    for id_ in ("x", "D681PevKs"):
        said = turns(HI, asked(call(id_), call(id_)), result(id_, "1"), result(id_, "2"))
        first, second = [c["id"] for c in said[1]["tool_calls"]]
        assert first != second
        assert [(m["tool_call_id"], m["content"]) for m in said[2:]] == [
            (first, "1"),
            (second, "2"),
        ]


def test_results_whose_ids_were_lost_are_paired_in_order() -> None:
    said = turns(HI, asked(call("a"), call("b")), result("y", "1"), result("z", "2"))
    ids = [c["id"] for c in said[1]["tool_calls"]]
    assert [(m["tool_call_id"], m["content"]) for m in said[2:]] == list(
        zip(ids, ["1", "2"], strict=True)
    )


def test_the_user_after_a_tool_is_preceded_by_a_word_of_the_assistant() -> None:
    said = turns(HI, asked(call()), result(), HI)
    assert said[3:] == [{"role": "assistant", "content": "OK"}, HI]


def test_no_word_is_put_where_the_assistant_speaks_anyway() -> None:
    assert roles(turns(HI, asked(call()), result(), ANSWER, HI)) == [
        *("user", "assistant", "tool", "assistant", "user")
    ]
    assert roles(turns(HI, asked(call()), result())) == ["user", "assistant", "tool"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ((HI,), ["user", "system", "user"]),
        ((HI, ANSWER), ["user", "assistant", "user", "user"]),
        ((HI, asked(call()), result()), ["user", "assistant", "tool", "assistant", "user", "user"]),
    ],
    ids=["user", "assistant", "tool"],
)
def test_a_late_system_message_stays_where_it_may_and_is_marked_where_not(
    before: tuple[dict[str, Any], ...], expected: list[str]
) -> None:
    said = turns(*before, {"role": "system", "content": "now in French"}, HI)
    assert roles(said) == expected
    late = said[-2]["content"]
    if said[-2]["role"] == "system":
        assert late == "now in French"
    else:
        assert late == "<system-message>\nnow in French\n</system-message>"


def test_a_marked_system_message_keeps_its_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    said = turns(HI, ANSWER, {"role": "system", "content": parts}, HI)
    assert said[2]["content"] == [
        {"type": "text", "text": "<system-message>\n"},
        *parts,
        {"type": "text", "text": "\n</system-message>"},
    ]


def test_a_system_message_cannot_have_the_last_word() -> None:
    said = turns(HI, {"role": "system", "content": "be brief"})
    assert said[-1] == {
        "role": "user",
        "content": "<system-message>\nbe brief\n</system-message>",
    }


def test_system_messages_alone_are_refused() -> None:
    refused = refusal({"role": "system", "content": "a"}, {"role": "developer", "content": "b"})
    assert refused.param == "messages"


def test_an_answer_to_nothing_is_refused() -> None:
    assert refusal(ANSWER).param == "messages"
    assert roles(turns({"role": "system", "content": "s"}, ANSWER)) == ["system", "assistant"]


def test_a_call_without_a_result_is_refused_by_its_path() -> None:
    for later in ((), (HI,), (result("b"),)):
        refused = refusal(HI, asked(call("a"), call("b")), *later)
        assert (refused.param or "").startswith("messages[1].tool_calls[")
    assert refusal(HI, asked(call("a"), call("b")), result("b"), HI).param == (
        "messages[1].tool_calls[0]"
    )


def test_a_result_that_answers_nothing_is_told_as_text() -> None:
    said = turns(HI, asked(call("a")), result("a"), result("gone", "late"), HI)
    assert roles(said) == ["user", "assistant", "tool", "assistant", "user", "user"]
    assert said[4]["content"] == "[Result of tool call gone]\nlate"
    alone = turns(HI, result("gone", [{"type": "text", "text": "late"}]))
    assert alone[1]["content"] == [
        {"type": "text", "text": "[Result of tool call gone]\n"},
        {"type": "text", "text": "late"},
    ]


def test_an_unfinished_answer_at_the_end_is_a_prefix() -> None:
    assert turns(HI, ANSWER)[-1] == {**ANSWER, "prefix": True}
    assert "prefix" not in turns(HI, ANSWER, HI)[1]


def test_an_answer_that_said_nothing_is_left_out() -> None:
    for nothing in ("", [{"type": "text", "text": ""}]):
        assert turns(HI, {"role": "assistant", "content": nothing}, HI) == [HI, HI]


def test_thoughts_go_back_as_a_chunk() -> None:
    said = turns(HI, {**ANSWER, "reasoning_content": "hmm"}, HI, to=THINKS)
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}
    assert said[1]["content"] == [thought, {"type": "text", "text": "a"}]
    before_a_call = turns(HI, asked(call(), reasoning_content="hmm"), result(), to=THINKS)
    assert before_a_call[1]["content"] == [thought]


def test_a_signature_of_mistrals_own_goes_back_with_its_thought() -> None:
    details = [
        {"type": "thinking", "format": "mistral", "signature": "sig"},
        {"type": "thinking", "format": "anthropic", "signature": "not ours", "text": "x"},
    ]
    message = {**ANSWER, "reasoning_content": "hmm", "reasoning_details": details}
    assert turns(HI, message, HI, to=THINKS)[1]["content"][0] == {
        "type": "thinking",
        "thinking": [{"type": "text", "text": "hmm"}],
        "signature": "sig",
    }


def test_a_model_known_not_to_think_is_spared_earlier_thoughts() -> None:
    unknown = target("mistral-small-latest", reasoning=ReasoningStyle.NONE)
    for plain in (unknown, target("mistral-large-latest")):
        assert turns(HI, {**ANSWER, "reasoning_content": "hmm"}, HI, to=plain)[1] == ANSWER


def test_a_refusal_is_said_as_text() -> None:
    said = turns(HI, {"role": "assistant", "content": None, "refusal": "no"}, HI)
    assert said[1]["content"] == [{"type": "text", "text": "no"}]


def test_a_custom_tools_call_in_a_history_becomes_a_functions() -> None:
    custom = {"id": "D681PevKs", "type": "custom", "custom": {"name": "py", "input": "1"}}
    said = turns(HI, asked(custom), result())
    assert said[1]["tool_calls"] == [call(name="py", arguments='{"input":"1"}')]


@pytest.mark.parametrize(
    ("part", "chunk"),
    [
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "x": 1},
            {"type": "text", "text": "a"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://e.org/a", "detail": "high"}},
            {"type": "image_url", "image_url": {"url": "https://e.org/a", "detail": "high"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:x", "detail": "original"}},
            {"type": "image_url", "image_url": {"url": "data:x"}},
        ),
        (
            {"type": "image_url", "image_url": "https://e.org/a"},
            {"type": "image_url", "image_url": {"url": "https://e.org/a"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "input_audio", "input_audio": "AAAA"},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,A"}},
            {"type": "document_url", "document_url": "data:application/pdf;base64,A"},
        ),
        (
            {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}},
            {
                "type": "document_url",
                "document_url": "data:application/pdf;base64,AAAA",
                "document_name": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://e.org/a.pdf"}},
            {"type": "document_url", "document_url": "https://e.org/a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_id": "f1", "filename": "a.pdf"}},
            {"type": "file", "file_id": "f1"},
        ),
        (
            {"type": "document_url", "document_url": "https://e.org/a.pdf", "x": 1},
            {"type": "document_url", "document_url": "https://e.org/a.pdf"},
        ),
        (
            {"type": "thinking", "thinking": "hmm"},
            {"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]},
        ),
        (
            {"type": "reference", "reference_ids": [1], "x": 1},
            {"type": "reference", "reference_ids": [1]},
        ),
    ],
)
def test_every_part_has_its_chunk(part: dict[str, Any], chunk: dict[str, Any]) -> None:
    assert turns({"role": "user", "content": [part]})[0]["content"] == [chunk]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "video", "video": "x"}, "messages[1].content[1].type"),
        ({"type": "file", "file": {"filename": "a"}}, "messages[1].content[1].file"),
    ],
)
def test_a_part_that_mistral_cannot_take_is_refused_by_its_path(part: Any, param: str) -> None:
    text = {"type": "text", "text": "a"}
    assert refusal(HI, {"role": "user", "content": [text, part]}).param == param


def test_a_conversation_that_needs_nothing_is_not_touched() -> None:
    plain = [{"role": "system", "content": "s"}, HI, ANSWER, HI]
    assert sent(messages=plain)["messages"] == plain
