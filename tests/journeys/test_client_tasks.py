"""Thirty things an application does, written once with the official client, for users of every
provider: each works the same, or is refused with a 400 that says why."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pydantic
import pytest

from tests.journeys.running import GatewayUser, RunningGateway

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6"
    "kgAAAABJRU5ErkJggg=="
)
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
WAV = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00").decode()
KEYS: dict[str, Any] = {
    "bedrock": {"settings": {"region": "us-east-1"}},
    "azure": {"settings": {"azure_resource": "sandbox"}},
    "vertex": {"settings": {"project": "sandbox", "region": "us-central1"}},
}
PROVIDERS = (
    "openai", "anthropic", "azure", "gemini", "vertex", "bedrock", "cohere", "mistral",
)  # fmt: skip
Client = openai.OpenAI
Task = Callable[[Client], None]

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
TIME: Any = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
}


class City(pydantic.BaseModel):
    name: str
    people: int


def user(*parts: Any) -> Any:
    return {"role": "user", "content": list(parts) if parts else "Hello there"}


def ask(client: Client, model: str, *messages: Any, **members: Any) -> Any:
    return client.chat.completions.create(
        model=model, messages=list(messages) or [user()], **members
    )


def text_of(answer: Any) -> str:
    return str(answer.choices[0].message.content)


def stream_text(client: Client, model: str, **members: Any) -> str:
    chunks = ask(client, model, stream=True, **members)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def plain_chat(client: Client) -> None:
    answer = ask(client, "sandbox-echo")
    assert "Hello there" in text_of(answer)
    assert answer.choices[0].finish_reason == "stop"


def usage_adds_up(client: Client) -> None:
    usage = ask(client, "sandbox-echo").usage
    assert usage.prompt_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def plain_stream(client: Client) -> None:
    assert "Hello there" in stream_text(client, "sandbox-echo")


def stream_equals_whole(client: Client) -> None:
    assert stream_text(client, "sandbox-long-60") == text_of(ask(client, "sandbox-long-60"))


def stream_with_usage(client: Client) -> None:
    chunks = list(ask(client, "sandbox-echo", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0


def every_script_survives(client: Client) -> None:
    assert stream_text(client, "sandbox-unicode") == text_of(ask(client, "sandbox-unicode"))


def system_message(client: Client) -> None:
    system = {"role": "system", "content": "Be brief."}
    assert "Hello there" in text_of(ask(client, "sandbox-echo", system, user()))


def developer_message(client: Client) -> None:
    developer = {"role": "developer", "content": "Be brief."}
    assert "Hello there" in text_of(ask(client, "sandbox-echo", developer, user()))


def several_turns(client: Client) -> None:
    turns = [user(), {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Again"}]
    assert "Again" in text_of(ask(client, "sandbox-echo", *turns))


def two_user_turns_in_a_row(client: Client) -> None:
    turns = [user(), {"role": "user", "content": "And this"}]
    assert "And this" in text_of(ask(client, "sandbox-echo", *turns))


def one_tool(client: Client) -> None:
    choice = ask(client, "sandbox-tool", tools=[WEATHER]).choices[0]
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


def tool_without_arguments(client: Client) -> None:
    [call] = ask(client, "sandbox-tool", tools=[TIME]).choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {}


def two_tool_turns(client: Client) -> None:
    first = ask(client, "sandbox-tool", tools=[WEATHER]).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "21 degrees"}
    answer = ask(client, "sandbox-tool", user(), first, result, tools=[WEATHER])
    assert "21 degrees" in text_of(answer)


def a_question_after_a_tool_turn(client: Client) -> None:
    first = ask(client, "sandbox-tool", tools=[WEATHER]).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "21 degrees"}
    done = {"role": "assistant", "content": "It is 21 degrees."}
    answer = ask(client, "sandbox-echo", user(), first, result, done, user(), tools=[WEATHER])
    assert "Hello there" in text_of(answer)


def parallel_tools(client: Client) -> None:
    message = ask(client, "sandbox-parallel-tools", tools=[WEATHER, TIME]).choices[0].message
    assert {call.function.name for call in message.tool_calls} == {"get_weather", "get_time"}
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"}
        for call in message.tool_calls
    ]
    answer = ask(client, "sandbox-parallel-tools", user(), message, *results, tools=[WEATHER, TIME])
    assert "result of get_time" in text_of(answer)


def parallel_tools_in_a_stream(client: Client) -> None:
    with client.chat.completions.stream(
        model="sandbox-parallel-tools", messages=[user()], tools=[WEATHER, TIME]
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [call.function.name for call in message.tool_calls or []] == ["get_weather", "get_time"]


def a_tool_demanded(client: Client) -> None:
    choice = ask(client, "sandbox-echo", tools=[WEATHER], tool_choice="required").choices[0]
    assert choice.message.tool_calls


def one_tool_named(client: Client) -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    choice = ask(client, "sandbox-echo", tools=[WEATHER, TIME], tool_choice=named).choices[0]
    assert [call.function.name for call in choice.message.tool_calls] == ["get_time"]


def no_tool_wanted(client: Client) -> None:
    choice = ask(client, "sandbox-echo", tools=[WEATHER], tool_choice="none").choices[0]
    assert not choice.message.tool_calls


def structured_output(client: Client) -> None:
    parsed = client.chat.completions.parse(
        model="sandbox-json", messages=[user()], response_format=City
    )
    assert isinstance(parsed.choices[0].message.parsed, City)


def json_mode(client: Client) -> None:
    message = {"role": "user", "content": "Answer in JSON"}
    answer = ask(client, "sandbox-json", message, response_format={"type": "json_object"})
    assert isinstance(json.loads(text_of(answer)), dict)


def image_as_data(client: Client) -> None:
    parts = (
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": PNG}},
    )
    assert "png" in text_of(ask(client, "sandbox-vision", user(*parts))).lower()


def pdf_as_data(client: Client) -> None:
    document = {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}
    parts = ({"type": "text", "text": "Read this"}, document)
    assert "pdf" in text_of(ask(client, "sandbox-vision", user(*parts))).lower()


def audio_as_data(client: Client) -> None:
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    parts = ({"type": "text", "text": "Listen"}, sound)
    assert "wav" in text_of(ask(client, "sandbox-vision", user(*parts))).lower()


def reasoning(client: Client) -> None:
    answer = ask(client, "sandbox-reasoning", reasoning_effort="low")
    assert "Hello there" in text_of(answer)


def reasoning_with_tools(client: Client) -> None:
    message = ask(client, "sandbox-reasoning-tool", tools=[WEATHER]).choices[0].message
    echoed = message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "21 degrees"}
    answer = ask(client, "sandbox-reasoning-tool", user(), echoed, result, tools=[WEATHER])
    assert "21 degrees" in text_of(answer)


def a_long_answer_is_cut_at_max_tokens(client: Client) -> None:
    choice = ask(client, "sandbox-length", max_tokens=20).choices[0]
    assert choice.finish_reason == "length"


def sampling_and_stop(client: Client) -> None:
    answer = ask(client, "sandbox-echo", temperature=0.2, top_p=0.9, stop=["\n\n"])
    assert "Hello there" in text_of(answer)


def a_refusal_is_told(client: Client) -> None:
    choice = ask(client, "sandbox-refusal").choices[0]
    # Where a vendor has no word for it, a refusal is an answer like any other.
    told = choice.message.refusal or choice.finish_reason == "content_filter"
    assert told or "cannot help" in choice.message.content


def errors_are_typed(client: Client) -> None:
    for model, kind in (
        ("sandbox-400", openai.BadRequestError),
        ("sandbox-401", openai.PermissionDeniedError),
        ("sandbox-404", openai.NotFoundError),
        ("sandbox-context-length", openai.BadRequestError),
        ("sandbox-429-no-wait", openai.RateLimitError),
        ("sandbox-500", openai.InternalServerError),
    ):
        with pytest.raises(kind):
            ask(client, model)


def a_cut_stream_is_an_error(client: Client) -> None:
    for model in ("sandbox-cut-9", "sandbox-long+error-mid-stream-9"):
        with pytest.raises(openai.APIError):
            stream_text(client, model)


TASKS: tuple[Task, ...] = (
    plain_chat, usage_adds_up, plain_stream, stream_equals_whole, stream_with_usage,
    every_script_survives, system_message, developer_message, several_turns,
    two_user_turns_in_a_row, one_tool, tool_without_arguments, two_tool_turns,
    a_question_after_a_tool_turn, parallel_tools, parallel_tools_in_a_stream, a_tool_demanded,
    one_tool_named, no_tool_wanted, structured_output, json_mode, image_as_data, pdf_as_data,
    audio_as_data, reasoning, reasoning_with_tools, a_long_answer_is_cut_at_max_tokens,
    sampling_and_stop, a_refusal_is_told, errors_are_typed, a_cut_stream_is_an_error,
)  # fmt: skip

CANNOT = {
    ("anthropic", "audio_as_data"),
    ("cohere", "audio_as_data"),
    ("cohere", "pdf_as_data"),
}
"""What a provider has no means for: the answer must be a 400 that says so."""


@pytest.fixture(scope="module", params=PROVIDERS)
def who(request: pytest.FixtureRequest, gateway: RunningGateway) -> tuple[str, GatewayUser]:
    return request.param, gateway.new_user(request.param, **KEYS.get(request.param, {}))


@pytest.fixture
def client(who: tuple[str, GatewayUser]) -> Iterator[Client]:
    with who[1].openai(max_retries=0) as made:
        yield made


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
def test_task(task: Task, who: tuple[str, GatewayUser], client: Client) -> None:
    if (who[0], task.__name__) not in CANNOT:
        task(client)
        return
    with pytest.raises(openai.BadRequestError) as raised:
        task(client)
    assert raised.value.param
    assert raised.value.response.headers["x-gateway-error-origin"] == "request"
