import base64
import json
import math
import struct
from typing import Any

import pytest

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.providers.compatible import VENDORS
from gateway.providers.openai import OpenAIProvider
from gateway.providers.registry import PROVIDERS
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target, UpstreamRequest
from gateway.types.usage import Usage
from gateway.wire.embeddings_read import read_embeddings


def provider(name: str) -> OpenAIProvider:
    found = PROVIDERS[name]
    assert isinstance(found, OpenAIProvider)
    return found


def target(name: str = "openai", base_url: str = "https://up.example/v1") -> Target:
    return Target(
        provider=name,
        type=name,
        model="model-1",
        base_url=base_url,
        key_source=KeySource.OWN,
        key_name=None,
        audience="",
        settings={},
        info=ModelInfo(name, "model-1"),
    )


def job(**members: Any) -> EmbeddingJob:
    return read_embeddings({"model": "asked", "input": "hi", **members})


def built(name: str = "openai", **members: Any) -> list[UpstreamRequest]:
    return list(provider(name).build_embeddings(job(**members), target(name)))


def sent(name: str = "openai", **members: Any) -> Any:
    [request] = built(name, **members)
    return json.loads(request.body)


def read(*bodies: Any, name: str = "openai", **members: Any) -> EmbeddingReply:
    raw = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
    return provider(name).parse_embeddings(job(**members), target(name), raw)


def reply(*vectors: Any, **members: Any) -> dict[str, Any]:
    rows = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
    return {"object": "list", "data": rows, "model": "model-1-2026", **members}


def test_a_request_goes_beside_the_chat_endpoint() -> None:
    [request] = built()
    assert request.method == "POST"
    assert request.url == "https://up.example/v1/embeddings"
    assert request.headers == (("content-type", "application/json"),)
    assert not request.stream


@pytest.mark.parametrize(
    ("name", "base_url", "url"),
    [
        ("ollama", "http://h:11434", "http://h:11434/v1/embeddings"),
        ("vllm", "http://h/v1/", "http://h/v1/embeddings"),
        ("openai_compatible", "https://h/x/chat/completions?k=1", "https://h/x/embeddings?k=1"),
        ("perplexity", "https://api.perplexity.ai", "https://api.perplexity.ai/v1/embeddings"),
        ("zai", "https://api.z.ai/api/paas/v4", "https://api.z.ai/api/paas/v4/embeddings"),
    ],
)
def test_every_vendors_address_is_found(name: str, base_url: str, url: str) -> None:
    [request] = provider(name).build_embeddings(job(), target(name, base_url))
    assert request.url == url


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("hi", "hi"),
        (["hi"], "hi"),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [1, 2]),
        ([[1, 2]], [1, 2]),
        ([[1], [2]], [[1], [2]]),
    ],
)
def test_inputs_are_written_in_the_plainest_shape(given: Any, written: Any) -> None:
    assert sent(input=given)["input"] == written


def test_openai_is_sent_what_the_client_said_under_the_targets_model() -> None:
    assert sent(dimensions=256, encoding_format="base64", user="u", other=1) == {
        "model": "model-1",
        "input": "hi",
        "dimensions": 256,
        "encoding_format": "base64",
        "user": "u",
        "other": 1,
    }


def test_nothing_is_sent_that_the_client_did_not_say() -> None:
    assert sent() == {"model": "model-1", "input": "hi"}
    assert sent(encoding_format="float") == {"model": "model-1", "input": "hi"}


def test_base64_is_asked_of_those_only_where_it_means_float32() -> None:
    asked = {name for name in VENDORS if "encoding_format" in sent(name, encoding_format="base64")}
    assert asked == {"openrouter", "vllm"}


def test_perplexity_is_sent_no_member_that_it_refuses() -> None:
    body = sent("perplexity", dimensions=128, encoding_format="base64", user="u")
    assert body == {"model": "model-1", "input": "hi", "dimensions": 128}


def test_token_ids_go_only_where_they_are_understood() -> None:
    takers = set()
    for name in ("openai", *VENDORS):
        try:
            assert sent(name, input=[[1, 2], [3]])["input"] == [[1, 2], [3]]
        except InvalidRequest:
            continue
        takers.add(name)
    assert takers == {"openai", "openrouter", "vllm", "llamacpp", "openai_compatible"}


def test_refused_token_ids_are_named_by_their_path() -> None:
    for given, param in (([1, 2], "input"), ([[1], [2]], "input[0]")):
        with pytest.raises(InvalidRequest) as refused:
            built("together", input=given)
        assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")


def test_a_job_beyond_a_vendors_limit_is_cut_and_put_together_in_order() -> None:
    texts = [f"text {n}" for n in range(1_030)]
    requests = built("perplexity", input=texts)
    bodies = [json.loads(request.body)["input"] for request in requests]
    assert [len(body) for body in bodies] == [512, 512, 6]
    assert [text for body in bodies for text in body] == texts
    replies = [
        reply(*([float(text.split()[1])] for text in body), usage={"prompt_tokens": len(body)})
        for body in bodies
    ]
    joined = read(*replies, name="perplexity", input=texts)
    assert joined.vectors == tuple((float(n),) for n in range(1_030))
    assert joined.usage == Usage(input=1_030)
    assert joined.model == "model-1-2026"


def test_an_answer_too_few_is_a_bad_reply() -> None:
    texts = ["a"] * 600
    with pytest.raises(UpstreamError) as broken:
        read(reply(*([1.0] for _ in range(512))), name="perplexity", input=texts)
    assert broken.value.failure is Failure.BAD_REPLY


def test_vectors_come_in_the_order_of_the_inputs_whatever_the_order_of_the_reply() -> None:
    rows = [{"index": n, "embedding": [float(n)]} for n in (2, 0, 1)]
    assert read({"data": rows}, input=["a", "b", "c"]).vectors == ((0.0,), (1.0,), (2.0,))


def test_rows_without_an_honest_index_keep_their_order() -> None:
    for indexes in ((None, None), (0, 0)):
        rows = [{"index": i, "embedding": [float(n)]} for n, i in enumerate(indexes)]
        assert read({"data": rows}, input=["a", "b"]).vectors == ((0.0,), (1.0,))


def test_usage_is_read_in_every_spelling() -> None:
    for usage, count in (
        ({"prompt_tokens": 5, "total_tokens": 5}, 5),
        ({"prompt_tokens": 5.0}, 5),
        ({"total_tokens": 12}, 12),
    ):
        assert read(reply([1.0], usage=usage)).usage == Usage(input=count)
    for nothing in ({}, None, {"prompt_tokens": -1}, {"prompt_tokens": "7"}, "x"):
        assert read(reply([1.0], usage=nothing)).usage is None


def test_a_reply_without_a_model_is_the_targets() -> None:
    body = reply([1.0])
    del body["model"]
    assert read(body).model == "model-1"


def test_base64_of_float32_stays_as_it_came() -> None:
    text = base64.b64encode(struct.pack("<3f", 0.1, -2.0, 1e-8)).decode()
    assert read(reply(text)).vectors == (text,)


def test_base64_of_float64_is_recognised_and_becomes_the_numbers_it_holds() -> None:
    numbers = struct.unpack("<4f", struct.pack("<4f", 0.1, -2.0, 1e-8, 3.5))
    text = base64.b64encode(struct.pack("<4d", *numbers)).decode()
    assert read(reply(text), name="vllm").vectors == (numbers,)


def test_a_zero_vector_is_taken_for_what_was_asked() -> None:
    text = base64.b64encode(bytes(16)).decode()
    assert read(reply(text), name="vllm").vectors == (text,)


def test_perplexitys_bytes_are_signed_numbers() -> None:
    text = base64.b64encode(bytes([0, 1, 127, 128, 255])).decode()
    vectors = read(reply(text), name="perplexity").vectors
    assert vectors == ((0.0, 1.0, 127.0, -128.0, -1.0),)


def test_ollamas_own_shapes_are_read_too() -> None:
    assert read({"embedding": [1.0, 2.0]}, name="ollama").vectors == ((1.0, 2.0),)
    several = {"embeddings": [[1.0], [2.0]]}
    assert read(several, name="ollama", input=["a", "b"]).vectors == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"data": []}',
        {},
        {"data": None},
        {"data": "x"},
        {"data": [7]},
        reply([]),
        reply(None),
        reply([1.0, "2"]),
        reply([1.0, None]),
        reply([True]),
        reply("@@"),
        reply("AAAA"),
        reply(base64.b64encode(struct.pack("<2f", 1.0, math.nan)).decode()),
        reply(base64.b64encode(struct.pack("<2f", 1.0, -math.inf)).decode()),
        reply([1.0, 1e39]),
        reply([-1e39]),
        reply([1.0], [2.0]),
    ],
    ids=str,
)
def test_what_is_no_answer_is_a_bad_reply(body: Any) -> None:
    with pytest.raises(UpstreamError) as broken:
        read(body)
    assert broken.value.failure is Failure.BAD_REPLY


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ({"error": {"message": "no", "code": "model_not_found"}}, Failure.NOT_FOUND),
        ({"error": {"message": "slow", "code": 429}}, Failure.RATE_LIMITED),
        ({"object": "error", "message": "broken"}, Failure.SERVER),
    ],
)
def test_an_error_inside_a_200_is_the_providers_own(body: Any, failure: Failure) -> None:
    with pytest.raises(UpstreamError) as broken:
        read(body)
    assert broken.value.failure is failure
