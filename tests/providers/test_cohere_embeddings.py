import json
from typing import Any

import pytest

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.types.embeddings import EmbeddingReply
from gateway.types.usage import Usage
from gateway.wire.embeddings_read import read_embeddings
from tests.providers.cohere_scene import PROVIDER, target

TO = target("embed-v4.0")


def bodies(**members: Any) -> list[Any]:
    job = read_embeddings({"input": "hi", **members})
    return [json.loads(built.body) for built in PROVIDER.build_embeddings(job, TO)]


def read(*replies: Any, **members: Any) -> EmbeddingReply:
    job = read_embeddings({"input": "hi", **members})
    return PROVIDER.parse_embeddings(job, TO, [json.dumps(reply).encode() for reply in replies])


def test_a_request_is_documents_as_numbers_unless_the_client_says_more() -> None:
    assert bodies() == [
        {
            "model": "embed-v4.0",
            "texts": ["hi"],
            "input_type": "search_document",
            "embedding_types": ["float"],
        }
    ]
    [built] = PROVIDER.build_embeddings(read_embeddings({"input": "hi"}), TO)
    assert (built.method, built.url) == ("POST", "https://api.cohere.com/v2/embed")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("search_query", "search_query"),
        ("query", "search_query"),
        ("document", "search_document"),
        ("passage", "search_document"),
        ("clustering", "clustering"),
    ],
)
def test_the_kind_of_input_is_said_in_coheres_words(given: str, written: str) -> None:
    assert bodies(input_type=given)[0]["input_type"] == written


def test_dimensions_and_coheres_own_members_are_sent_and_others_are_not() -> None:
    [body] = bodies(
        dimensions=256, truncate="END", max_tokens=9, priority=1, user="u", encoding_format="base64"
    )
    assert body["output_dimension"] == 256
    assert (body["truncate"], body["max_tokens"], body["priority"]) == ("END", 9, 1)
    assert not body.keys() & {"user", "encoding_format", "dimensions"}
    assert body["embedding_types"] == ["float"]


@pytest.mark.parametrize(("given", "param"), [([1, 2], "input"), ([[1], [2]], "input[0]")])
def test_token_ids_are_refused_by_their_path(given: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bodies(input=given)
    assert refused.value.param == param


def test_many_texts_are_cut_at_96_and_put_together_in_order() -> None:
    texts = [str(n) for n in range(200)]
    sent = [body["texts"] for body in bodies(input=texts)]
    assert [len(batch) for batch in sent] == [96, 96, 8]
    replies = [
        {
            "embeddings": {"float": [[float(text)] for text in batch]},
            "meta": {"billed_units": {"input_tokens": len(batch), "image_tokens": 0}},
        }
        for batch in sent
    ]
    reply = read(*replies, input=texts)
    assert reply.vectors == tuple((float(n),) for n in range(200))
    assert reply.usage == Usage(input=200)
    assert reply.model == "embed-v4.0"


def test_the_older_bare_list_is_read_too() -> None:
    assert read({"embeddings": [[1.0, 2.0]]}).vectors == ((1.0, 2.0),)
    assert read({"embeddings": [[1.0, 2.0]]}).usage is None


@pytest.mark.parametrize(
    "reply",
    [{}, {"embeddings": {}}, {"embeddings": {"float": []}}, {"embeddings": {"int8": [[1]]}}, []],
)
def test_what_is_no_answer_is_a_bad_reply(reply: Any) -> None:
    with pytest.raises(UpstreamError) as broken:
        read(reply)
    assert broken.value.failure is Failure.BAD_REPLY


def test_answers_must_be_as_many_as_requests() -> None:
    with pytest.raises(UpstreamError):
        read({"embeddings": {"float": [[1.0]]}}, {"embeddings": {"float": [[1.0]]}})
