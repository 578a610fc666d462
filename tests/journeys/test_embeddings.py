"""`POST /v1/embeddings` with the official client: floats and base64, booked, and honestly refused."""

import base64
import struct

import openai
import pytest

from tests.journeys.running import RunningGateway


def test_embeddings_are_answered_and_booked(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    with user.openai() as client:
        raw = client.embeddings.with_raw_response.create(
            model="text-embedding-3-small", input=["one", "two"], dimensions=8
        )
    reply = raw.parse()
    assert [item.index for item in reply.data] == [0, 1]
    assert len(reply.data[0].embedding) == 8
    [row] = user.rows(raw.headers["x-request-id"])
    assert row["tokens"]["input"] == reply.usage.prompt_tokens
    assert row["feature"] == "embeddings"
    assert float(row["cost_usd"]) > 0
    assert row["context"]["kinds"] == {}


def test_base64_and_numbers_are_the_same_vectors(gateway: RunningGateway) -> None:
    user = gateway.new_user("openai")
    body = {"model": "text-embedding-3-small", "input": "Hello", "dimensions": 4}
    numbers = user.call("POST", "/v1/embeddings", body).json()["data"][0]["embedding"]
    text = user.call("POST", "/v1/embeddings", {**body, "encoding_format": "base64"})
    packed = base64.b64decode(text.json()["data"][0]["embedding"])
    assert struct.unpack("<4f", packed) == pytest.approx(numbers, rel=1e-6)


def test_a_provider_without_embeddings_says_so(gateway: RunningGateway) -> None:
    user = gateway.new_user("anthropic")
    with user.openai(max_retries=0) as client, pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model="anthropic/claude-sonnet-4-5", input="Hello")
    assert raised.value.param == "model"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", 5]}, "input[1]"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_a_bad_embeddings_request_names_the_member(
    gateway: RunningGateway, body: dict[str, object], param: str
) -> None:
    user = gateway.new_user("openai")
    response = user.call("POST", "/v1/embeddings", {"model": "text-embedding-3-small", **body})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
