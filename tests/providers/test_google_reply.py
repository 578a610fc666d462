"""Google: replies, part by part, as our events."""

import base64
import json
from typing import Any

import orjson
import pytest

from gateway.errors import Failure
from gateway.types import events as ev
from gateway.types.usage import Usage
from tests.providers.google_scene import completion, events, fragment, message, sse, whole


def call(name: str, args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **({} if args is None else {"args": args}), **more}}


def test_a_text_stream_becomes_events_in_order() -> None:
    data = sse(
        {**fragment("Grü"), "usageMetadata": {"promptTokenCount": 5, "serviceTier": "standard"}},
        fragment("ß"),
        {**fragment("", finish="STOP"), "usageMetadata": {"candidatesTokenCount": 4}},
    )

    assert events(data) == [
        ev.Start("gemini-x", id="r-1", extra={"service_tier": "default"}),
        ev.Usage(Usage(input=5)),
        ev.Text(0, "Grü"),
        ev.Text(0, "ß"),
        ev.Usage(Usage(input=5, output=4)),
        ev.Finish(0, "stop", "STOP"),
        ev.End(),
    ]


def test_vertex_tells_when_a_reply_was_made() -> None:
    made = {**fragment("a", finish="STOP"), "createTime": "2026-02-15T07:50:39.884152Z"}

    assert events(orjson.dumps(made))[0] == ev.Start("gemini-x", id="r-1", created=1771141839)


def test_thoughts_are_reasoning_and_no_content() -> None:
    told = message(whole({"text": "hm", "thought": True}, "so"))

    assert (told["reasoning_content"], told["content"]) == ("hm", "so")


def test_calls_come_whole_and_are_counted_by_themselves() -> None:
    data = sse(
        fragment("x"),
        fragment(call("f", {"a": [1, {"b": None}]}, id="id1")),
        fragment(call("g"), call("f", {})),
        fragment("", finish="STOP"),
    )

    found = [e for e in events(data) if isinstance(e, ev.ToolStart | ev.ToolArgs | ev.ToolEnd)]
    assert found == [
        ev.ToolStart(0, 0, "id1", "f"),
        ev.ToolArgs(0, 0, '{"a":[1,{"b":null}]}'),
        ev.ToolEnd(0, 0),
        ev.ToolStart(0, 1, "call_r-1_0", "g"),
        ev.ToolArgs(0, 1, "{}"),
        ev.ToolEnd(0, 1),
        ev.ToolStart(0, 2, "call_r-1_1", "f"),
        ev.ToolArgs(0, 2, "{}"),
        ev.ToolEnd(0, 2),
    ]
    assert events(data)[-2] == ev.Finish(0, "tool_calls", "STOP")


def test_without_an_id_of_the_reply_a_calls_id_follows_from_the_call() -> None:
    def ids(name: str) -> list[str]:
        reply = {**fragment(call(name, {"x": 1}), call(name, {"x": 1}), finish="STOP")}
        del reply["responseId"]
        return [each["id"] for each in message(orjson.dumps(reply))["tool_calls"]]

    assert ids("f") == ids("f")
    assert len({*ids("f"), *ids("g")}) == 4
    assert all(len(each) <= 40 for each in ids("f"))


def test_arguments_keep_every_digit() -> None:
    data = whole(call("f", {"n": 0})).replace(b'"n":0', b'"n":123456789012345678901234567890')

    [told] = message(data)["tool_calls"]
    assert told["function"]["arguments"] == '{"n":123456789012345678901234567890}'


def test_numbers_beyond_64_bits_break_nothing_elsewhere() -> None:
    huge = 10**40
    code = {"executableCode": {"code": "1", "n": huge}}
    odd = {"groundingMetadata": {"n": huge}, "safetyRatings": [{"n": -huge}]}
    reply = fragment(call("f", {"n": huge}), code, finish="STOP", **odd)

    [choice] = completion(sse({**reply, "usageMetadata": {"promptTokenCount": huge}}))["choices"]
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == f'{{"n":{huge}}}'
    assert choice["message"]["provider_content"]["content"][1]["executableCode"]["n"] == 1e40
    assert choice["grounding_metadata"] == {"n": 1e40}


def test_arguments_that_come_in_pieces_are_put_together() -> None:
    def piece(path: str, **value: Any) -> dict[str, Any]:
        return {"jsonPath": path, **value}

    def more(*pieces: dict[str, Any], goes_on: bool = True) -> dict[str, Any]:
        return {"functionCall": {"partialArgs": list(pieces), "willContinue": goes_on}}

    data = sse(
        fragment({**call("f", id="a", willContinue=True), "thoughtSignature": "S"}),
        fragment(more(piece("$.city", stringValue="Par", willContinue=True))),
        fragment(more(piece("$.city", stringValue="is"), piece("$.days[1].n", numberValue=2))),
        fragment(more(piece("$['a b']", boolValue=True), piece("$.none", nullValue="NULL_VALUE"))),
        fragment({"functionCall": {}}),
        fragment(call("g", {"x": 1}), finish="STOP"),
    )

    told = message(data)["tool_calls"]
    assert json.loads(told[0]["function"]["arguments"]) == {
        "city": "Paris",
        "days": [None, {"n": 2}],
        "a b": True,
        "none": None,
    }
    assert told[0]["extra_content"] == {"google": {"thought_signature": "S"}}
    assert [each["function"]["name"] for each in told] == ["f", "g"]


def test_pieces_with_odd_places_do_no_harm() -> None:
    paths = ["", "x", "$", "$.", "$[0]", "$.a[99999]", "$.a..b", "$.b[1][2].c", "$.b.c", "$.b[1].d"]
    pieces = [{"jsonPath": path, "stringValue": "v"} for path in paths]
    part = {"functionCall": {"name": "f", "partialArgs": [*pieces, 1, {"stringValue": "x"}]}}

    [told] = message(whole(part))["tool_calls"]
    assert json.loads(told["function"]["arguments"])["b"][1][2] == {"c": "v"}


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        (1, "stop"),
        ("MAX_TOKENS", "length"),
        (2, "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        (3, "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("ESCALATION", "content_filter"),
        ("PUP_LIMITED_DISABLED", "content_filter"),
        ("OTHER", "stop"),
        ("LANGUAGE", "stop"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("UNEXPECTED_TOOL_CALL", "stop"),
        ("SOMETHING_NEW", "stop"),
        (99, "stop"),
    ],
)
def test_every_reason_is_one_of_openais(native: Any, reason: str) -> None:
    [choice] = completion(whole("a", finish=native))["choices"]

    assert choice["finish_reason"] == reason
    told = native if isinstance(native, str) else choice["native_finish_reason"]
    assert choice["native_finish_reason"] == told


@pytest.mark.parametrize("native", ["OTHER", "LANGUAGE", "IMAGE_OTHER", "NO_IMAGE"])
def test_a_vague_end_without_an_answer_held_something_back(native: str) -> None:
    assert completion(whole(finish=native))["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("native", ["MAX_TOKENS", "SAFETY", "UNEXPECTED_TOOL_CALL", "OTHER"])
def test_calls_do_not_hide_how_the_model_was_stopped(native: str) -> None:
    [choice] = completion(whole(call("f"), finish=native))["choices"]

    assert choice["finish_reason"] != "tool_calls"
    assert choice["message"]["tool_calls"]


@pytest.mark.parametrize(
    "native",
    [
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    ],
)
def test_a_slip_of_the_model_without_an_answer_is_an_error_worth_another_try(native: str) -> None:
    for data in (whole(finish=native, finishMessage="why"), sse(fragment(finish=native))):
        last = events(data)[-1]
        assert isinstance(last, ev.Error)
        assert (last.error.failure, last.error.code) == (Failure.BAD_REPLY, native)


def test_a_reason_in_every_fragment_does_not_end_the_reply_early() -> None:
    data = sse(*(fragment(text, finish="STOP") for text in "abc"))

    [choice] = completion(data)["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("abc", "stop")
    assert sum(isinstance(event, ev.Finish) for event in events(data)) == 1


def test_a_limit_that_thinking_used_up_is_an_empty_answer() -> None:
    [choice] = completion(whole(finish="MAX_TOKENS", content={"role": "model"}))["choices"]

    assert choice["message"] == {"role": "assistant", "content": "", "refusal": None}
    assert choice["finish_reason"] == "length"


def test_a_blocked_prompt_is_a_refusal_with_its_usage() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT"}
    blocked = {
        "promptFeedback": feedback,
        "usageMetadata": {"promptTokenCount": 9},
        "modelVersion": "gemini-x",
    }
    for data in (orjson.dumps(blocked), sse(blocked)):
        body = completion(data)
        [choice] = body["choices"]
        assert choice["finish_reason"] == "content_filter"
        assert choice["message"]["content"] is None
        assert choice["message"]["refusal"] == (
            "The prompt was blocked by the provider: PROHIBITED_CONTENT."
        )
        assert choice["prompt_feedback"] == {"blockReason": "PROHIBITED_CONTENT"}
        assert body["usage"]["prompt_tokens"] == 9

    feedback["blockReasonMessage"] = "Not that."
    assert message(orjson.dumps(blocked))["refusal"] == "Not that."


def test_a_blocked_answer_is_a_refusal_in_the_providers_words() -> None:
    [choice] = completion(whole(finish="MODEL_ARMOR", finishMessage="No."))["choices"]

    assert choice["message"] == {"role": "assistant", "content": None, "refusal": "No."}
    assert choice["finish_message"] == "No."

    [begun] = completion(whole("abc", finish="SAFETY", finishMessage="No."))["choices"]
    assert (begun["message"]["content"], begun["message"]["refusal"]) == ("abc", None)


def test_several_candidates_are_several_choices() -> None:
    candidates = [
        {"index": 1, "content": {"parts": [{"text": "b"}, call("f")]}, "finishReason": "STOP"},
        {"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS"},
    ]
    body = completion(orjson.dumps({"candidates": candidates, "modelVersion": "m"}))

    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in body["choices"]] == [
        (0, "a", "length"),
        (1, "b", "tool_calls"),
    ]


def test_what_has_no_place_in_openais_format_stands_beside_the_message() -> None:
    told = {
        "avgLogprobs": -0.5,
        "safetyRatings": [{"category": "X"}],
        "citationMetadata": {"citations": []},
        "urlContextMetadata": {"urlMetadata": []},
        "continuationToken": "t",
    }
    [choice] = completion(whole("a", finish="CONTINUATION", **told))["choices"]

    names = ("avg_logprobs", "safety_ratings", "citation_metadata", "url_context_metadata")
    assert [choice[name] for name in names] == list(told.values())[:4]
    assert choice["continuation_token"] == "t"


def test_sources_become_annotations_in_characters() -> None:
    text = "Süß. Wörter 😀 end."
    cited = "Wörter 😀"
    start = text.encode().index(cited.encode())
    segment = {"startIndex": start, "endIndex": start + len(cited.encode()), "text": cited}
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a.test", "title": "A"}},
            {"maps": {"uri": "https://b.test"}},
            {"retrievedContext": {"text": "no address"}},
        ],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0, 1, 2, 7]}],
    }
    data = sse(fragment(text[:9]), fragment(text[9:], finish="STOP", groundingMetadata=grounding))

    notes = [note["url_citation"] for note in message(data)["annotations"]]
    assert [(note["url"], note["title"]) for note in notes] == [
        ("https://a.test", "A"),
        ("https://b.test", "https://b.test"),
    ]
    assert {text[note["start_index"] : note["end_index"]] for note in notes} == {cited}
    assert completion(data)["choices"][0]["grounding_metadata"] == grounding


@pytest.mark.parametrize(
    ("segment", "place"),
    [
        ({"endIndex": 3, "text": "abc"}, (0, 3)),
        ({"startIndex": 1, "endIndex": 3}, (1, 3)),
        ({"startIndex": 1, "endIndex": 2, "text": "cd"}, (2, 4)),
        ({"startIndex": 9, "endIndex": 99, "text": "de"}, (3, 5)),
        ({"startIndex": 9, "endIndex": 99, "text": "zz"}, (0, 0)),
        ({}, (0, 0)),
    ],
)
def test_a_range_that_does_not_fit_is_found_by_its_text(
    segment: dict[str, Any], place: tuple[int, int]
) -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "u"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
    [note] = message(whole("abcdef", groundingMetadata=grounding))["annotations"]

    found = note["url_citation"]
    assert (found["start_index"], found["end_index"]) == place


def test_sources_without_places_are_cited_all_the_same() -> None:
    grounding = {"groundingChunks": [{"web": {"uri": "u", "title": "t"}}]}
    [note] = message(whole("abc", groundingMetadata=grounding))["annotations"]

    cited = {"url": "u", "title": "t", "start_index": 0, "end_index": 0}
    assert note == {"type": "url_citation", "url_citation": cited}


def test_log_probabilities_are_in_openais_shape() -> None:
    result = {
        "chosenCandidates": [{"token": "ü", "tokenId": 7, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "u", "logProbability": -1.5}]}],
    }
    data = sse(
        fragment("ü", logprobsResult=result),
        fragment("b", finish="STOP", logprobsResult={"chosenCandidates": [{"token": "b"}]}),
    )

    [choice] = completion(data)["choices"]
    assert choice["logprobs"]["content"] == [
        {
            "token": "ü",
            "logprob": -0.5,
            "bytes": [195, 188],
            "top_logprobs": [{"token": "u", "logprob": -1.5, "bytes": [117]}],
        },
        {"token": "b", "logprob": 0.0, "bytes": [98], "top_logprobs": []},
    ]


def blob(kind: str, data: bytes) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}


def test_pictures_are_given_out_as_image_parts() -> None:
    data = sse(
        fragment("one", blob("image/png", b"1")), fragment(blob("image/png", b"2"), finish="STOP")
    )

    told = message(data)
    assert told["content"] == "one"
    assert [image["image_url"]["url"] for image in told["images"]] == [
        "data:image/png;base64,MQ==",
        "data:image/png;base64,Mg==",
    ]
    hidden = {**blob("image/png", b"1"), "thought": True}
    assert "images" not in message(whole(hidden, "so"))


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 2, 2, 2), (3, 3), (1, 5, 0, 4), (7,)])
def test_sound_in_pieces_is_one_recording(sizes: tuple[int, ...]) -> None:
    recording = bytes(range(sum(sizes)))
    pieces, at = [], 0
    for size in sizes:
        pieces.append(fragment(blob("audio/L16;codec=pcm;rate=24000", recording[at : at + size])))
        at += size
    told = message(sse(*pieces, fragment(finish="STOP")))

    assert base64.b64decode(told["audio"]["data"]) == recording
    assert told["audio"]["mime_type"] == "audio/L16;codec=pcm;rate=24000"
    assert told["content"] is None
