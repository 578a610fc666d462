"""Google: embeddings of both services."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.types.embeddings import EmbeddingJob
from gateway.types.usage import Usage
from tests.providers.google_scene import GEMINI, VERTEX, on_vertex, target

TO_GEMINI = target("gemini-embedding-001")


def job(*inputs: Any, dimensions: int | None = None, **extra: Any) -> EmbeddingJob:
    return EmbeddingJob("m", inputs, dimensions, extra=extra)


def bodies(provider: Any, wish: EmbeddingJob, to: Any) -> list[Any]:
    return [orjson.loads(request.body) for request in provider.build_embeddings(wish, to)]


def test_the_developer_api_embeds_in_batches_of_a_hundred() -> None:
    requests = GEMINI.build_embeddings(job(*map(str, range(250))), TO_GEMINI)

    assert [request.url.split("/v1beta/")[1] for request in requests] == [
        "models/gemini-embedding-001:batchEmbedContents"
    ] * 3
    sent = [each for request in requests for each in orjson.loads(request.body)["requests"]]
    assert [each["content"]["parts"][0]["text"] for each in sent] == list(map(str, range(250)))
    assert len(orjson.loads(requests[2].body)["requests"]) == 50


def test_wishes_go_into_each_request() -> None:
    wish = job("a", dimensions=8, input_type="search_query", title="t", unknown=1)

    assert bodies(GEMINI, wish, TO_GEMINI) == [
        {
            "requests": [
                {
                    "model": "models/gemini-embedding-001",
                    "content": {"parts": [{"text": "a"}]},
                    "taskType": "RETRIEVAL_QUERY",
                    "title": "t",
                    "outputDimensionality": 8,
                }
            ]
        }
    ]


@pytest.mark.parametrize(
    ("told", "task"),
    [
        ({"input_type": "search_document"}, "RETRIEVAL_DOCUMENT"),
        ({"input_type": "query"}, "RETRIEVAL_QUERY"),
        ({"input_type": "clustering"}, "CLUSTERING"),
        ({"task_type": "semantic_similarity"}, "SEMANTIC_SIMILARITY"),
        ({"taskType": "FACT_VERIFICATION"}, "FACT_VERIFICATION"),
    ],
)
def test_what_the_texts_are_for_is_told_in_googles_words(told: dict[str, Any], task: str) -> None:
    [body] = bodies(GEMINI, job("a", **told), TO_GEMINI)

    assert body["requests"][0]["taskType"] == task


def test_vertexs_older_models_predict_many_and_the_first_gemini_one() -> None:
    wish = job("a", "b", dimensions=8, task_type="CLUSTERING", auto_truncate=False)
    instances = [{"content": text, "task_type": "CLUSTERING"} for text in "ab"]
    parameters = {"outputDimensionality": 8, "autoTruncate": False}

    [together] = VERTEX.build_embeddings(wish, on_vertex("text-embedding-005"))
    assert together.url.endswith("/publishers/google/models/text-embedding-005:predict")
    assert orjson.loads(together.body) == {"instances": instances, "parameters": parameters}
    apart = bodies(VERTEX, wish, on_vertex("gemini-embedding-001"))
    assert apart == [{"instances": [each], "parameters": parameters} for each in instances]
    assert bodies(VERTEX, job("a"), on_vertex("text-embedding-005")) == [
        {"instances": [{"content": "a"}]}
    ]


def test_what_vertex_predicts_in_one_call_is_bounded_in_tokens_too() -> None:
    wish = job(*["x" * 28_000] * 5)

    sent = bodies(VERTEX, wish, on_vertex("text-embedding-005"))

    assert [len(body["instances"]) for body in sent] == [1] * 5
    assert len(bodies(VERTEX, job(*"x" * 250), on_vertex("text-embedding-005"))) == 1
    assert len(bodies(VERTEX, job(*"x" * 251), on_vertex("text-embedding-005"))) == 2


def test_vertexs_newer_models_embed_one_content_a_call() -> None:
    to = on_vertex("gemini-embedding-2")
    requests = VERTEX.build_embeddings(job("a", "b", dimensions=8, title="t"), to)

    assert all(each.url.endswith("/models/gemini-embedding-2:embedContent") for each in requests)
    assert [orjson.loads(each.body) for each in requests] == [
        {
            "content": {"parts": [{"text": text}]},
            "embedContentConfig": {"title": "t", "outputDimensionality": 8},
        }
        for text in "ab"
    ]


def test_token_ids_are_refused() -> None:
    for provider, to in ((GEMINI, TO_GEMINI), (VERTEX, on_vertex("text-embedding-005"))):
        with pytest.raises(InvalidRequest) as refused:
            provider.build_embeddings(job("a", (1, 2)), to)
        assert refused.value.param == "input[1]"
        with pytest.raises(InvalidRequest) as alone:
            provider.build_embeddings(job((1, 2)), to)
        assert alone.value.param == "input"


def test_a_claude_makes_no_embeddings() -> None:
    with pytest.raises(InvalidRequest):
        VERTEX.build_embeddings(job("a"), on_vertex("claude-opus-4-6"))


def predicted(*values: list[float], tokens: int | None = 2) -> dict[str, Any]:
    statistics = {} if tokens is None else {"token_count": tokens}
    return {
        "predictions": [{"embeddings": {"values": v, "statistics": statistics}} for v in values]
    }


@pytest.mark.parametrize(
    ("replies", "tokens"),
    [
        ([{"embeddings": [{"values": [1, 0.5]}, {"values": [2, 3]}]}], None),
        (
            [
                {"embeddings": [{"values": [1, 0.5]}], "usageMetadata": {"promptTokenCount": 3}},
                {"embeddings": [{"values": [2, 3]}], "usageMetadata": {"promptTokenCount": 4}},
            ],
            7,
        ),
        (
            [
                {"embeddings": [{"values": [1, 0.5]}], "usageMetadata": {"promptTokenCount": 3}},
                {"embeddings": [{"values": [2, 3]}]},
            ],
            None,
        ),
        ([predicted([1, 0.5], [2, 3])], 4),
        ([predicted([1, 0.5], [2, 3], tokens=None)], None),
        ([{"embedding": {"values": [1, 0.5]}}, {"embedding": {"values": [2, 3]}}], None),
    ],
    ids=range(6),
)
def test_vectors_keep_the_order_of_the_inputs(
    replies: list[dict[str, Any]], tokens: int | None
) -> None:
    reply = VERTEX.parse_embeddings(job("a", "b"), TO_GEMINI, list(map(orjson.dumps, replies)))

    assert reply.vectors == ((1.0, 0.5), (2.0, 3.0))
    assert reply.usage == (None if tokens is None else Usage(input=tokens))
    assert reply.model == "gemini-embedding-001"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"embeddings": []}',
        b'{"embeddings": [{"values": []}]}',
        b'{"embeddings": [{"values": [1, "x"]}]}',
        b'{"embeddings": [{"values": [1]}, {"values": [2]}]}',
        b'{"predictions": [3]}',
        b'{"embeddings": [{"values": [1e300]}]}',
        b'{"embeddings": [{"values": [true]}]}',
    ],
)
def test_a_reply_that_does_not_fit_the_inputs_is_none(body: bytes) -> None:
    with pytest.raises(UpstreamError) as broken:
        GEMINI.parse_embeddings(job("a"), TO_GEMINI, [body])

    assert broken.value.failure is Failure.BAD_REPLY
