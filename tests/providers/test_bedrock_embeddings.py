"""Bedrock: embeddings."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import UpstreamRequest
from gateway.types.usage import Usage
from tests.providers.bedrock_scene import CLAUDE, PROVIDER, target

TITAN_1 = "amazon.titan-embed-text-v1"
TITAN_2 = "amazon.titan-embed-text-v2:0"
COHERE_3 = "cohere.embed-english-v3"
COHERE_4 = "us.cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"


def built(model: str, *inputs: Any, dimensions: int | None = None, **extra: Any) -> list[Any]:
    job = EmbeddingJob(model, inputs, dimensions, extra=extra)
    return [orjson.loads(call.body) for call in PROVIDER.build_embeddings(job, target(model))]


def read(model: str, count: int, *bodies: Any) -> EmbeddingReply:
    job = EmbeddingJob(model, tuple("x" for _ in range(count)))
    raw = [body if isinstance(body, bytes) else orjson.dumps(body) for body in bodies]
    return PROVIDER.parse_embeddings(job, target(model), raw)


def test_titan_takes_one_text_a_call() -> None:
    assert built(TITAN_1, "a", "b") == [{"inputText": "a"}, {"inputText": "b"}]
    assert built(TITAN_2, "a", dimensions=256, normalize=True) == [
        {"inputText": "a", "dimensions": 256, "normalize": True}
    ]


def test_cohere_takes_96_texts_a_call() -> None:
    calls = built(COHERE_3, *(str(n) for n in range(200)))

    assert [len(call["texts"]) for call in calls] == [96, 96, 8]
    assert [text for call in calls for text in call["texts"]] == [str(n) for n in range(200)]


def test_cohere_is_told_what_the_texts_are_for() -> None:
    assert built(COHERE_3, "a") == [{"texts": ["a"], "input_type": "search_document"}]
    assert built(COHERE_4, "a", dimensions=512, input_type="search_query", truncate="end") == [
        {
            "texts": ["a"],
            "input_type": "search_query",
            "output_dimension": 512,
            "truncate": "END",
        }
    ]


@pytest.mark.parametrize(
    ("given", "purpose"),
    [
        (None, "GENERIC_INDEX"),
        ("search_query", "GENERIC_RETRIEVAL"),
        ("clustering", "CLUSTERING"),
        ("TEXT_RETRIEVAL", "TEXT_RETRIEVAL"),
    ],
)
def test_nova_has_words_of_its_own(given: str | None, purpose: str) -> None:
    extra = {} if given is None else {"input_type": given}

    assert built(NOVA, "a", dimensions=256, **extra) == [
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": purpose,
                "text": {"value": "a", "truncationMode": "NONE"},
                "embeddingDimension": 256,
            },
        }
    ]


def test_the_call_is_one_of_invoke() -> None:
    [call] = PROVIDER.build_embeddings(EmbeddingJob(TITAN_2, ("a",)), target(TITAN_2))

    assert call == UpstreamRequest(
        "POST",
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/"
        "amazon.titan-embed-text-v2%3A0/invoke",
        (("content-type", "application/json"), ("accept", "application/json")),
        b'{"inputText":"a"}',
    )


def test_models_that_do_not_embed_offer_nothing() -> None:
    assert built(CLAUDE, "a") == []


@pytest.mark.parametrize("model", [TITAN_1, COHERE_3])
def test_a_size_that_cannot_be_chosen_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        built(model, "a", dimensions=256)

    assert (refusal.value.param, refusal.value.code) == ("dimensions", "unsupported_parameter")


def test_token_ids_are_refused_by_their_place() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        built(TITAN_2, "a", (1, 2))

    assert refusal.value.param == "input[1]"


def test_a_made_up_truncation_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        built(COHERE_4, "a", truncate="middle")

    assert refusal.value.param == "truncate"


def test_titans_vectors_and_tokens_are_put_together() -> None:
    bodies = [{"embedding": [0.5, 1], "inputTextTokenCount": n} for n in (2, 3)]

    assert read(TITAN_2, 2, *bodies) == EmbeddingReply(
        TITAN_2, ((0.5, 1), (0.5, 1)), Usage(input=5)
    )


def test_tokens_of_some_calls_only_are_no_usage() -> None:
    bodies = [{"embedding": [0.5], "inputTextTokenCount": 2}, {"embedding": [0.5]}]

    assert read(TITAN_2, 2, *bodies).usage is None


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (COHERE_3, {"embeddings": [[1.0], [2.0]], "response_type": "embeddings_floats"}),
        (COHERE_4, {"embeddings": {"float": [[1.0], [2.0]]}}),
        (NOVA, {"embeddings": [{"embedding": [1.0]}, {"embedding": [2.0], "embeddingType": "T"}]}),
    ],
)
def test_vectors_of_the_others_come_without_tokens(model: str, body: dict[str, Any]) -> None:
    assert read(model, 2, body) == EmbeddingReply(model, ((1.0,), (2.0,)), None)


def test_vectors_of_several_calls_keep_their_order() -> None:
    bodies = [{"embeddings": [[1.0], [2.0]]}, {"embeddings": [[3.0]]}]

    assert read(COHERE_3, 3, *bodies).vectors == ((1.0,), (2.0,), (3.0,))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        {},
        {"embedding": []},
        {"embedding": ["x"]},
        {"embedding": None},
        {"embeddings": [[1.0], [2.0]]},
        {"embeddings": {"int8": [[1]]}},
        {"message": "no"},
    ],
)
def test_what_holds_not_the_vectors_asked_for_is_refused(body: Any) -> None:
    with pytest.raises(UpstreamError) as refusal:
        read(COHERE_4, 1, body)

    assert refusal.value.failure is Failure.BAD_REPLY
