"""Scenes in OpenAI's format, through the official client."""

import base64
import json
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from gateway.sandbox.acts import THOUGHT
from gateway.sandbox.tokens import count_tokens, split_words
from tests.sandbox.talking import OPENAI, PNG, chat, chat_text, function, read_sse

HELLO: Any = [{"role": "user", "content": "hello there"}]
ECHO_TOKENS = sum(count_tokens(word) for word in ("Echo:", " hello", " there"))


def test_an_echo_repeats_the_user_and_counts_its_tokens(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    assert reply.choices[0].message.content == "Echo: hello there"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "gpt-4o-mini-2024-07-18"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == count_tokens("user: hello there")
    assert reply.usage.completion_tokens == ECHO_TOKENS


def test_an_echo_tells_how_much_system_text_it_saw(sdk: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": "Be brief."},
        *HELLO,
    ]
    reply = sdk.chat.completions.create(model="sandbox-echo", messages=messages)
    assert reply.choices[0].message.content == "Echo: hello there\n[system: 2 texts, 17 bytes]"


def test_a_stream_says_what_the_whole_reply_says(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model="sandbox-long-500",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == " ".join(str(number) for number in range(1, 501))
    whole = sdk.chat.completions.create(model="sandbox-long-500", messages=HELLO)
    assert whole.choices[0].message.content == text
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_chunks_come_as_openai_sends_them(http: httpx.Client) -> None:
    request = chat("sandbox-echo", stream=True, stream_options={"include_usage": True})
    reply = http.post(OPENAI, json=request)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = [data for _, data in read_sse(reply.text)]
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(chunk["usage"] is None for chunk in events[:-2])
    assert events[-3]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["total_tokens"] > 0
    assert events[-1] == "[DONE]"
    assert len({chunk["id"] for chunk in events[:-1]}) == 1


def test_usage_comes_only_to_those_who_ask(http: httpx.Client) -> None:
    events = read_sse(http.post(OPENAI, json=chat("sandbox-echo", stream=True)).text)
    assert all("usage" not in data for _, data in events[:-1])
    assert all(data["choices"] for _, data in events[:-1])


def test_a_reply_has_the_headers_of_the_vendor(http: httpx.Client) -> None:
    headers = http.post(OPENAI, json=chat("sandbox-echo")).headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["x-ratelimit-remaining-requests"] == "9999"


def test_a_tool_is_called_and_its_result_used(sdk: openai.OpenAI) -> None:
    tools: Any = [function("get_weather"), function("other")]
    first = sdk.chat.completions.create(model="sandbox-tool", messages=HELLO, tools=tools)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    call = choice.message.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "some city", "days": 1}
    messages: Any = [
        *HELLO,
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    last = sdk.chat.completions.create(model="sandbox-tool", messages=messages, tools=tools)
    assert last.choices[0].message.content == "The tool get_weather said: sunny"


@pytest.mark.parametrize("model", ["sandbox-tool", "sandbox-parallel-tools"])
def test_streamed_calls_assemble_to_whole_ones(sdk: openai.OpenAI, model: str) -> None:
    tools: Any = [function("one"), function("two")]
    whole = sdk.chat.completions.create(model=model, messages=HELLO, tools=tools)
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    expected = [(c.function.name, c.function.arguments) for c in calls if c.type == "function"]
    with sdk.chat.completions.stream(model=model, messages=HELLO, tools=tools) as stream:
        final = stream.get_final_completion()
    assembled = final.choices[0].message.tool_calls
    assert assembled is not None
    assert [(c.function.name, c.function.arguments) for c in assembled] == expected
    assert len(expected) == (2 if "parallel" in model else 1)
    assert final.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("required", ["one"]),
        ({"type": "function", "function": {"name": "two"}}, ["two"]),
    ],
)
def test_an_echo_calls_a_tool_when_it_must(
    http: httpx.Client, choice: Any, called: list[str]
) -> None:
    request = chat("gpt-4o", tools=[function("one"), function("two")], tool_choice=choice)
    message = http.post(OPENAI, json=request).json()["choices"][0]["message"]
    assert [call["function"]["name"] for call in message.get("tool_calls", [])] == called


def test_allowed_tools_may_demand_a_call(http: httpx.Client) -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "one"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    reply = http.post(OPENAI, json=chat("gpt-4o", tools=[function("one")], tool_choice=choice))
    assert reply.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_parallel_calls_can_be_switched_off(http: httpx.Client) -> None:
    request = chat("sandbox-parallel-tools", tools=[function("one")], parallel_tool_calls=False)
    reply = http.post(OPENAI, json=request).json()
    assert len(reply["choices"][0]["message"]["tool_calls"]) == 1


def test_a_free_text_tool_gets_text(http: httpx.Client) -> None:
    tools = [{"type": "custom", "custom": {"name": "shell"}}]
    reply = http.post(OPENAI, json=chat("sandbox-tool", tools=tools)).json()
    call = reply["choices"][0]["message"]["tool_calls"][0]
    assert call["custom"] == {"name": "shell", "input": "some input"}
    streamed = http.post(OPENAI, json=chat("sandbox-tool", tools=tools, stream=True)).text
    pieces = [
        call["custom"].get("input", "")
        for _, data in read_sse(streamed)[:-1]
        for call in data["choices"][0]["delta"].get("tool_calls", [])
    ]
    assert "".join(pieces) == "some input"


def test_old_functions_are_answered_the_old_way(http: httpx.Client) -> None:
    functions = [{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
    request = chat("sandbox-tool", functions=functions)
    choice = http.post(OPENAI, json=request).json()["choices"][0]
    assert choice["message"]["function_call"] == {"name": "get_weather", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"
    events = read_sse(http.post(OPENAI, json={**request, "stream": True}).text)
    assert events[0][1]["choices"][0]["delta"]["function_call"]["name"] == "get_weather"


def test_structured_output_parses_into_the_model_asked_for(sdk: openai.OpenAI) -> None:
    class Step(BaseModel):
        what: str
        minutes: int

    class Plan(BaseModel):
        title: str
        urgent: bool
        steps: list[Step]

    for model in ("sandbox-json", "gpt-4o"):
        reply = sdk.chat.completions.parse(model=model, messages=HELLO, response_format=Plan)
        plan = reply.choices[0].message.parsed
        assert plan is not None
        assert plan.steps[0].minutes == 0


def test_json_mode_answers_with_json(http: httpx.Client) -> None:
    request = chat("gpt-4o", "hello in json", response_format={"type": "json_object"})
    content = http.post(OPENAI, json=request).json()["choices"][0]["message"]["content"]
    assert json.loads(content) == {"echo": "hello in json"}


def test_reasoning_is_counted_and_not_shown(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="sandbox-reasoning", messages=HELLO)
    assert reply.choices[0].message.content == "Echo: hello there"
    assert reply.usage is not None
    details = reply.usage.completion_tokens_details
    assert details is not None
    thought = sum(count_tokens(word) for word in split_words(THOUGHT))
    assert details.reasoning_tokens == thought
    assert reply.usage.completion_tokens == thought + ECHO_TOKENS
    quiet = sdk.chat.completions.create(
        model="sandbox-reasoning", messages=HELLO, reasoning_effort="none"
    )
    assert quiet.usage is not None
    assert quiet.usage.completion_tokens == ECHO_TOKENS


def test_a_refusal_is_not_content(sdk: openai.OpenAI) -> None:
    message = sdk.chat.completions.create(model="sandbox-refusal", messages=HELLO).choices[0]
    assert message.message.refusal == "I cannot help with that request."
    assert message.message.content is None
    stream = sdk.chat.completions.create(model="sandbox-refusal", messages=HELLO, stream=True)
    deltas = [chunk.choices[0].delta for chunk in stream]
    assert "".join(d.refusal or "" for d in deltas) == "I cannot help with that request."


def test_pictures_are_described(sdk: openai.OpenAI) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    messages: Any = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        }
    ]
    reply = sdk.chat.completions.create(model="sandbox-vision", messages=messages)
    assert reply.choices[0].message.content == (
        f"1. image image/png, 3x2 pixels, {len(PNG)} bytes\n"
        "2. image of unknown type at https://example.com/a.png"
    )


def test_a_maximum_of_tokens_ends_the_answer(sdk: openai.OpenAI) -> None:
    capped = sdk.chat.completions.create(model="sandbox-long", messages=HELLO, max_tokens=3)
    assert capped.choices[0].finish_reason == "length"
    assert capped.choices[0].message.content == "1 2 3"
    endless = sdk.chat.completions.create(model="sandbox-length", messages=HELLO)
    assert endless.choices[0].finish_reason == "length"
    assert endless.usage is not None
    assert 60 <= endless.usage.completion_tokens <= 64


def test_a_stop_sequence_ends_the_answer(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="sandbox-long", messages=HELLO, stop=[" 12", " 7"])
    assert reply.choices[0].message.content == "1 2 3 4 5 6"
    assert reply.choices[0].finish_reason == "stop"


def test_several_choices_are_all_answered_and_counted(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="sandbox-echo", messages=HELLO, n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3 * ECHO_TOKENS
    chunks = list(
        sdk.chat.completions.create(model="sandbox-echo", messages=HELLO, n=2, stream=True)
    )
    for index in (0, 1):
        mine = [c.choices[0] for c in chunks if c.choices[0].index == index]
        assert "".join(c.delta.content or "" for c in mine) == "Echo: hello there"
        assert mine[-1].finish_reason == "stop"


def test_logprobs_come_when_asked_for(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="sandbox-echo", messages=HELLO, logprobs=True)
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == "Echo: hello there"


@pytest.mark.parametrize(
    ("model", "finish", "content"),
    [
        ("sandbox-content-filter", "content_filter", "This answer was going to"),
        ("sandbox-empty-answer", "stop", ""),
    ],
)
def test_answers_that_end_early(sdk: openai.OpenAI, model: str, finish: str, content: str) -> None:
    choice = sdk.chat.completions.create(model=model, messages=HELLO).choices[0]
    assert (choice.finish_reason, choice.message.content) == (finish, content)


def test_text_of_many_scripts_survives(http: httpx.Client) -> None:
    whole = http.post(OPENAI, json=chat("sandbox-unicode")).json()
    streamed = read_sse(http.post(OPENAI, json=chat("sandbox-unicode", stream=True)).text)
    assert chat_text(streamed) == whole["choices"][0]["message"]["content"]
    assert "\u2028" in chat_text(streamed)


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("sandbox-400", openai.BadRequestError, None),
        ("sandbox-context-length", openai.BadRequestError, "context_length_exceeded"),
        ("sandbox-prompt-filter", openai.BadRequestError, "content_policy_violation"),
        ("sandbox-401", openai.AuthenticationError, "invalid_api_key"),
        ("sandbox-403", openai.PermissionDeniedError, "unsupported_country_region_territory"),
        ("sandbox-404", openai.NotFoundError, "model_not_found"),
        ("missing-model-7", openai.NotFoundError, "model_not_found"),
        ("sandbox-no-such-scene", openai.NotFoundError, "model_not_found"),
        ("sandbox-408", openai.APIStatusError, None),
        ("sandbox-409", openai.ConflictError, None),
        ("sandbox-413", openai.APIStatusError, None),
        ("sandbox-429", openai.RateLimitError, "rate_limit_exceeded"),
        ("sandbox-429-no-wait", openai.RateLimitError, "rate_limit_exceeded"),
        ("sandbox-quota", openai.RateLimitError, "insufficient_quota"),
        ("sandbox-billing", openai.RateLimitError, "credit_balance_exhausted"),
        ("sandbox-500", openai.InternalServerError, None),
        ("sandbox-502", openai.InternalServerError, None),
        ("sandbox-503", openai.InternalServerError, None),
        ("sandbox-504", openai.InternalServerError, None),
        ("sandbox-529", openai.InternalServerError, "server_is_overloaded"),
        ("sandbox-overloaded", openai.InternalServerError, "server_is_overloaded"),
    ],
)
def test_failures_raise_the_class_the_client_has_for_them(
    sdk: openai.OpenAI, model: str, kind: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(kind) as caught:
        sdk.chat.completions.create(model=model, messages=HELLO)
    assert caught.value.code == code
    assert set(caught.value.response.json()["error"]) == {"message", "type", "param", "code"}
    number = model.split("-")[1]
    if number.isdigit() and number != "529":  # OpenAI says 503 where others say 529
        assert caught.value.status_code == int(number)


def test_a_rate_limit_names_its_wait_in_every_way_openai_does(http: httpx.Client) -> None:
    headers = http.post(OPENAI, json=chat("sandbox-429-7")).headers
    assert headers["retry-after"] == "7"
    assert headers["retry-after-ms"] == "7000"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "7s"
    assert "retry-after" not in http.post(OPENAI, json=chat("sandbox-429-no-wait")).headers


@pytest.mark.parametrize(
    ("model", "statuses"),
    [
        ("sandbox-429-once-1", [429, 200, 429]),
        ("sandbox-500-once", [500, 200, 500]),
        ("sandbox-500-twice", [500, 500, 200, 500]),
        ("sandbox-503-once", [503, 200]),
        ("sandbox-overloaded-once", [503, 200]),
    ],
)
def test_failures_in_turn_are_counted_for_each_request_id(
    http: httpx.Client, model: str, statuses: list[int]
) -> None:
    assert [http.post(OPENAI, json=chat(model)).status_code for _ in statuses] == statuses
    other = {"x-client-request-id": "somebody else " + http.headers["x-client-request-id"]}
    assert http.post(OPENAI, json=chat(model), headers=other).status_code == statuses[0]


def test_without_a_request_id_the_key_is_counted(http: httpx.Client) -> None:
    del http.headers["x-client-request-id"]
    found = [http.post(OPENAI, json=chat("sandbox-500-once")).status_code for _ in range(2)]
    assert found == [500, 200]


@pytest.fixture
def stranger(http: httpx.Client) -> httpx.Client:
    """A client without a key."""
    del http.headers["authorization"]
    return http


def test_a_key_is_demanded(stranger: httpx.Client) -> None:
    reply = stranger.post(OPENAI, json=chat("sandbox-echo"))
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] is None


def test_a_bad_key_is_refused_and_shown_starred_out(stranger: httpx.Client) -> None:
    headers = {"authorization": "Bearer bad-key-for-the-test"}
    reply = stranger.post(OPENAI, json=chat("sandbox-echo"), headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert "bad-key-********test." in reply.json()["error"]["message"]


def test_models_are_listed_and_found(sdk: openai.OpenAI) -> None:
    names = {model.id for model in sdk.models.list()}
    assert {"gpt-4o-mini", "sandbox-echo", "text-embedding-3-small"} <= names
    assert sdk.models.retrieve("gpt-4o-mini").object == "model"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("missing-model")


def test_embeddings_depend_on_the_text_alone(sdk: openai.OpenAI) -> None:
    ours = sdk.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    again = sdk.embeddings.create(
        model="text-embedding-3-small", input="one", encoding_format="float"
    )
    assert len(ours.data[0].embedding) == 1536
    assert ours.data[0].embedding == pytest.approx(again.data[0].embedding, abs=1e-6)
    assert ours.data[0].embedding != ours.data[1].embedding
    assert sum(x * x for x in again.data[0].embedding) == pytest.approx(1)
    assert ours.usage.prompt_tokens == 2
    short = sdk.embeddings.create(model="text-embedding-3-small", input=[[1, 2]], dimensions=8)
    assert len(short.data[0].embedding) == 8


def test_embeddings_of_nothing_are_refused(sdk: openai.OpenAI) -> None:
    for nothing in ([], "", [""]):
        with pytest.raises(openai.BadRequestError):
            sdk.embeddings.create(model="text-embedding-3-small", input=nothing)
    with pytest.raises(openai.NotFoundError):
        sdk.embeddings.create(model="missing-model", input="x")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"input": {}}, "invalid_type"),
        ({"input": [{}]}, "invalid_type"),
        ({"input": "x", "dimensions": -1}, "integer_below_min_value"),
        ({"input": "x", "encoding_format": "hex"}, "invalid_value"),
        ({"input": "x", "input_type": "query"}, "unknown_parameter"),
        ({}, "missing_required_parameter"),
        ({"model": None, "input": "x"}, "missing_required_parameter"),
    ],
)
def test_embedding_requests_are_checked(http: httpx.Client, more: Any, code: str) -> None:
    request = {"model": "text-embedding-3-small", **more}
    reply = http.post("/openai/v1/embeddings", json=request)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)
