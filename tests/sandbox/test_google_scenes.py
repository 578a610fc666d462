"""Scenes in Gemini's and Vertex's formats, over raw HTTP."""

import base64
import json
from typing import Any

import httpx
import pytest

from gateway.sandbox.acts import THOUGHT
from gateway.sandbox.tokens import count_tokens, split_words
from tests.sandbox.google_talk import (
    GEMINI,
    VERTEX,
    ask,
    call,
    force,
    functions,
    model,
    parts_of,
    read_events,
    refused,
    response,
    said,
    text,
    user,
)
from tests.sandbox.talking import PNG

ECHO_TOKENS = sum(count_tokens(word) for word in ("Echo:", " hello", " there"))
THOUGHT_TOKENS = sum(count_tokens(word) for word in split_words(THOUGHT))
SHOW = {"thinkingConfig": {"includeThoughts": True}}
SSE = ":streamGenerateContent?alt=sse"


def whole(http: httpx.Client, name: str, request: dict[str, Any], at: str = GEMINI) -> Any:
    """Return a whole reply."""
    reply = http.post(f"{at}{name}:generateContent", json=request)
    assert reply.status_code == 200, reply.text
    return reply.json()


def streamed(http: httpx.Client, name: str, request: dict[str, Any], at: str = GEMINI) -> list[Any]:
    """Return the pieces of a streamed reply."""
    reply = http.post(f"{at}{name}{SSE}", json=request)
    assert reply.status_code == 200, reply.text
    return read_events(reply.text)


def test_an_echo_repeats_the_user_and_counts_its_tokens(gemini: httpx.Client) -> None:
    system = {"parts": [text("Be kind.")]}
    reply = whole(gemini, "gemini-2.5-flash", ask(systemInstruction=system))
    assert parts_of(reply) == [{"text": "Echo: hello there\n[system: 1 texts, 8 bytes]"}]
    assert reply["candidates"][0]["finishReason"] == "STOP"
    assert reply["modelVersion"] == "gemini-2.5-flash"
    usage = reply["usageMetadata"]
    prompt = count_tokens("system: Be kind.") + count_tokens("user: hello there")
    assert usage["promptTokenCount"] == prompt
    assert usage["totalTokenCount"] == prompt + usage["candidatesTokenCount"]
    assert "thoughtsTokenCount" not in usage


def test_an_alias_is_answered_by_the_model_it_stands_for(gemini: httpx.Client) -> None:
    assert whole(gemini, "gemini-flash-latest", ask())["modelVersion"] == "gemini-3.6-flash"


def test_events_come_as_gemini_sends_them(gemini: httpx.Client) -> None:
    reply = gemini.post(f"{GEMINI}sandbox-echo{SSE}", json=ask())
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.text.endswith("\r\n\r\n")
    assert "[DONE]" not in reply.text
    pieces = read_events(reply.text)
    assert said(pieces) == "Echo: hello there"
    assert [one["candidates"][0].get("finishReason") for one in pieces] == [None] * 3 + ["STOP"]
    assert parts_of(pieces[-1]) == [{"text": ""}]
    counts = [one["usageMetadata"]["candidatesTokenCount"] for one in pieces]
    assert counts == sorted(counts)
    assert counts[-1] == ECHO_TOKENS
    assert len({one["responseId"] for one in pieces}) == 1


def test_vertex_tells_the_usage_with_the_last_piece(http: httpx.Client) -> None:
    pieces = streamed(http, "sandbox-echo", ask(), VERTEX)
    assert all(one["usageMetadata"] == {"trafficType": "ON_DEMAND"} for one in pieces[:-1])
    assert pieces[-1]["usageMetadata"]["candidatesTokenCount"] == ECHO_TOKENS
    assert pieces[0]["createTime"].endswith("Z")
    assert "index" not in pieces[0]["candidates"][0]


def test_without_events_asked_for_a_stream_is_one_array(gemini: httpx.Client) -> None:
    reply = gemini.post(f"{GEMINI}sandbox-echo:streamGenerateContent", json=ask())
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert said(reply.json()) == "Echo: hello there"
    refusal = gemini.post(f"{GEMINI}missing-model:streamGenerateContent", json=ask())
    assert refusal.status_code == 404
    assert refusal.json()[0]["error"]["status"] == "NOT_FOUND"


def test_a_refused_event_stream_is_json_under_the_streams_type(gemini: httpx.Client) -> None:
    reply = gemini.post(f"{GEMINI}missing-model{SSE}", json=ask())
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/event-stream")
    assert reply.json()["error"]["code"] == 404


@pytest.mark.parametrize("at", [GEMINI, VERTEX])
@pytest.mark.parametrize("name", ["sandbox-long-300", "sandbox-unicode"])
def test_a_stream_says_what_the_whole_reply_says(
    gemini: httpx.Client, key: str, at: str, name: str
) -> None:
    if at == VERTEX:
        del gemini.headers["x-goog-api-key"]
        gemini.headers["authorization"] = f"Bearer {key}"
    reply, pieces = whole(gemini, name, ask(), at), streamed(gemini, name, ask(), at)
    assert said(pieces) == parts_of(reply)[0]["text"]
    usage, last = reply["usageMetadata"], pieces[-1]["usageMetadata"]
    assert usage["totalTokenCount"] == last["totalTokenCount"]


def test_angle_brackets_are_escaped_in_events(gemini: httpx.Client) -> None:
    reply = gemini.post(f"{GEMINI}sandbox-echo{SSE}", json=ask("<b>x</b>"))
    assert "\\u003cb\\u003ex" in reply.text
    assert said(read_events(reply.text)) == "Echo: <b>x</b>"


def test_a_function_is_called_and_its_response_used(gemini: httpx.Client) -> None:
    tools = functions("get_weather", "other")
    first = whole(gemini, "sandbox-tool", ask(tools=tools))
    (part,) = parts_of(first)
    assert part["functionCall"]["name"] == "get_weather"
    assert part["functionCall"]["args"] == {"city": "some city", "days": 1}
    assert len(part["functionCall"]["id"]) == 8
    assert part["thoughtSignature"]
    assert first["candidates"][0]["finishReason"] == "STOP"
    answered = response("get_weather", "sunny", id=part["functionCall"]["id"])
    contents = [user(text("hello there")), first["candidates"][0]["content"], user(answered)]
    last = whole(gemini, "sandbox-tool", {"contents": contents, "tools": tools})
    assert parts_of(last)[0]["text"] == "The tool get_weather said: sunny"


def test_calls_have_no_ids_on_vertex(http: httpx.Client) -> None:
    (part,) = parts_of(whole(http, "sandbox-tool", ask(tools=functions("f")), VERTEX))
    assert set(part["functionCall"]) == {"name", "args"}


@pytest.mark.parametrize("name", ["sandbox-tool", "sandbox-parallel-tools"])
def test_streamed_calls_are_whole_and_the_first_is_signed(gemini: httpx.Client, name: str) -> None:
    request = ask(tools=functions("one", "two"))
    expected = parts_of(whole(gemini, name, request))
    pieces = streamed(gemini, name, request)
    found = [part for one in pieces for part in parts_of(one) if "functionCall" in part]
    assert [one["functionCall"]["name"] for one in found] == ["one", "two"][: len(found)]
    assert [one["functionCall"]["args"] for one in found] == [
        one["functionCall"]["args"] for one in expected
    ]
    assert len(found) == len(expected) == (2 if "parallel" in name else 1)
    assert ["thoughtSignature" in one for one in found] == [True, False][: len(found)]
    assert parts_of(pieces[-1]) == [{"text": ""}]
    assert pieces[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize(
    ("config", "called"),
    [
        ({"functionCallingConfig": {"mode": "NONE"}}, []),
        ({"functionCallingConfig": {"mode": "auto"}}, []),
        (force(), ["one"]),
        (force("two"), ["two"]),
        (force("two", "three"), ["two"]),
    ],
)
def test_an_echo_calls_a_function_when_it_must(
    gemini: httpx.Client, config: dict[str, Any], called: list[str]
) -> None:
    request = ask(tools=functions("one", "two", "three"), toolConfig=config)
    parts = parts_of(whole(gemini, "gemini-3-flash-preview", request))
    assert [part["functionCall"]["name"] for part in parts if "functionCall" in part] == called


def test_older_models_do_not_sign_their_calls(gemini: httpx.Client) -> None:
    request = ask(tools=functions("f"), toolConfig=force())
    assert list(parts_of(whole(gemini, "gemini-2.0-flash", request))[0]) == ["functionCall"]


def test_thoughts_are_counted_apart_and_shown_to_those_who_ask(gemini: httpx.Client) -> None:
    hidden = whole(gemini, "sandbox-reasoning", ask())
    assert [part.get("thought") for part in parts_of(hidden)] == [None]
    usage = hidden["usageMetadata"]
    assert usage["thoughtsTokenCount"] == THOUGHT_TOKENS
    assert usage["candidatesTokenCount"] == ECHO_TOKENS
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + THOUGHT_TOKENS + ECHO_TOKENS
    shown = parts_of(whole(gemini, "sandbox-reasoning", ask(generationConfig=SHOW)))
    assert shown[0] == {"text": THOUGHT, "thought": True}
    assert shown[1]["text"] == "Echo: hello there"
    assert shown[1]["thoughtSignature"]
    off = {"thinkingConfig": {"thinkingBudget": 0}}
    quiet = whole(gemini, "sandbox-reasoning", ask(generationConfig=off))
    assert "thoughtsTokenCount" not in quiet["usageMetadata"]


def test_streamed_thoughts_come_first_and_their_number_later(gemini: httpx.Client) -> None:
    pieces = streamed(gemini, "sandbox-reasoning", ask(generationConfig=SHOW))
    thoughts = [one for one in pieces if parts_of(one)[0].get("thought")]
    assert "".join(parts_of(one)[0]["text"] for one in thoughts) == THOUGHT
    assert pieces[: len(thoughts)] == thoughts
    assert not any("thoughtsTokenCount" in one["usageMetadata"] for one in thoughts)
    assert pieces[-1]["usageMetadata"]["thoughtsTokenCount"] == THOUGHT_TOKENS
    assert parts_of(pieces[-1])[0]["thoughtSignature"]
    assert said(pieces) == "Echo: hello there"


def test_what_is_redacted_is_never_shown(gemini: httpx.Client) -> None:
    reply = whole(gemini, "sandbox-reasoning-redacted", ask(generationConfig=SHOW))
    assert len(parts_of(reply)) == 2
    assert reply["usageMetadata"]["thoughtsTokenCount"] > THOUGHT_TOKENS


@pytest.mark.parametrize(
    ("at", "reason"), [(GEMINI, "PROHIBITED_CONTENT"), (VERTEX, "MODEL_ARMOR")]
)
def test_a_refusal_is_a_candidate_without_content(
    http: httpx.Client, key: str, at: str, reason: str
) -> None:
    if at == GEMINI:
        del http.headers["authorization"]
        http.headers["x-goog-api-key"] = key
    (candidate,) = whole(http, "sandbox-refusal", ask(), at)["candidates"]
    assert "content" not in candidate
    assert candidate["finishReason"] == reason
    assert candidate["finishMessage"] == "I cannot help with that request."
    pieces = streamed(http, "sandbox-refusal", ask(), at)
    assert [one["candidates"][0]["finishReason"] for one in pieces] == [reason]


def test_a_filter_stops_what_was_begun(gemini: httpx.Client) -> None:
    (candidate,) = whole(gemini, "sandbox-content-filter", ask())["candidates"]
    assert "content" not in candidate
    assert candidate["finishReason"] == "SAFETY"
    assert candidate["safetyRatings"][0]["blocked"] is True
    pieces = streamed(gemini, "sandbox-content-filter", ask())
    assert said(pieces) == "This answer was going to"
    assert pieces[-1]["candidates"][0]["finishReason"] == "SAFETY"


@pytest.mark.parametrize("at", [GEMINI, VERTEX])
def test_a_blocked_prompt_is_a_proper_reply_without_candidates(
    http: httpx.Client, key: str, at: str
) -> None:
    if at == GEMINI:
        del http.headers["authorization"]
        http.headers["x-goog-api-key"] = key
    for reply in (
        whole(http, "sandbox-prompt-filter", ask(), at),
        *streamed(http, "sandbox-prompt-filter", ask(), at),
    ):
        assert "candidates" not in reply
        assert reply["promptFeedback"]["blockReason"] == "SAFETY"
        assert ("blockReasonMessage" in reply["promptFeedback"]) is (at == VERTEX)
        assert reply["usageMetadata"]["promptTokenCount"] == count_tokens("user: hello there")
        assert "candidatesTokenCount" not in reply["usageMetadata"]


@pytest.mark.parametrize(
    "schema",
    [
        {"responseSchema": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}},
        {"responseJsonSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        {"response_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    ],
)
def test_structured_output_obeys_either_kind_of_schema(
    gemini: httpx.Client, schema: dict[str, Any]
) -> None:
    config = {"responseMimeType": "application/json", **schema}
    for name in ("sandbox-json", "gemini-2.5-flash"):
        reply = whole(gemini, name, ask(generationConfig=config))
        assert json.loads(parts_of(reply)[0]["text"]) == {"n": 0}


def test_schemas_are_understood_all_the_way_down(gemini: httpx.Client) -> None:
    schema = {
        "type": "OBJECT",
        "required": ["kind", "list", "either"],
        "properties": {
            "kind": {"type": "STRING", "enum": ["a", "b"]},
            "list": {"type": "ARRAY", "minItems": "2", "items": {"type": "NUMBER", "minimum": 3}},
            "either": {"anyOf": [{"type": "BOOLEAN"}, {"type": "STRING"}]},
            "when": {"type": "STRING", "format": "date-time", "nullable": True},
        },
    }
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    made = json.loads(
        parts_of(whole(gemini, "sandbox-json", ask(generationConfig=config)))[0]["text"]
    )
    assert made["kind"] == "a"
    assert made["list"] == [3, 3]
    assert made["either"] is True
    assert made["when"] == "2026-01-02T03:04:05Z"


def test_json_mode_answers_with_json(gemini: httpx.Client) -> None:
    config = {"responseMimeType": "application/json"}
    reply = whole(gemini, "gemini-2.5-flash", ask(generationConfig=config))
    assert json.loads(parts_of(reply)[0]["text"]) == {"echo": "hello there"}


def test_pictures_sounds_and_documents_are_described(gemini: httpx.Client) -> None:
    data = base64.b64encode(PNG).decode()
    pdf = base64.urlsafe_b64encode(b"%PDF-1.7 \xff\xfe").decode().rstrip("=")
    request = {
        "contents": [
            user(
                text("What is this?"),
                {"inlineData": {"mimeType": "image/png", "data": data}},
                {"inline_data": {"mime_type": "application/pdf", "data": pdf}},
                {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
                {"fileData": {"fileUri": "https://example.com/a.mp4", "mimeType": "video/mp4"}},
            )
        ]
    }
    reply = whole(gemini, "sandbox-vision", request)
    assert parts_of(reply)[0]["text"] == (
        f"1. image image/png, 3x2 pixels, {len(PNG)} bytes\n"
        "2. document application/pdf, 11 bytes\n"
        "3. audio audio/wav, 3 bytes\n"
        "4. document video/mp4 at https://example.com/a.mp4"
    )
    details = reply["usageMetadata"]["promptTokensDetails"]
    assert [one["modality"] for one in details] == ["TEXT", "IMAGE", "DOCUMENT", "AUDIO"]
    assert sum(one["tokenCount"] for one in details) == reply["usageMetadata"]["promptTokenCount"]


def test_a_maximum_of_tokens_ends_the_answer(gemini: httpx.Client) -> None:
    capped = whole(gemini, "sandbox-long", ask(generationConfig={"maxOutputTokens": 3}))
    assert capped["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert parts_of(capped)[0]["text"] == "1 2 3"
    thoughtful = whole(gemini, "sandbox-reasoning", ask(generationConfig={"maxOutputTokens": 5}))
    assert thoughtful["candidates"][0]["content"] == {"role": "model"}
    assert thoughtful["usageMetadata"]["thoughtsTokenCount"] <= 5
    endless = whole(gemini, "sandbox-length", ask())
    assert 60 <= endless["usageMetadata"]["candidatesTokenCount"] <= 64


@pytest.mark.parametrize("limit", [1, 3, 5])
def test_a_call_that_is_cut_short_is_not_sent_but_sold(gemini: httpx.Client, limit: int) -> None:
    request = ask(tools=functions("f"), generationConfig={"maxOutputTokens": limit})
    reply = whole(gemini, "sandbox-tool", request)
    assert parts_of(reply) == []
    assert reply["candidates"][0]["finishReason"] == "MAX_TOKENS"
    last = streamed(gemini, "sandbox-tool", request)[-1]
    assert last["usageMetadata"]["candidatesTokenCount"] == limit
    assert reply["usageMetadata"]["candidatesTokenCount"] == limit


def test_a_stop_sequence_ends_the_answer(gemini: httpx.Client) -> None:
    reply = whole(gemini, "sandbox-long", ask(generationConfig={"stopSequences": [" 12", " 7"]}))
    assert parts_of(reply)[0]["text"] == "1 2 3 4 5 6"
    assert reply["candidates"][0]["finishReason"] == "STOP"


def test_several_candidates_are_all_answered_and_counted(gemini: httpx.Client) -> None:
    request = ask(generationConfig={"candidateCount": 3})
    reply = whole(gemini, "sandbox-echo", request)
    assert [one["index"] for one in reply["candidates"]] == [0, 1, 2]
    assert reply["usageMetadata"]["candidatesTokenCount"] == 3 * ECHO_TOKENS
    pieces = streamed(gemini, "sandbox-echo", request)
    for index in range(3):
        mine = [one for one in pieces if one["candidates"][0]["index"] == index]
        assert said(mine) == "Echo: hello there"
        assert mine[-1]["candidates"][0]["finishReason"] == "STOP"
    assert pieces[-1]["usageMetadata"]["candidatesTokenCount"] == 3 * ECHO_TOKENS


def test_logprobs_come_when_asked_for(http: httpx.Client) -> None:
    config = {"responseLogprobs": True, "logprobs": 2}
    reply = whole(http, "sandbox-echo", ask(generationConfig=config), VERTEX)
    result = reply["candidates"][0]["logprobsResult"]
    assert "".join(one["token"] for one in result["chosenCandidates"]) == "Echo: hello there"
    pieces = streamed(http, "sandbox-echo", ask(generationConfig=config), VERTEX)
    assert all("logprobsResult" in one["candidates"][0] for one in pieces[:-1])


def test_an_empty_answer_has_content_without_parts(gemini: httpx.Client) -> None:
    (candidate,) = whole(gemini, "sandbox-empty-answer", ask())["candidates"]
    assert candidate["content"] == {"role": "model"}
    (piece,) = streamed(gemini, "sandbox-empty-answer", ask())
    assert piece["candidates"][0]["finishReason"] == "STOP"


FAILURES = [
    ("sandbox-400", 400, "INVALID_ARGUMENT"),
    ("sandbox-context-length", 400, "INVALID_ARGUMENT"),
    ("sandbox-413", 400, "INVALID_ARGUMENT"),
    ("sandbox-403", 403, "PERMISSION_DENIED"),
    ("sandbox-404", 404, "NOT_FOUND"),
    ("missing-model-7", 404, "NOT_FOUND"),
    ("sandbox-no-such-scene", 404, "NOT_FOUND"),
    ("sandbox-408", 408, "DEADLINE_EXCEEDED"),
    ("sandbox-409", 409, "ABORTED"),
    ("sandbox-429", 429, "RESOURCE_EXHAUSTED"),
    ("sandbox-429-no-wait", 429, "RESOURCE_EXHAUSTED"),
    ("sandbox-quota", 429, "RESOURCE_EXHAUSTED"),
    ("sandbox-500", 500, "INTERNAL"),
    ("sandbox-502", 502, "UNAVAILABLE"),
    ("sandbox-503", 503, "UNAVAILABLE"),
    ("sandbox-504", 504, "DEADLINE_EXCEEDED"),
    ("sandbox-529", 503, "UNAVAILABLE"),
    ("sandbox-overloaded", 503, "UNAVAILABLE"),
]


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [*FAILURES, ("sandbox-401", 400, "INVALID_ARGUMENT"), ("sandbox-billing", 429, "RESOURCE_EXHAUSTED")],
)  # fmt: skip
def test_failures_come_in_the_words_of_gemini(
    gemini: httpx.Client, name: str, code: int, status: str
) -> None:
    reply = gemini.post(f"{GEMINI}{name}:generateContent", json=ask())
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["status"]) == (code, code, status)
    assert error["message"]


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [*FAILURES, ("sandbox-401", 401, "UNAUTHENTICATED"), ("sandbox-billing", 403, "PERMISSION_DENIED")],
)  # fmt: skip
def test_failures_come_in_the_words_of_vertex(
    http: httpx.Client, name: str, code: int, status: str
) -> None:
    reply = http.post(f"{VERTEX}{name}:generateContent", json=ask())
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["status"]) == (code, code, status)


def details(reply: httpx.Response) -> dict[str, Any]:
    """Return an error's details by the last word of their type."""
    found = reply.json()["error"].get("details", [])
    return {one["@type"].rpartition(".")[2]: one for one in found}


def test_a_rate_limit_names_its_wait_in_the_body_and_nowhere_else(gemini: httpx.Client) -> None:
    reply = gemini.post(f"{GEMINI}sandbox-429-7:generateContent", json=ask())
    assert details(reply)["RetryInfo"]["retryDelay"] == "7s"
    assert "PerMinute" in details(reply)["QuotaFailure"]["violations"][0]["quotaId"]
    assert "Please retry in 7s." in reply.json()["error"]["message"]
    assert "retry-after" not in reply.headers
    unsaid = gemini.post(f"{GEMINI}sandbox-429-no-wait:generateContent", json=ask())
    assert details(unsaid) == {}


def test_a_daily_quota_names_no_wait(gemini: httpx.Client) -> None:
    found = details(gemini.post(f"{GEMINI}sandbox-quota:generateContent", json=ask()))
    assert "PerDay" in found["QuotaFailure"]["violations"][0]["quotaId"]
    assert "RetryInfo" not in found


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("sandbox-429-once-1", [429, 200, 429]),
        ("sandbox-500-twice", [500, 500, 200, 500]),
        ("sandbox-503-once", [503, 200]),
        ("sandbox-overloaded-once", [503, 200]),
    ],
)
def test_failures_in_turn_are_counted(gemini: httpx.Client, name: str, statuses: list[int]) -> None:
    url = f"{GEMINI}{name}:generateContent"
    assert [gemini.post(url, json=ask()).status_code for _ in statuses] == statuses


def test_gemini_wants_its_own_kind_of_key(http: httpx.Client, key: str) -> None:
    url = f"{GEMINI}sandbox-echo:generateContent"
    assert "Expected OAuth 2 access token" in refused(http.post(url, json=ask()), 401)
    both = http.post(url, json=ask(), headers={"x-goog-api-key": key})
    assert "Multiple authentication credentials" in refused(both)
    del http.headers["authorization"]
    assert "unregistered callers" in refused(http.post(url, json=ask()), 403)
    bad = http.post(url, json=ask(), headers={"x-goog-api-key": "bad-key"})
    assert "API key not valid" in refused(bad)
    assert details(bad)["ErrorInfo"]["reason"] == "API_KEY_INVALID"
    assert http.post(f"{url}?key={key}", json=ask()).status_code == 200


def test_vertex_wants_a_bearer_token(http: httpx.Client, key: str) -> None:
    url = f"{VERTEX}sandbox-echo:generateContent"
    assert http.post(url, json=ask()).status_code == 200
    bad = http.post(url, json=ask(), headers={"authorization": "Bearer bad"})
    assert "invalid authentication credentials" in refused(bad, 401)
    del http.headers["authorization"]
    assert "missing required authentication" in refused(http.post(url, json=ask()), 401)
    keyed = http.post(url, json=ask(), headers={"x-goog-api-key": key})
    assert "API keys are not supported" in refused(keyed, 401)
    express = "/vertex/v1/publishers/google/models/sandbox-echo:generateContent"
    assert http.post(express, json=ask(), headers={"x-goog-api-key": key}).status_code == 200


def test_models_are_listed_page_by_page(gemini: httpx.Client) -> None:
    names: list[str] = []
    token: str | None = "0"
    while token is not None:
        query = {"pageSize": "20", "pageToken": token}
        page = gemini.get("/gemini/v1beta/models", params=query).json()
        names += [one["name"] for one in page["models"]]
        token = page.get("nextPageToken")
    assert {"models/gemini-2.5-flash", "models/sandbox-echo", "models/gemini-embedding-001"} <= set(
        names
    )
    assert len(names) == len(set(names)) > 40
    row = gemini.get(f"{GEMINI}gemini-2.5-flash").json()
    assert "generateContent" in row["supportedGenerationMethods"]
    assert row["thinking"] is True
    assert gemini.get(f"{GEMINI}missing-model").status_code == 404
    assert gemini.get("/gemini/v1beta/models?pageToken=x").status_code == 400


def test_tokens_are_counted_without_an_answer(gemini: httpx.Client) -> None:
    url = f"{GEMINI}gemini-2.5-flash:countTokens"
    plain = gemini.post(url, json=ask()).json()
    assert plain["totalTokens"] == count_tokens("user: hello there")
    system = {"parts": [text("Be kind.")]}
    inner = {"model": "models/gemini-2.5-flash", **ask(systemInstruction=system)}
    full = gemini.post(url, json={"generateContentRequest": inner}).json()
    assert full["totalTokens"] == plain["totalTokens"] + count_tokens("system: Be kind.")
    stray = gemini.post(url, json=ask(systemInstruction=system))
    assert 'Unknown name "systemInstruction"' in refused(stray)


def test_vertex_counts_with_the_system_instruction(http: httpx.Client) -> None:
    system = {"parts": [text("Be kind.")]}
    reply = http.post(f"{VERTEX}gemini-2.5-flash:countTokens", json=ask(systemInstruction=system))
    assert reply.json()["totalTokens"] > count_tokens("user: hello there")
    assert reply.json()["totalBillableCharacters"] > 0


def test_long_prompts_are_cached_unasked_and_included_in_the_prompt(gemini: httpx.Client) -> None:
    request = ask("word " * 1200)
    first = whole(gemini, "sandbox-echo", request)["usageMetadata"]
    assert "cachedContentTokenCount" not in first
    again = whole(gemini, "sandbox-echo", request)["usageMetadata"]
    assert again["promptTokenCount"] == first["promptTokenCount"]
    assert 1024 <= again["cachedContentTokenCount"] < again["promptTokenCount"]
    assert again["cacheTokensDetails"][0]["tokenCount"] == again["cachedContentTokenCount"]


def test_a_response_after_the_call_of_another_turn_is_used(gemini: httpx.Client) -> None:
    contents = [
        user(text("q")),
        model(call("f", args={"a": 1})),
        user(response("f", "r1")),
        model(text("so")),
        user(text("and now?")),
    ]
    request = {"contents": contents, "tools": functions("f")}
    assert parts_of(whole(gemini, "sandbox-echo", request))[0]["text"] == "Echo: and now?"
