"""The official `openai` client against the gateway: the same calls for users of two providers."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from tests.journeys.running import GatewayUser, RunningGateway

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6"
    "kgAAAABJRU5ErkJggg=="
)
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
USER: Any = {"role": "user", "content": "Hello there"}


@pytest.fixture(scope="module", params=["openai", "anthropic"])
def user(request: pytest.FixtureRequest, gateway: RunningGateway) -> GatewayUser:
    return gateway.new_user(request.param)


@pytest.fixture
def client(user: GatewayUser) -> Iterator[openai.OpenAI]:
    with user.openai(max_retries=0) as made:
        yield made


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="sandbox-echo", messages=[USER])
    assert "Hello there" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_says_the_same_as_the_whole(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="sandbox-long-40", messages=[USER])
    stream = client.chat.completions.create(
        model="sandbox-long-40",
        messages=[USER],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({c.id for c in chunks}) == 1
    assert chunks[-1].usage == whole.usage
    assert all(c.usage is None for c in chunks[:-1])


def test_a_stream_without_include_usage_has_no_usage_chunk(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="sandbox-echo", messages=[USER], stream=True)
    chunks = list(stream)
    assert all(c.choices and c.usage is None for c in chunks)


def test_tools_there_and_back(client: openai.OpenAI) -> None:
    messages: list[Any] = [USER]
    first = client.chat.completions.create(
        model="sandbox-tool", messages=messages, tools=[WEATHER]
    ).choices[0]
    assert first.finish_reason == "tool_calls"
    calls: list[Any] = list(first.message.tool_calls or [])
    assert [call.function.name for call in calls] == ["get_weather"]
    assert isinstance(json.loads(calls[0].function.arguments)["city"], str)
    messages += [
        first.message,
        {"role": "tool", "tool_call_id": calls[0].id, "content": "21 degrees"},
    ]
    second = client.chat.completions.create(
        model="sandbox-tool", messages=messages, tools=[WEATHER]
    ).choices[0]
    assert "21 degrees" in (second.message.content or "")


def test_parallel_tools_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="sandbox-parallel-tools", messages=[USER], tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert len(calls) == 2
    assert len({call.id for call in calls}) == 2
    for call in calls:
        assert set(json.loads(call.function.arguments)) == {"city"}


def test_structured_output_is_parsed(client: openai.OpenAI) -> None:
    class Answer(pydantic.BaseModel):
        name: str
        score: int

    parsed = client.chat.completions.parse(
        model="sandbox-json", messages=[USER], response_format=Answer
    )
    assert isinstance(parsed.choices[0].message.parsed, Answer)


def test_image_input_arrives(client: openai.OpenAI) -> None:
    content: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PNG}},
    ]
    answer = client.chat.completions.create(
        model="sandbox-vision", messages=[{"role": "user", "content": content}]
    )
    assert "png" in (answer.choices[0].message.content or "").lower()


def test_reasoning_is_counted_and_survives_a_round_trip(
    client: openai.OpenAI, user: GatewayUser
) -> None:
    first = client.chat.completions.create(
        model="sandbox-reasoning", messages=[USER], reasoning_effort="low"
    )
    assert first.choices[0].finish_reason == "stop"
    echoed = first.choices[0].message.model_dump(exclude_none=True)
    again: list[Any] = [USER, echoed, {"role": "user", "content": "And now?"}]
    second = client.chat.completions.create(
        model="sandbox-reasoning", messages=again, reasoning_effort="low"
    )
    assert "And now?" in (second.choices[0].message.content or "")


async def test_the_async_client(user: GatewayUser) -> None:
    async with openai.AsyncOpenAI(base_url=f"{user.gateway.url}/v1", api_key=user.token) as client:
        stream = await client.chat.completions.create(
            model="sandbox-echo", messages=[USER], stream=True
        )
        text = "".join([c.choices[0].delta.content or "" async for c in stream])
    assert "Hello there" in text


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("sandbox-400", openai.BadRequestError),
        ("sandbox-context-length", openai.BadRequestError),
        ("sandbox-401", openai.PermissionDeniedError),
        ("sandbox-404", openai.NotFoundError),
        ("sandbox-quota", openai.RateLimitError),
        ("sandbox-500", openai.InternalServerError),
        ("sandbox-html", openai.InternalServerError),
    ],
)
def test_an_upstream_error_is_the_sdks_own_class(
    client: openai.OpenAI, model: str, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as raised:
        client.chat.completions.create(model=model, messages=[USER])
    assert raised.value.response.headers["x-request-id"].startswith("req_")
    assert raised.value.response.headers["x-gateway-error-origin"]


def test_an_error_in_the_middle_of_a_stream_is_raised(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="sandbox-long+error-mid-stream-8", messages=[USER], stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)


def test_a_stream_that_is_cut_is_raised_not_finished(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="sandbox-cut-9", messages=[USER], stream=True)
    seen: list[Any] = []
    with pytest.raises(openai.APIError):
        seen.extend(chunk for chunk in stream)
    assert all(c.choices[0].finish_reason is None for c in seen)
