"""Embeddings: `batchEmbedContents` of the Developer API, `predict` and `embedContent` of Vertex.

Facts are from recorded traffic and googleapis/python-genai 2.19 (2026-11).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.lenient import as_list, as_object
from gateway.providers.embeddings import (
    Input,
    batches,
    load_reply,
    read_vector,
    require_count,
    require_texts,
    token_count,
)
from gateway.providers.google.addresses import (
    VertexModel,
    gemini_model,
    gemini_url,
    vertex_model,
    vertex_url,
)
from gateway.providers.google.build import JSON
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.json import JsonObject
from gateway.types.upstream import Target, UpstreamRequest
from gateway.types.usage import Usage

_VENDOR = "Google"
_MOST_TEXTS = 100  # of one `batchEmbedContents`
_MOST_INSTANCES = 250  # of one `predict`; gemini-embedding-001 takes one
_MOST_TOKENS = 15_000  # of one `predict`, as estimated: the vendor's limit is 20,000 as counted
_ONE_AT_A_TIME = "gemini-embedding-001"
# The words of Cohere and Voyage, which clients send as `input_type`, for Google's task types.
_TASKS: Mapping[str, str] = {
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
}


def build_gemini(job: EmbeddingJob, target: Target) -> list[UpstreamRequest]:
    """Write the requests to the Developer API. Raises InvalidRequest for token arrays."""
    require_texts(job, _VENDOR)
    model = f"models/{gemini_model(target)}"
    members = {"taskType": _task(job), "title": job.extra.get("title")}
    wishes = _set(**members, outputDimensionality=job.dimensions)
    url = gemini_url(target, "batchEmbedContents")
    return [
        _post(url, {"requests": [{"model": model, "content": _text(t), **wishes} for t in batch]})
        for batch in batches(job.inputs, _MOST_TEXTS)
    ]


def build_vertex(job: EmbeddingJob, target: Target) -> list[UpstreamRequest]:
    """Write the requests to Vertex. Raises InvalidRequest for token arrays and other publishers."""
    model = vertex_model(target)
    if model.is_claude:
        raise InvalidRequest("This model makes no embeddings.", param="model")
    require_texts(job, _VENDOR)
    task, title = _task(job), job.extra.get("title")
    truncate = job.extra.get("auto_truncate", job.extra.get("autoTruncate"))
    sizes = _set(outputDimensionality=job.dimensions, autoTruncate=truncate)
    if _embeds_content(model):
        config = {**_set(taskType=task, title=title), **sizes}
        beside = {"embedContentConfig": config} if config else {}
        url = vertex_url(target, "embedContent", model)
        return [_post(url, {"content": _text(text), **beside}) for text in job.inputs]
    most = 1 if model.name == _ONE_AT_A_TIME else _MOST_INSTANCES
    wishes = _set(task_type=task, title=title)
    beside = {"parameters": sizes} if sizes else {}
    url = vertex_url(target, "predict", model)
    return [
        _post(url, {"instances": [{"content": text, **wishes} for text in batch], **beside})
        for batch in batches(job.inputs, most, _MOST_TOKENS)
    ]


def parse_embeddings(job: EmbeddingJob, target: Target, bodies: Sequence[bytes]) -> EmbeddingReply:
    """Read the replies of either API. Usage is None where a reply does not tell it.

    Raises UpstreamError: BAD_REPLY where they hold no usable vectors, one for each input.
    """
    replies = [load_reply(body) for body in bodies]
    vectors = [read_vector(values) for reply in replies for values in _values(reply)]
    counts = [_tokens(reply) for reply in replies]
    known = [count for count in counts if count is not None]
    usage = Usage(input=sum(known)) if len(known) == len(counts) else None
    return EmbeddingReply(target.model, require_count(vectors, job.inputs), usage)


def _embeds_content(model: VertexModel) -> bool:
    """Whether Vertex serves the model at `embedContent`: Gemini's embeddings after the first."""
    return "gemini" in model.name and model.name != _ONE_AT_A_TIME


def _text(text: Input) -> JsonObject:
    return {"parts": [{"text": text}]}


def _task(job: EmbeddingJob) -> str | None:
    for name in ("task_type", "taskType", "input_type"):
        told = job.extra.get(name)
        if isinstance(told, str) and told:
            return _TASKS.get(told.lower(), told.upper())
    return None


def _set(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _post(url: str, body: dict[str, Any]) -> UpstreamRequest:
    return UpstreamRequest("POST", url, JSON, orjson.dumps(body))


def _values(reply: JsonObject) -> Iterator[object]:
    """Yield the vectors of a reply, in any of its three shapes."""
    for embedding in as_list(reply.get("embeddings")):
        yield as_object(embedding).get("values")
    for prediction in as_list(reply.get("predictions")):
        yield as_object(as_object(prediction).get("embeddings")).get("values")
    if "embedding" in reply:
        yield as_object(reply["embedding"]).get("values")


def _tokens(reply: JsonObject) -> int | None:
    told = token_count(as_object(reply.get("usageMetadata")).get("promptTokenCount"))
    if told is not None or "predictions" not in reply:
        return told
    embeddings = (
        as_object(as_object(prediction).get("embeddings"))
        for prediction in as_list(reply["predictions"])
    )
    counts = [
        token_count(as_object(each.get("statistics")).get("token_count")) for each in embeddings
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
