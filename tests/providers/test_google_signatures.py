"""Google: thought signatures and native parts, given out and taken back."""

import base64
from typing import Any

import pytest

from tests.providers.google_scene import (
    HI,
    answered,
    called,
    fragment,
    message,
    model,
    native,
    on_vertex,
    sse,
    target,
    turns,
    whole,
)

OLD = target("gemini-2.5-flash")
DUMMY = base64.b64encode(b"skip_thought_signature_validator").decode()
CODE = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "S1"}
RESULT = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}


def call(name: str, signature: str | None = None, **more: Any) -> dict[str, Any]:
    part = {"functionCall": {"name": name, "args": {}, **more}}
    return {**part, "thoughtSignature": signature} if signature else part


def signed(text: str, signature: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "thoughtSignature": signature, **more}


def replayed(answer: dict[str, Any], to: Any = None) -> list[dict[str, Any]]:
    results = [answered("1", each["id"]) for each in answer.get("tool_calls", [])]
    found = turns(*HI, answer, *results, *HI, to=to)
    return [part for turn in found if turn["role"] == "model" for part in turn["parts"]]


def encrypted(data: str, **more: Any) -> dict[str, Any]:
    return {"type": "encrypted", "data": data, "format": "gemini", **more}


def test_a_calls_signature_is_given_out_in_both_places() -> None:
    told = message(whole(call("f", "S1", id="a"), call("g", id="b")))

    assert [each.get("extra_content") for each in told["tool_calls"]] == [
        {"google": {"thought_signature": "S1"}},
        None,
    ]
    assert told["reasoning_details"] == [encrypted("S1", id="a", index=0)]


def test_it_is_taken_back_from_either_place() -> None:
    own = called("f", extra_content={"google": {"thought_signature": "S1"}})
    first = {"role": "assistant", "content": None, "tool_calls": [own]}
    detail = [
        {"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": "S1", "id": "c1"}
    ]
    second = {**first, "tool_calls": [called("f")], "reasoning_details": detail}

    for answer in (first, second):
        assert replayed(answer) == [call("f", "S1", id="c1")]
        assert replayed(answer, on_vertex()) == [call("f", "S1", id="c1")]


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "encrypted", "format": "openai-responses", "data": "S1", "id": "c1"},
        {"type": "thinking", "format": "anthropic", "text": "t", "signature": "S1"},
        {"type": "encrypted", "data": "S1", "id": "c1"},
    ],
)
def test_signatures_of_another_vendor_stay_behind(detail: dict[str, Any]) -> None:
    answer = {"role": "assistant", "content": "x", "reasoning_details": [detail]}
    answer |= {"tool_calls": [called("f")], "reasoning_content": "secret"}

    assert replayed(answer) == [{"text": "x"}, call("f", DUMMY, id="c1")]


def test_a_lost_signature_is_replaced_on_the_first_call_of_each_message() -> None:
    calls = [called("f", "a"), called("g", "b")]
    answer = {"role": "assistant", "content": None, "tool_calls": calls}

    assert replayed(answer) == [call("f", DUMMY, id="a"), call("g", id="b")]
    assert replayed(answer, OLD) == [call("f", id="a"), call("g", id="b")]


def test_a_texts_signature_goes_back_to_the_very_text() -> None:
    answer = message(
        sse(fragment("Hel"), fragment(signed("lo", "S1")), fragment(" you", finish="STOP"))
    )

    assert answer["content"] == "Hello you"
    assert answer["reasoning_details"] == [encrypted("S1", text_start=3, text_end=5, index=0)]
    assert replayed(answer) == [{"text": "Hel"}, signed("lo", "S1"), {"text": " you"}]


def test_the_signature_of_an_empty_last_part_stays_one() -> None:
    answer = message(sse(fragment("Hi"), fragment(signed("", "S1"), finish="STOP")))

    assert replayed(answer) == [{"text": "Hi"}, signed("", "S1")]


def test_a_signature_without_any_text_is_that_of_an_empty_one() -> None:
    answer = message(sse(fragment("Hi"), fragment({"thoughtSignature": "S1"}, finish="STOP")))

    assert "provider_content" not in answer
    assert replayed(answer) == [{"text": "Hi"}, signed("", "S1")]


def test_a_signature_whose_place_is_unknown_goes_with_the_end() -> None:
    for detail in (encrypted("S1"), encrypted("S1", text_start=4, text_end=90)):
        answer = {"role": "assistant", "content": "Hello", "reasoning_details": [detail]}
        assert replayed(answer) == [signed("Hello", "S1")]
    silent = {"role": "assistant", "content": "", "reasoning_details": [encrypted("S1")]}
    assert replayed(silent) == [signed("", "S1")]


def test_a_signature_that_trails_behind_a_call_belongs_to_it() -> None:
    answer = message(sse(fragment(call("f", id="a")), fragment(signed("", "S1"), finish="STOP")))

    assert answer["reasoning_details"] == [encrypted("S1", id="a", index=0)]
    assert replayed(answer) == [call("f", "S1", id="a")]


def test_a_signed_thought_goes_back_and_an_unsigned_one_does_not() -> None:
    thought = signed("why", "S1", thought=True)
    answer = message(whole({"text": "hm", "thought": True}, thought, "so"))

    assert answer["reasoning_content"] == "hmwhy"
    assert answer["reasoning_details"] == [
        {"type": "thinking", "text": "why", "signature": "S1", "format": "gemini", "index": 0}
    ]
    assert replayed(answer) == [thought, {"text": "so"}]


def test_what_ran_at_google_goes_back_whole() -> None:
    answer = message(whole("Let me ", "see: ", CODE, RESULT, "it is 1"))

    assert answer["content"] == "Let me see: it is 1"
    assert answer["provider_content"]["format"] == "gemini"
    assert replayed(answer) == [{"text": "Let me see: "}, CODE, RESULT, {"text": "it is 1"}]


def test_native_parts_keep_the_ids_of_calls_without_one() -> None:
    tool = {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB"}, "thoughtSignature": "S2"}
    answer = message(whole(call("f", "S1"), tool))

    [told] = answer["tool_calls"]
    assert replayed(answer) == [call("f", "S1", id=told["id"]), tool]


@pytest.mark.parametrize(
    "change",
    [
        {"content": "something else"},
        {"provider_content": {"format": "anthropic", "content": []}},
        {"provider_content": {"format": "gemini", "content": ["x"]}},
        {"tool_calls": [called("f")]},
    ],
    ids=str,
)
def test_native_parts_of_a_changed_message_stay_behind(change: dict[str, Any]) -> None:
    answer = {**message(whole("a", CODE, RESULT, "b")), **change}

    sent = replayed(answer)
    assert not any("executableCode" in part for part in sent)
    assert sent[0] == {"text": answer["content"]}


def test_plain_answers_carry_no_native_parts() -> None:
    for parts in (["a", "b"], [call("f", "S")], ["a", call("f")], [signed("a", "S")]):
        assert "provider_content" not in message(whole(*parts))
    assert "provider_content" in message(whole(call("f", id="x"), "afterwards"))


def test_pictures_go_back_with_their_signatures() -> None:
    png = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}, "thoughtSignature": "S"}
    answer = message(whole("look:", png))

    assert answer["images"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    assert replayed(answer) == [{"text": "look:"}, png]


def test_the_current_turn_is_signed_also_where_its_parts_came_whole() -> None:
    answer = message(whole(call("f", id="a"), "and on"))
    body = {"messages": [*HI, answer, answered("1", "a")]}

    assert native(body, target("gemini-3-flash-preview"))["contents"][1] == model(
        call("f", DUMMY, id="a"), "and on"
    )
