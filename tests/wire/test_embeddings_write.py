import base64
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway.errors import Failure, UpstreamError
from gateway.types.embeddings import EmbeddingEncoding, EmbeddingJob, EmbeddingReply
from gateway.types.usage import Usage
from gateway.wire.embeddings_write import decode_vector, encode_vector, write_embeddings

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def job(encoding: str) -> EmbeddingJob:
    return EmbeddingJob("m", ("a",), encoding=EmbeddingEncoding(encoding))


def written(encoding: str, *vectors: Any, usage: Usage | None = None) -> Any:
    return json.loads(write_embeddings(EmbeddingReply("m-1", vectors, usage), job(encoding)))


def test_a_reply_has_openais_shape() -> None:
    assert written("float", (0.5, -1.0), (2.0, 0.25), usage=Usage(input=7)) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [2.0, 0.25]},
        ],
        "model": "m-1",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_a_reply_without_usage_still_has_the_member_that_clients_read() -> None:
    assert written("float", (1.0,))["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_base64_is_little_endian_float32() -> None:
    [row] = written("base64", (1.0, -2.5))["data"]
    assert base64.b64decode(row["embedding"]) == bytes.fromhex("0000803f 000020c0")


def test_what_came_in_the_wanted_encoding_is_not_touched() -> None:
    numbers = (0.1, 0.2)
    assert written("float", numbers)["data"][0]["embedding"] == list(numbers)
    assert written("base64", "AACAPw==")["data"][0]["embedding"] == "AACAPw=="


def test_a_number_from_json_becomes_the_nearest_float32() -> None:
    [row] = written("base64", (0.1,))["data"]
    assert base64.b64decode(row["embedding"]) == struct.pack("<f", 0.1)


@given(st.lists(FLOAT32, min_size=1, max_size=40))
def test_float32_survives_every_way_around(numbers: list[float]) -> None:
    text = encode_vector(numbers)
    assert list(decode_vector(text)) == numbers
    assert encode_vector(decode_vector(text)) == text
    told = written("float", text)["data"][0]["embedding"]
    assert written("base64", tuple(told))["data"][0]["embedding"] == text
    assert [math.copysign(1, n) for n in told] == [math.copysign(1, n) for n in numbers]


@pytest.mark.parametrize("text", ["", "@@@@", "AAAA", "AACAPw", "ä"])
def test_what_is_no_base64_of_float32_is_a_bad_reply(text: str) -> None:
    with pytest.raises(UpstreamError) as broken:
        written("float", text)
    assert broken.value.failure is Failure.BAD_REPLY


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_a_bad_reply(number: float) -> None:
    text = base64.b64encode(struct.pack("<2f", 1.0, number)).decode()
    with pytest.raises(UpstreamError) as broken:
        written("float", text)
    assert broken.value.failure is Failure.BAD_REPLY


def test_a_number_beyond_float32_is_a_bad_reply() -> None:
    with pytest.raises(UpstreamError) as broken:
        written("base64", (1e39,))
    assert broken.value.failure is Failure.BAD_REPLY
