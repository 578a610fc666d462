"""Scenes in Cohere's format: replies, streams, failures, embeddings and model lists."""

import base64
import json
import struct
from typing import Any

import httpx
import pytest

from gateway.sandbox.acts import THOUGHT
from gateway.sandbox.tokens import count_tokens, split_words
from tests.sandbox.dialects import COHERE
from tests.sandbox.talking import PNG, chat, function, read_sse, row

PREAMBLE = 64
THOUGHT_TOKENS = sum(count_tokens(word) for word in split_words(THOUGHT))
EMBED = "/cohere/v2/embed"


def ask(http: httpx.Client, model: str, **more: Any) -> dict[str, Any]:
    """Return a whole reply."""
    reply = http.post(COHERE, json=chat(model, **more))
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def stream(http: httpx.Client, model: str, **more: Any) -> list[tuple[str, Any]]:
    """Return the events of a stream, without [DONE]."""
    reply = http.post(COHERE, json=chat(model, stream=True, **more))
    assert reply.status_code == 200, reply.text
    events = read_sse(reply.text)
    assert events[-1] == ("", "[DONE]")
    return events[:-1]


def test_an_echo_is_a_reply_with_its_usage(http: httpx.Client) -> None:
    reply = ask(http, "command-a-03-2025")
    assert list(reply) == ["id", "message", "finish_reason", "usage"]
    assert reply["message"] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "Echo: hello there"}],
    }
    assert reply["finish_reason"] == "COMPLETE"
    said = count_tokens("user: hello there")
    assert reply["usage"] == {
        "billed_units": {"input_tokens": said, "output_tokens": 6},
        "tokens": {"input_tokens": PREAMBLE + said, "output_tokens": 6},
        "cached_tokens": 0,
    }


def test_events_come_as_cohere_sends_them(http: httpx.Client) -> None:
    events = stream(http, "sandbox-echo")
    assert [name for name, _ in events] == [
        "message-start",
        "content-start",
        *["content-delta"] * 3,
        "content-end",
        "message-end",
    ]
    assert all(data["type"] == name for name, data in events)
    start = events[0][1]
    assert list(start) == ["id", "type", "delta"]
    assert start["delta"]["message"] == {
        "role": "assistant",
        "content": [],
        "tool_plan": "",
        "tool_calls": [],
        "citations": [],
    }
    assert events[1][1] == {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": {"type": "text", "text": ""}}},
    }
    end = events[-1][1]["delta"]
    assert end["finish_reason"] == "COMPLETE"
    assert end["usage"]["billed_units"]["output_tokens"] == 6


def test_an_echo_tells_how_much_system_text_it_saw(http: httpx.Client) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    reply = http.post(COHERE, json={"model": "sandbox-echo", "messages": messages}).json()
    assert reply["message"]["content"][0]["text"] == "Echo: hi\n[system: 1 texts, 8 bytes]"


def call_and_answer(http: httpx.Client, **more: Any) -> httpx.Response:
    """Let a tool be called, answer it, and return the reply to that."""
    tools = [function("get_weather")]
    first = ask(http, "sandbox-tool", tools=tools)
    messages = [
        {"role": "user", "content": "hello there"},
        first["message"],
        {
            "role": "tool",
            "tool_call_id": first["message"]["tool_calls"][0]["id"],
            "content": [{"type": "document", "document": {"data": {"sky": "blue"}}}],
        },
    ]
    request = {"model": "sandbox-tool", "messages": messages, "tools": tools, **more}
    return http.post(COHERE, json=request)


def test_a_tool_is_called_with_a_plan(http: httpx.Client) -> None:
    tools = [function("get_weather"), function("other")]
    reply = ask(http, "sandbox-tool", tools=tools)
    assert reply["finish_reason"] == "TOOL_CALL"
    message = reply["message"]
    assert list(message) == ["role", "tool_plan", "tool_calls"]
    assert "get_weather" in message["tool_plan"]
    (call,) = message["tool_calls"]
    assert call["id"].startswith("get_weather_")
    assert call["type"] == "function"
    assert json.loads(call["function"]["arguments"]) == {"city": "some city", "days": 1}


def test_a_tools_result_is_used_and_cited(http: httpx.Client) -> None:
    reply = call_and_answer(http).json()
    text = reply["message"]["content"][0]["text"]
    assert text == 'The tool get_weather said: {"sky":"blue"}'
    (citation,) = reply["message"]["citations"]
    assert text[citation["start"] : citation["end"]] == citation["text"] == '{"sky":"blue"}'
    (source,) = citation["sources"]
    assert (source["type"], source["tool_output"]) == ("tool", {"sky": "blue"})
    assert source["id"].startswith("get_weather_")


def test_citations_are_streamed_behind_what_they_cite(http: httpx.Client) -> None:
    whole = call_and_answer(http).json()["message"]["citations"]
    events = read_sse(call_and_answer(http, stream=True).text)
    names = [name for name, _ in events]
    at = names.index("citation-start")
    assert names[at + 1] == "citation-end"
    assert "content-delta" not in names[at:]
    (found,) = [
        data["delta"]["message"]["citations"] for name, data in events if name == "citation-start"
    ]
    assert {**found, "sources": []} == {**whole[0], "sources": []}


@pytest.mark.parametrize("model", ["sandbox-tool", "sandbox-parallel-tools"])
def test_streamed_calls_assemble_to_whole_ones(http: httpx.Client, model: str) -> None:
    tools = [function("one"), function("two")]
    whole = ask(http, model, tools=tools)["message"]
    plan, calls = "", {}
    for name, data in stream(http, model, tools=tools):
        message = data.get("delta", {}).get("message", {})
        match name:
            case "tool-plan-delta":
                plan += message["tool_plan"]
            case "tool-call-start":
                calls[data["index"]] = dict(message["tool_calls"]["function"])
            case "tool-call-delta":
                piece = message["tool_calls"]["function"]["arguments"]
                calls[data["index"]]["arguments"] += piece
            case _:
                pass
    assert plan == whole["tool_plan"]
    assert list(calls.values()) == [one["function"] for one in whole["tool_calls"]]
    assert len(calls) == (2 if "parallel" in model else 1)


def test_a_call_without_arguments_streams_none(http: httpx.Client) -> None:
    tools = [function("f", {"type": "object", "properties": {}})]
    names = [name for name, _ in stream(http, "sandbox-tool", tools=tools)]
    assert names[-3:] == ["tool-call-start", "tool-call-end", "message-end"]
    assert ask(http, "sandbox-tool", tools=tools)["message"]["tool_calls"][0]["function"] == {
        "name": "f",
        "arguments": "{}",
    }


def test_tool_choice_demands_or_forbids(http: httpx.Client) -> None:
    tools = [function("f")]
    demanded = ask(http, "sandbox-echo", tools=tools, tool_choice="REQUIRED")
    assert demanded["finish_reason"] == "TOOL_CALL"
    forbidden = ask(http, "sandbox-tool", tools=tools, tool_choice="NONE")
    assert forbidden["finish_reason"] == "COMPLETE"


def test_thoughts_are_content_before_the_text(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-reasoning")
    assert reply["message"]["content"] == [
        {"type": "thinking", "thinking": THOUGHT},
        {"type": "text", "text": "Echo: hello there"},
    ]
    tokens = reply["usage"]["tokens"]
    assert (tokens["output_tokens"], tokens["reasoning_tokens"]) == (
        THOUGHT_TOKENS + 6,
        THOUGHT_TOKENS,
    )
    events = stream(http, "sandbox-reasoning")
    kinds = [
        (name, data["index"]) for name, data in events if name in ("content-start", "content-end")
    ]
    assert kinds == [
        ("content-start", 0),
        ("content-end", 0),
        ("content-start", 1),
        ("content-end", 1),
    ]
    contents = [
        data["delta"]["message"]["content"] for name, data in events if name == "content-delta"
    ]
    assert "".join(one.get("thinking", "") for one in contents) == THOUGHT
    assert "".join(one.get("text", "") for one in contents) == "Echo: hello there"


def test_thinking_can_be_switched_off(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-reasoning", thinking={"type": "disabled"})
    assert [one["type"] for one in reply["message"]["content"]] == ["text"]
    assert "reasoning_tokens" not in reply["usage"]["tokens"]
    kept = ask(http, "sandbox-reasoning", thinking={"type": "enabled", "token_budget": 100})
    assert len(kept["message"]["content"]) == 2


def test_a_model_that_thinks_calls_without_a_plan(http: httpx.Client) -> None:
    message = ask(http, "sandbox-reasoning-tool", tools=[function("f")])["message"]
    assert list(message) == ["role", "content", "tool_calls"]
    names = {name for name, _ in stream(http, "sandbox-reasoning-tool", tools=[function("f")])}
    assert "tool-plan-delta" not in names
    assert "tool-call-start" in names


def test_redacted_thoughts_are_paid_for_but_not_shown(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-reasoning-redacted")
    assert "not for everybody" not in json.dumps(reply)
    assert reply["usage"]["tokens"]["reasoning_tokens"] > THOUGHT_TOKENS


@pytest.mark.parametrize(
    ("scene", "text", "finish"),
    [
        ("refusal", "I cannot help with that request.", "COMPLETE"),
        ("content-filter", "This answer was going to", "ERROR"),
        ("empty-answer", "", "COMPLETE"),
    ],
)
def test_endings_have_coheres_names(http: httpx.Client, scene: str, text: str, finish: str) -> None:
    reply = ask(http, f"sandbox-{scene}")
    assert "".join(one["text"] for one in reply["message"]["content"]) == text
    assert reply["finish_reason"] == finish
    assert stream(http, f"sandbox-{scene}")[-1][1]["delta"]["finish_reason"] == finish


def test_an_answer_is_cut_at_the_maximum_and_at_stop_sequences(http: httpx.Client) -> None:
    short = ask(http, "sandbox-long", max_tokens=3)
    assert (short["message"]["content"][0]["text"], short["finish_reason"]) == (
        "1 2 3",
        "MAX_TOKENS",
    )
    stopped = ask(http, "sandbox-long", stop_sequences=["9", "4"])
    assert (stopped["message"]["content"][0]["text"], stopped["finish_reason"]) == (
        "1 2 3 ",
        "STOP_SEQUENCE",
    )


def test_json_comes_on_demand_and_obeys_its_schema(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-echo", response_format={"type": "json_object"})
    assert json.loads(reply["message"]["content"][0]["text"]) == {"echo": "hello there"}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_object", "json_schema": schema}
    reply = ask(http, "sandbox-json", response_format=wanted)
    assert isinstance(json.loads(reply["message"]["content"][0]["text"])["n"], int)


def test_log_probabilities_come_on_demand(http: httpx.Client) -> None:
    reply = ask(http, "sandbox-echo", logprobs=True)
    assert [one["text"] for one in reply["logprobs"]] == ["Echo:", " hello", " there"]
    events = stream(http, "sandbox-echo", logprobs=True)
    assert [data["logprobs"]["text"] for name, data in events if name == "content-delta"] == [
        "Echo:",
        " hello",
        " there",
    ]


def test_pictures_are_counted_apart_and_billed_together(http: httpx.Client) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    content = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a", "detail": "low"}},
    ]
    request = {"model": "sandbox-vision", "messages": [{"role": "user", "content": content}]}
    reply = http.post(COHERE, json=request).json()
    assert reply["message"]["content"][0]["text"] == (
        f"1. image image/png, 3x2 pixels, {len(PNG)} bytes\n"
        "2. image of unknown type at https://example.com/a"
    )
    usage, said = reply["usage"], count_tokens("user: look")
    assert usage["tokens"]["input_tokens"] == PREAMBLE + said
    assert usage["tokens"]["image_tokens"] == 170
    assert usage["billed_units"]["input_tokens"] == said + 170
    assert row(http)["input"] == PREAMBLE + said + 170


def test_documents_are_read_and_counted(http: httpx.Client) -> None:
    bare = ask(http, "sandbox-echo")["usage"]["billed_units"]["input_tokens"]
    more = ask(http, "sandbox-echo", documents=["some text", {"id": "d", "data": {"a": "b"}}])
    added = count_tokens("document: some text") + count_tokens('document: {"a":"b"}')
    assert more["usage"]["billed_units"]["input_tokens"] == bare + added


def test_a_repeated_prompt_is_cached_preamble_first(http: httpx.Client) -> None:
    first = ask(http, "sandbox-echo")["usage"]
    second = ask(http, "sandbox-echo", text="another")["usage"]
    assert (first["cached_tokens"], second["cached_tokens"]) == (0, 64)
    text = "word " * 200  # 250 tokens and the role
    ask(http, "sandbox-echo", text=text)
    again = ask(http, "sandbox-echo", text=text)["usage"]
    assert again["cached_tokens"] == 256
    booked = row(http)
    assert booked["cache_read"] == 256
    assert booked["input"] == again["tokens"]["input_tokens"] - 256


@pytest.mark.parametrize(
    ("scene", "status"),
    [
        ("400", 400),
        ("401", 401),
        ("403", 403),
        ("404", 404),
        ("408", 408),
        ("409", 409),
        ("413", 413),
        ("429", 429),
        ("429-9", 429),
        ("429-no-wait", 429),
        ("quota", 429),
        ("billing", 402),
        ("context-length", 400),
        ("prompt-filter", 400),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("504", 504),
        ("529", 503),
        ("overloaded", 503),
    ],
)
def test_failures_have_an_id_and_a_message_and_name_no_wait(
    http: httpx.Client, scene: str, status: int
) -> None:
    reply = http.post(COHERE, json=chat(f"sandbox-{scene}"))
    assert reply.status_code == status
    body = reply.json()
    assert set(body) - {"error_type"} == {"id", "message"}
    assert body["message"]
    assert "retry-after" not in reply.headers
    assert len(reply.headers["x-debug-trace-id"]) == 32


def test_some_failures_say_more(http: httpx.Client) -> None:
    length = http.post(COHERE, json=chat("sandbox-context-length")).json()
    assert length["error_type"] == "TOO_MANY_TOKENS"
    assert length["message"].startswith("too many tokens")
    limited = http.post(COHERE, json=chat("sandbox-429"))
    assert limited.headers["x-trial-endpoint-call-remaining"] == "0"
    assert "/ minute" in limited.json()["message"]
    assert "/ month" in http.post(COHERE, json=chat("sandbox-quota")).json()["message"]


def test_a_wrong_key_is_refused(http: httpx.Client) -> None:
    reply = http.post(COHERE, json=chat("m"), headers={"authorization": "Bearer bad-key"})
    assert reply.status_code == 401
    assert reply.json()["message"].startswith("Incorrect API key provided")
    del http.headers["authorization"]
    reply = http.post(COHERE, json=chat("m"))
    assert (reply.status_code, reply.json()["message"]) == (401, "no api key supplied")


def embed(http: httpx.Client, **more: Any) -> httpx.Response:
    """Send an embed request."""
    request = {"model": "embed-v4.0", "input_type": "search_query", "texts": ["one", "two"], **more}
    return http.post(EMBED, json=request)


def test_embeddings_are_unit_vectors_that_depend_on_the_text(http: httpx.Client) -> None:
    reply = embed(http, texts=["one", "two", "one"]).json()
    first, second, third = reply["embeddings"]["float"]
    assert first == third != second
    assert len(first) == 1536
    assert sum(number * number for number in first) == pytest.approx(1, abs=1e-5)
    assert reply["texts"] == ["one", "two", "one"]
    assert reply["response_type"] == "embeddings_by_type"
    assert reply["meta"]["billed_units"]["input_tokens"] == 3
    booked = row(http)
    assert (booked["operation"], booked["input"], booked["output"]) == ("embeddings", 3, 0)


def test_embeddings_come_in_every_type(http: httpx.Client) -> None:
    kinds = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    found = embed(http, embedding_types=kinds, output_dimension=256).json()["embeddings"]
    assert list(found) == kinds
    plain = found["float"][0]
    unpacked = struct.unpack("<256f", base64.b64decode(found["base64"][0]))
    assert list(unpacked) == pytest.approx(plain, abs=1e-6)
    assert found["int8"][0] == [round(one * 127) for one in plain]
    assert all(0 <= one <= 255 for one in found["uint8"][0])
    bits = f"{found['ubinary'][0][0]:08b}"
    assert bits == "".join("1" if one > 0 else "0" for one in plain[:8])
    assert [one + 128 for one in found["binary"][0]] == found["ubinary"][0]
    assert len(found["ubinary"][0]) == 32


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"input_type": None}, 400),
        ({"input_type": "query"}, 400),
        ({"texts": []}, 400),
        ({"texts": ["a", ""]}, 400),
        ({"texts": ["a"] * 97}, 400),
        ({"texts": "a"}, 422),
        ({"input": "a"}, 422),
        ({"output_dimension": 300}, 400),
        ({"model": "embed-english-v3.0", "output_dimension": 256}, 400),
        ({"model": "missing-model"}, 404),
        ({"model": None}, 400),
        ({"embedding_types": ["half"]}, 400),
    ],
)
def test_bad_embed_requests_are_refused(
    http: httpx.Client, more: dict[str, Any], status: int
) -> None:
    reply = embed(http, **more)
    assert reply.status_code == status
    assert reply.json()["message"]


def test_models_are_listed_page_by_page(http: httpx.Client) -> None:
    names: list[str] = []
    token = ""
    while True:
        page = http.get("/cohere/v1/models", params={"page_size": 7, "page_token": token}).json()
        assert len(page["models"]) <= 7
        names += [one["name"] for one in page["models"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert len(set(names)) == len(names)
    assert {"sandbox-echo", "command-a-03-2025", "embed-v4.0"} <= set(names)
    embedders = http.get("/cohere/v1/models", params={"endpoint": "embed", "page_size": 1000})
    assert all("embed" in one["endpoints"] for one in embedders.json()["models"])
    shown = http.get("/cohere/v1/models/command-a-03-2025").json()
    assert shown["endpoints"] == ["generate", "chat"]
    assert http.get("/cohere/v1/models/missing-model").status_code == 404
    assert http.get("/cohere/v1/chat").status_code == 404
