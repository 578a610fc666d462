"""Embeddings: `embedContent` and `batchEmbedContents`, and the older `predict` of Vertex.

Sources: ai.google.dev, "Embeddings", and docs.cloud.google.com, "Text embeddings API" (2026).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.sandbox.formats.base import Answer, parse_object
from gateway.sandbox.formats.google.parts import PartReader
from gateway.sandbox.formats.google.refusals import refuse, refuse_field
from gateway.sandbox.formats.openai.embeddings import make_vector
from gateway.sandbox.tokens import MEDIA_TOKENS, count_tokens

MAX_BATCH = 100
_MAX_INSTANCES = 250
_SINGLE = "gemini-embedding-001"
"""Takes one text at a time through `predict`, and leaves shortened vectors as they are."""

_NEWER = "gemini-embedding-2"
_LENGTHS: Mapping[str, int] = {"text-embedding": 768, "text-multilingual": 768}
_LENGTH = 3072


def is_embedder(model: str) -> bool:
    """Whether a name is an embedding model's."""
    return "embedding" in model


def embed_batch(request: Mapping[str, Any], model: str, reader: PartReader) -> Answer:
    """Answer `batchEmbedContents`. Raises Refused."""
    jobs = request.get("requests", ())
    if not jobs:
        raise refuse_field("BatchEmbedContentsRequest.requests", "requests is not specified")
    if len(jobs) > MAX_BATCH:
        text = f"at most {MAX_BATCH} requests can be in one batch"
        raise refuse_field("BatchEmbedContentsRequest.requests", text)
    tokens, vectors = 0, []
    for at, job in enumerate(jobs):
        path = f"BatchEmbedContentsRequest.requests[{at}]"
        job = job or {}
        if job.get("model") != f"models/{model}":
            text = f"unexpected model name format or model: expected models/{model}"
            raise refuse_field(f"{path}.model", text)
        content, size = _read_content(job, path, reader)
        tokens += size
        vectors.append({"values": _vector(content, model, job.get("output_dimensionality"))})
    body: dict[str, Any] = {"embeddings": vectors}
    if _counts(model):
        body["usageMetadata"] = {
            "promptTokenCount": tokens,
            "promptTokenDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        }
    return Answer(orjson.dumps(body, option=orjson.OPT_INDENT_2), model, tokens)


def embed_one(
    request: Mapping[str, Any], model: str, reader: PartReader, *, vertex: bool
) -> Answer:
    """Answer `embedContent`. Raises Refused."""
    content, tokens = _read_content(request, "EmbedContentRequest", reader)
    options = request.get("embed_content_config", {})
    length = request.get("output_dimensionality", options.get("outputDimensionality"))
    body: dict[str, Any] = {"embedding": {"values": _vector(content, model, length)}}
    if vertex or _counts(model):
        name = "promptTokensDetails" if vertex else "promptTokenDetails"
        body["usageMetadata"] = {
            "promptTokenCount": tokens,
            name: [{"modality": "TEXT", "tokenCount": tokens}],
        }
        if vertex:
            body["usageMetadata"]["totalTokenCount"] = tokens
    return Answer(orjson.dumps(body, option=orjson.OPT_INDENT_2), model, tokens)


def predict(body: bytes, model: str) -> Answer:
    """Answer `predict`: its instances are free-form, so unknown names pass. Raises Refused."""
    request = parse_object(body)
    if request is None:
        raise refuse("Invalid JSON payload received. Unexpected token.")
    if model.startswith(_NEWER):
        raise refuse(f"{model} does not support predict; use embedContent.")
    texts = _read_instances(request.get("instances"), model)
    options = request.get("parameters") or {}
    length = options.get("outputDimensionality") if isinstance(options, dict) else None
    if length is not None and (isinstance(length, bool) or not isinstance(length, int)):
        raise refuse("outputDimensionality must be an integer.")
    predictions = [
        {
            "embeddings": {
                "statistics": {"truncated": False, "token_count": count_tokens(text)},
                "values": _vector(text, model, length),
            }
        }
        for text in texts
    ]
    billed = sum(1 for text in texts for letter in text if not letter.isspace())
    made = {"predictions": predictions, "metadata": {"billableCharacterCount": billed}}
    tokens = sum(count_tokens(text) for text in texts)
    return Answer(orjson.dumps(made, option=orjson.OPT_INDENT_2), model, tokens)


def _read_instances(instances: Any, model: str) -> list[str]:
    if not isinstance(instances, list) or not instances:
        raise refuse("The request must have at least one instance.")
    most = 1 if model.startswith(_SINGLE) else _MAX_INSTANCES
    if len(instances) > most:
        raise refuse(f"{len(instances)} instance(s) is not allowed. Max allowed: {most}.")
    texts = [one.get("content") if isinstance(one, dict) else None for one in instances]
    for text in texts:
        if not isinstance(text, str) or not text:
            raise refuse("The text content is empty.")
    return [str(text) for text in texts]


def _counts(model: str) -> bool:
    return model.startswith(_NEWER) or not model.startswith("gemini")


def _read_content(request: Mapping[str, Any], path: str, reader: PartReader) -> tuple[str, int]:
    """Return what names the content, and its tokens."""
    parts = (request.get("content") or {}).get("parts", ())
    if not parts:
        raise refuse_field(f"{path}.content", "contents.parts must not be empty.")
    read = [reader.read(part, f"{path}.content.parts[{at}]") for at, part in enumerate(parts)]
    if not any(part.text or part.media for part in read):
        raise refuse_field(f"{path}.content", "content is empty.")
    text = "\n".join(part.text for part in read)
    media = [one for part in read for one in part.media]
    tokens = sum(count_tokens(part.text) for part in read) + MEDIA_TOKENS * len(media)
    return text + "".join(f"\0{one.place}{len(one.data or b'')}" for one in media), tokens


def _vector(text: str, model: str, length: int | None) -> Sequence[float]:
    full = next((size for start, size in _LENGTHS.items() if model.startswith(start)), _LENGTH)
    if length is None:
        return make_vector(text, full)
    if not 1 <= length <= full:
        raise refuse(f"Unsupported output dimensionality: {length}; the maximum is {full}.")
    cut = make_vector(text, full)[:length]
    if model.startswith(_SINGLE):
        return cut
    size = math.sqrt(sum(number * number for number in cut))
    return [number / size for number in cut]
