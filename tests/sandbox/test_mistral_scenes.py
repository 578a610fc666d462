"""Scenes in Mistral's format: replies, streams, failures, embeddings and model lists."""

import base64
import json
import struct
from typing import Any

import httpx
import pytest

from gateway.sandbox.acts import THOUGHT
from gateway.sandbox.tokens import count_tokens, split_words
from tests.sandbox.dialects import MISTRAL
from tests.sandbox.talking import PNG, chat, function, read_sse, row

THOUGHT_TOKENS = sum(count_tokens(word) for word in split_words(THOUGHT))


def ask(http: httpx.Client, model: str, **more: Any) -> dict[str, Any]:
    """Return the one choice of a reply, with the usage beside it."""
    reply = http.post(MISTRAL, json=chat(model, **more))
    assert reply.status_code == 200, reply.text
    body = reply.json()
    choice: dict[str, Any] = body["choices"][0]
    return {**choice, "usage": body["usage"]}


def stream(http: httpx.Client, model: str, **more: Any) -> list[Any]:
    """Return the chunks of a stream, [DONE] among them."""
    reply = http.post(MISTRAL, json=chat(model, stream=True, **more))
    assert reply.status_code == 200, reply.text
    return [data for _, data in read_sse(reply.text)]


def deltas(chunks: list[Any]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]


def test_an_echo_is_a_chat_completion_with_its_usage(http: httpx.Client) -> None:
    reply = http.post(MISTRAL, json=chat("mistral-small-2603")).json()
    assert (reply["object"], reply["model"]) == ("chat.completion", "mistral-small-2603")
    assert len(reply["id"]) == 32
    assert reply["choices"] == [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "tool_calls": None, "content": "Echo: hello there"},
        }
    ]
    prompt = count_tokens("user: hello there")
    usage = reply["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (prompt, 6)
    assert usage["total_tokens"] == prompt + 6
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


def test_chunks_come_as_mistral_sends_them(http: httpx.Client) -> None:
    chunks = stream(http, "sandbox-echo")
    assert chunks[-1] == "[DONE]"
    first, *middle, last = chunks[:-1]
    assert first["choices"][0] == {
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "finish_reason": None,
    }
    assert "p" not in first
    assert all(chunk["p"] for chunk in (*middle, last))
    assert [one["content"] for one in deltas([*middle, ""])] == ["Echo:", " hello", " there"]
    assert last["choices"][0]["delta"] == {"content": ""}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] == 6
    assert all("usage" not in chunk for chunk in (first, *middle))
    assert len({chunk["id"] for chunk in chunks[:-1]}) == 1


def test_an_echo_tells_how_much_system_text_it_saw(http: httpx.Client) -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "hi"},
    ]
    reply = http.post(MISTRAL, json={"model": "sandbox-echo", "messages": messages}).json()
    said = reply["choices"][0]["message"]["content"]
    assert said == "Echo: hi\n[system: 2 texts, 17 bytes]"


def test_a_tool_is_called_and_its_result_used(http: httpx.Client) -> None:
    tools = [function("get_weather"), function("other")]
    first = ask(http, "sandbox-tool", tools=tools)
    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["content"] == ""
    (call,) = first["message"]["tool_calls"]
    assert (call["type"], call["index"]) == ("function", 0)
    assert len(call["id"]) == 9
    assert call["id"].isalnum()
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "some city", "days": 1}
    messages = [
        {"role": "user", "content": "hello there"},
        first["message"],
        {"role": "tool", "tool_call_id": call["id"], "name": "get_weather", "content": "sunny"},
    ]
    last = http.post(
        MISTRAL, json={"model": "sandbox-tool", "messages": messages, "tools": tools}
    ).json()
    assert last["choices"][0]["message"]["content"] == "The tool get_weather said: sunny"


def test_streamed_calls_come_whole_in_the_last_chunk(http: httpx.Client) -> None:
    tools = [function("one"), function("two")]
    chunks = stream(http, "sandbox-parallel-tools", tools=tools)
    last = chunks[-2]
    calls = last["choices"][0]["delta"]["tool_calls"]
    whole = ask(http, "sandbox-parallel-tools", tools=tools)["message"]["tool_calls"]
    assert [one["function"] for one in calls] == [one["function"] for one in whole]
    assert [one["index"] for one in calls] == [0, 1]
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["usage"]["completion_tokens"] > 0
    assert not any("tool_calls" in delta for delta in deltas(chunks)[:-1])


@pytest.mark.parametrize("choice", ["any", "required", {"function": {"name": "two"}}])
def test_a_demanded_call_is_made(http: httpx.Client, choice: Any) -> None:
    tools = [function("one"), function("two")]
    found = ask(http, "sandbox-echo", tools=tools, tool_choice=choice)
    wanted = "two" if isinstance(choice, dict) else "one"
    assert [one["function"]["name"] for one in found["message"]["tool_calls"]] == [wanted]


def test_parallel_calls_can_be_switched_off_and_tools_as_well(http: httpx.Client) -> None:
    tools = [function("f")]
    one = ask(http, "sandbox-parallel-tools", tools=tools, parallel_tool_calls=False)
    assert len(one["message"]["tool_calls"]) == 1
    none = ask(http, "sandbox-tool", tools=tools, tool_choice="none")
    assert (none["message"]["tool_calls"], none["finish_reason"]) == (None, "stop")


def test_thoughts_are_a_chunk_before_the_text(http: httpx.Client) -> None:
    found = ask(http, "sandbox-reasoning")
    thinking, text = found["message"]["content"]
    assert thinking == {
        "type": "thinking",
        "thinking": [{"type": "text", "text": THOUGHT}],
        "closed": True,
    }
    assert text == {"type": "text", "text": "Echo: hello there"}
    assert found["usage"]["completion_tokens"] == THOUGHT_TOKENS + 6
    assert row(http)["reasoning"] == THOUGHT_TOKENS


def test_streamed_thoughts_assemble_and_are_closed(http: httpx.Client) -> None:
    contents = [delta["content"] for delta in deltas(stream(http, "sandbox-reasoning"))]
    thoughts = [one[0] for one in contents if isinstance(one, list)]
    said = "".join(part["text"] for one in thoughts for part in one["thinking"])
    assert said == THOUGHT
    assert [at for at, one in enumerate(thoughts) if one.get("closed")] == [len(thoughts) - 1]
    assert "".join(one for one in contents if isinstance(one, str)) == "Echo: hello there"


def test_a_reply_with_thoughts_can_be_sent_back(http: httpx.Client) -> None:
    thought = ask(http, "sandbox-reasoning")["message"]
    messages = [
        {"role": "user", "content": "hi"},
        thought,
        {"role": "user", "content": "and now?"},
    ]
    reply = http.post(MISTRAL, json={"model": "sandbox-echo", "messages": messages})
    assert reply.json()["choices"][0]["message"]["content"] == "Echo: and now?"
    prompt = reply.json()["usage"]["prompt_tokens"]
    assert prompt > count_tokens(f"assistant: {THOUGHT}")


@pytest.mark.parametrize(
    ("more", "thinks"),
    [({}, True), ({"reasoning_effort": "high"}, True), ({"reasoning_effort": "none"}, False)],
)
def test_effort_switches_thinking(http: httpx.Client, more: dict[str, Any], thinks: bool) -> None:
    found = ask(http, "sandbox-reasoning", **more)
    assert isinstance(found["message"]["content"], list) is thinks


def test_redacted_thoughts_are_paid_for_but_not_shown(http: httpx.Client) -> None:
    found = ask(http, "sandbox-reasoning-redacted")
    shown = json.dumps(found["message"]["content"])
    assert "not for everybody" not in shown
    assert THOUGHT in shown
    assert found["usage"]["completion_tokens"] > THOUGHT_TOKENS + 6
    assert row(http)["reasoning"] > THOUGHT_TOKENS


def test_a_model_reasons_and_calls(http: httpx.Client) -> None:
    found = ask(http, "sandbox-reasoning-tool", tools=[function("f")])
    assert [one["type"] for one in found["message"]["content"]] == ["thinking"]
    assert len(found["message"]["tool_calls"]) == 1
    assert found["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("scene", "text", "finish"),
    [
        ("refusal", "I cannot help with that request.", "stop"),
        ("content-filter", "This answer was going to", "error"),
        ("empty-answer", "", "stop"),
    ],
)
def test_endings_have_mistrals_names(
    http: httpx.Client, scene: str, text: str, finish: str
) -> None:
    found = ask(http, f"sandbox-{scene}")
    assert (found["message"]["content"], found["finish_reason"]) == (text, finish)
    chunks = stream(http, f"sandbox-{scene}")
    assert "".join(one["content"] for one in deltas(chunks)) == text
    assert chunks[-2]["choices"][0]["finish_reason"] == finish


def test_an_answer_is_cut_at_the_maximum_and_at_stop_sequences(http: httpx.Client) -> None:
    short = ask(http, "sandbox-long", max_tokens=3)
    assert (short["message"]["content"], short["finish_reason"]) == ("1 2 3", "length")
    assert ask(http, "sandbox-length")["finish_reason"] == "length"
    for stop in ("4", ["9", "4"]):
        stopped = ask(http, "sandbox-long", stop=stop)
        assert (stopped["message"]["content"], stopped["finish_reason"]) == ("1 2 3 ", "stop")


def test_json_comes_on_demand_and_obeys_its_schema(http: httpx.Client) -> None:
    found = ask(http, "sandbox-echo", response_format={"type": "json_object"})
    assert json.loads(found["message"]["content"]) == {"echo": "hello there"}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    found = ask(http, "sandbox-json", response_format=wanted)
    assert isinstance(json.loads(found["message"]["content"])["n"], int)


def test_several_choices_cost_several_times(http: httpx.Client) -> None:
    reply = http.post(MISTRAL, json=chat("sandbox-echo", n=3)).json()
    assert [one["index"] for one in reply["choices"]] == [0, 1, 2]
    assert reply["usage"]["completion_tokens"] == 18
    assert row(http)["output"] == 18
    chunks = stream(http, "sandbox-reasoning-tool", n=2, tools=[function("f")])
    assert [one["choices"][0]["finish_reason"] for one in chunks[-3:-1]] == ["tool_calls"] * 2
    booked = row(http)
    assert booked["output"] + booked["reasoning"] == chunks[-2]["usage"]["completion_tokens"]


def test_media_are_seen_in_all_their_spellings(http: httpx.Client) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    content = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": url},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "document_url", "document_url": "https://example.com/a.pdf"},
        {"type": "input_audio", "input_audio": base64.b64encode(b"RIFF").decode()},
    ]
    request = {"model": "sandbox-vision", "messages": [{"role": "user", "content": content}]}
    reply = http.post(MISTRAL, json=request).json()
    lines = reply["choices"][0]["message"]["content"].split("\n")
    assert lines == [
        f"1. image image/png, 3x2 pixels, {len(PNG)} bytes",
        "2. image of unknown type at https://example.com/a.png",
        "3. document of unknown type at https://example.com/a.pdf",
        "4. audio audio/wav, 4 bytes",
    ]
    assert reply["usage"]["prompt_tokens"] == count_tokens("user: look") + 4 * 85


def test_prompts_are_cached_in_blocks_of_64_tokens(http: httpx.Client) -> None:
    text = "word " * 200  # 1,000 bytes: 250 tokens and the role
    first = ask(http, "sandbox-echo", text=text)["usage"]
    second = ask(http, "sandbox-echo", text=text)["usage"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] == 192
    assert second["prompt_tokens"] == first["prompt_tokens"]
    booked = row(http)
    assert (booked["cache_read"], booked["input"]) == (192, second["prompt_tokens"] - 192)


ERROR = ("object", "message", "type", "param", "code", "raw_status_code")


@pytest.mark.parametrize(
    ("scene", "status", "code"),
    [
        ("400", 400, None),
        ("403", 403, None),
        ("404", 404, None),
        ("408", 408, None),
        ("409", 409, None),
        ("429", 429, "1300"),
        ("quota", 429, "1300"),
        ("billing", 402, None),
        ("context-length", 400, "3051"),
        ("prompt-filter", 403, None),
        ("500", 500, "1000"),
        ("503", 503, "1100"),
        ("529", 503, "3505"),
        ("overloaded", 503, "3505"),
    ],
)
def test_failures_are_mistrals_error_objects(
    http: httpx.Client, scene: str, status: int, code: str | None
) -> None:
    reply = http.post(MISTRAL, json=chat(f"sandbox-{scene}"))
    assert reply.status_code == status
    body = reply.json()
    assert tuple(body) == ERROR
    assert (body["object"], body["raw_status_code"], body["code"]) == ("error", status, code)
    assert body["message"]
    assert reply.headers["mistral-correlation-id"]


@pytest.mark.parametrize(("scene", "status"), [("413", 413), ("502", 502), ("504", 504)])
def test_the_front_door_has_few_words(http: httpx.Client, scene: str, status: int) -> None:
    reply = http.post(MISTRAL, json=chat(f"sandbox-{scene}"))
    assert reply.status_code == status
    assert list(reply.json()) == ["message"]


def test_a_revoked_key_has_detail(http: httpx.Client) -> None:
    reply = http.post(MISTRAL, json=chat("sandbox-401"))
    assert (reply.status_code, reply.json()) == (401, {"detail": "Invalid API Key"})
    bad = {"authorization": "Bearer bad-key"}
    reply = http.post(MISTRAL, json=chat("sandbox-echo"), headers=bad)
    assert (reply.status_code, reply.json()) == (401, {"detail": "Invalid API Key"})
    del http.headers["authorization"]
    reply = http.post(MISTRAL, json=chat("sandbox-echo"))
    assert (reply.status_code, reply.json()) == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize(
    ("scene", "wait"), [("429", "1"), ("429-17", "17"), ("429-no-wait", None), ("quota", None)]
)
def test_a_wait_is_named_where_there_is_one(
    http: httpx.Client, scene: str, wait: str | None
) -> None:
    reply = http.post(MISTRAL, json=chat(f"sandbox-{scene}"))
    assert reply.status_code == 429
    assert reply.headers.get("retry-after") == wait
    spent = "tokens-month" if scene == "quota" else "req-minute"
    assert reply.headers[f"x-ratelimit-remaining-{spent}"] == "0"


def test_embeddings_are_unit_vectors_that_depend_on_the_text(http: httpx.Client) -> None:
    request = {"model": "mistral-embed", "input": ["one", "two", "one"]}
    reply = http.post("/mistral/v1/embeddings", json=request).json()
    first, second, third = (one["embedding"] for one in reply["data"])
    assert first == third != second
    assert len(first) == 1024
    assert sum(number * number for number in first) == pytest.approx(1, abs=1e-5)
    assert [one["index"] for one in reply["data"]] == [0, 1, 2]
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] == 3
    booked = row(http)
    assert (booked["operation"], booked["input"], booked["output"]) == ("embeddings", 3, 0)


def test_embeddings_come_in_base64_and_other_lengths(http: httpx.Client) -> None:
    request = {"model": "codestral-embed", "input": "x", "output_dimension": 256}
    plain = http.post("/mistral/v1/embeddings", json=request).json()["data"][0]["embedding"]
    request["encoding_format"] = "base64"
    packed = http.post("/mistral/v1/embeddings", json=request).json()["data"][0]["embedding"]
    unpacked = struct.unpack("<256f", base64.b64decode(packed))
    assert list(unpacked) == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"model": "mistral-embed"}, 422),
        ({"model": "mistral-embed", "input": []}, 422),
        ({"model": "mistral-embed", "input": "x", "dimensions": 3}, 422),
        ({"model": "mistral-embed", "input": "x", "output_dimension": 256}, 400),
        ({"model": "missing-model", "input": "x"}, 400),
    ],
)
def test_bad_embedding_requests_are_refused(
    http: httpx.Client, request_: dict[str, Any], status: int
) -> None:
    assert http.post("/mistral/v1/embeddings", json=request_).status_code == status


def test_models_are_listed_and_shown(http: httpx.Client) -> None:
    listed = http.get("/mistral/v1/models").json()
    assert listed["object"] == "list"
    names = [one["id"] for one in listed["data"]]
    assert len(set(names)) == len(names)
    assert {"sandbox-echo", "mistral-large-latest", "mistral-embed"} <= set(names)
    shown = http.get("/mistral/v1/models/mistral-large-latest").json()
    assert shown in listed["data"]
    assert shown["capabilities"]["completion_chat"] is True
    assert shown["aliases"] == ["mistral-large-2512"]
    assert http.get("/mistral/v1/models/missing-model").status_code == 400


def test_an_unknown_path_is_no_route(http: httpx.Client) -> None:
    reply = http.post("/mistral/v1/fim/completions", json={})
    assert (reply.status_code, reply.json()) == (
        404,
        {"message": "no Route matched with those values"},
    )
