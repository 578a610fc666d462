"""Embeddings of Gemini and Vertex."""

from typing import Any

import httpx
import pytest

from gateway.sandbox.tokens import count_tokens
from tests.sandbox.google_talk import GEMINI, VERTEX, refused, text
from tests.sandbox.talking import row

NEWER, OLDER = "gemini-embedding-2", "gemini-embedding-001"


def job(value: str, name: str = NEWER, **more: Any) -> dict[str, Any]:
    """Return one request of a batch."""
    return {"model": f"models/{name}", "content": {"parts": [text(value)]}, **more}


def batch(http: httpx.Client, *jobs: dict[str, Any], name: str = NEWER) -> httpx.Response:
    """Send a batch."""
    return http.post(f"{GEMINI}{name}:batchEmbedContents", json={"requests": list(jobs)})


def length(vector: list[float]) -> float:
    """Return the square of a vector's length."""
    return sum(number * number for number in vector)


def test_a_batch_is_embedded_in_order_and_counted(gemini: httpx.Client) -> None:
    reply = batch(gemini, job("one"), job("two"), job("one")).json()
    first, second, third = (one["values"] for one in reply["embeddings"])
    assert first == third != second
    assert len(first) == 3072
    assert length(first) == pytest.approx(1)
    tokens = sum(count_tokens(word) for word in ("one", "two", "one"))
    assert reply["usageMetadata"]["promptTokenCount"] == tokens
    booked = row(gemini)
    assert (booked["operation"], booked["model"], booked["input"]) == ("embeddings", NEWER, tokens)


def test_the_older_model_tells_no_usage_and_leaves_short_vectors_short(
    gemini: httpx.Client,
) -> None:
    reply = batch(gemini, job("one", OLDER, outputDimensionality=768), name=OLDER).json()
    assert "usageMetadata" not in reply
    (vector,) = (one["values"] for one in reply["embeddings"])
    assert len(vector) == 768
    assert length(vector) < 0.5
    newer = batch(gemini, job("one", outputDimensionality=768)).json()
    assert length(newer["embeddings"][0]["values"]) == pytest.approx(1)


def test_one_content_is_embedded(gemini: httpx.Client, key: str) -> None:
    request = {"content": {"parts": [text("one")]}, "taskType": "RETRIEVAL_QUERY"}
    reply = gemini.post(f"{GEMINI}{NEWER}:embedContent", json=request).json()
    assert len(reply["embedding"]["values"]) == 3072
    bearer = {"authorization": f"Bearer {key}"}
    vertex = gemini.post(f"{VERTEX}{NEWER}:embedContent", json=request, headers=bearer).json()
    assert vertex["embedding"] == reply["embedding"]
    assert vertex["usageMetadata"]["totalTokenCount"] == 1


@pytest.mark.parametrize(
    ("jobs", "complaint"),
    [
        ([], "requests is not specified"),
        ([job("x")] * 101, "at most 100 requests can be in one batch"),
        ([job("x", "other")], "expected models/gemini-embedding-2"),
        ([{"content": {"parts": [text("x")]}}], "expected models/gemini-embedding-2"),
        ([job("")], "content is empty"),
        ([{"model": f"models/{NEWER}"}], "contents.parts must not be empty"),
        ([job("x", outputDimensionality=4000)], "Unsupported output dimensionality: 4000"),
        ([job("x", dimensions=5)], 'Unknown name "dimensions" at \'requests[0]\''),
        ([job("x", taskType="SEARCH")], "(type.googleapis.com/google.ai.generativelanguage.v1beta.TaskType)"),
    ],
)  # fmt: skip
def test_batches_are_checked(
    gemini: httpx.Client, jobs: list[dict[str, Any]], complaint: str
) -> None:
    assert complaint in refused(batch(gemini, *jobs))


@pytest.mark.parametrize("name", ["gemini-2.5-flash", "missing-model-embedding"])
def test_what_embeds_nothing_is_not_found(gemini: httpx.Client, name: str) -> None:
    assert "not supported for batchEmbedContents" in refused(
        batch(gemini, job("x", name), name=name), 404
    )
    answer = gemini.post(
        f"{GEMINI}{NEWER}:generateContent", json={"contents": [{"parts": [text("x")]}]}
    )
    assert "not supported for generateContent" in refused(answer, 404)


def predict(http: httpx.Client, name: str, instances: Any, **parameters: Any) -> httpx.Response:
    """Send a prediction request."""
    request = {"instances": instances, "parameters": parameters}
    return http.post(f"{VERTEX}{name}:predict", json=request)


def test_predictions_count_tokens_and_letters(http: httpx.Client) -> None:
    instances = [{"content": "Ruby is great", "task_type": "RETRIEVAL_DOCUMENT"}, {"content": "no"}]
    reply = predict(http, "text-embedding-005", instances).json()
    first, second = (one["embeddings"] for one in reply["predictions"])
    assert len(first["values"]) == 768
    assert first["statistics"] == {"truncated": False, "token_count": 4}
    assert second["statistics"]["token_count"] == 1
    assert reply["metadata"]["billableCharacterCount"] == 13
    assert row(http)["input"] == 5


@pytest.mark.parametrize(
    ("name", "instances", "parameters", "complaint"),
    [
        (OLDER, [{"content": "a"}, {"content": "b"}], {}, "2 instance(s) is not allowed"),
        (OLDER, [], {}, "at least one instance"),
        (OLDER, "a", {}, "at least one instance"),
        (OLDER, [{"content": ""}], {}, "text content is empty"),
        (OLDER, ["a"], {}, "text content is empty"),
        (OLDER, [{"content": "a"}], {"outputDimensionality": "x"}, "must be an integer"),
        (OLDER, [{"content": "a"}], {"outputDimensionality": 0}, "Unsupported output"),
        (NEWER, [{"content": "a"}], {}, "does not support predict"),
    ],
)
def test_predictions_are_checked(
    http: httpx.Client, name: str, instances: Any, parameters: dict[str, Any], complaint: str
) -> None:
    assert complaint in refused(predict(http, name, instances, **parameters))


def test_predictions_of_chat_models_and_of_no_object_are_refused(http: httpx.Client) -> None:
    assert "not found" in refused(predict(http, "gemini-2.5-flash", [{"content": "a"}]), 404)
    assert "Invalid JSON" in refused(http.post(f"{VERTEX}{OLDER}:predict", content=b"["))
