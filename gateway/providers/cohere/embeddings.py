"""Cohere's embeddings (`/v2/embed`): at most 96 texts a call, always asked for as numbers.

`input_type` is required there and unknown to OpenAI: a client may send it, else what is embedded
is taken for documents (v2 embed reference, 2026-11).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from gateway.providers.cohere.build import JSON, endpoint
from gateway.providers.embeddings import (
    Input,
    bad_reply,
    batches,
    join_replies,
    load_reply,
    read_vector,
    require_count,
    require_texts,
    token_count,
)
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.json import JsonObject
from gateway.types.upstream import Target, UpstreamRequest
from gateway.types.usage import Usage

MAX_TEXTS = 96
_DOCUMENT = "search_document"
_KINDS: Mapping[str, str] = MappingProxyType(  # as other vendors call them
    {"document": _DOCUMENT, "passage": _DOCUMENT, "query": "search_query"}
)
_CARRIED = ("max_tokens", "priority", "truncate")


def build_embeddings(job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
    """Write the requests that embed all inputs, in order.

    Raises InvalidRequest for token ids, which Cohere does not take.
    """
    require_texts(job, "Cohere")
    url = endpoint(target, "v2/embed")
    return tuple(
        UpstreamRequest("POST", url, JSON, orjson.dumps(_body(job, target, batch)))
        for batch in batches(job.inputs, MAX_TEXTS)
    )


def parse_embeddings(job: EmbeddingJob, target: Target, bodies: Sequence[bytes]) -> EmbeddingReply:
    """Read the replies, in the order of the requests. Raises UpstreamError(BAD_REPLY)."""
    cut = tuple(batches(job.inputs, MAX_TEXTS))
    if len(cut) != len(bodies):
        raise bad_reply(f"{len(bodies)} answers to {len(cut)} requests")
    read = (_read(load_reply(body), batch) for body, batch in zip(bodies, cut, strict=True))
    return join_replies(read, target.model)


def _body(job: EmbeddingJob, target: Target, batch: tuple[Input, ...]) -> JsonObject:
    kind = job.extra.get("input_type")
    body: JsonObject = {
        "model": target.model,
        "texts": batch,
        "input_type": _KINDS.get(kind, kind) if isinstance(kind, str) else _DOCUMENT,
        "embedding_types": ["float"],
    }
    if job.dimensions is not None:
        body["output_dimension"] = job.dimensions
    return body | {name: job.extra[name] for name in _CARRIED if name in job.extra}


def _read(reply: JsonObject, batch: tuple[Input, ...]) -> EmbeddingReply:
    found: Any = reply.get("embeddings")
    if isinstance(found, dict):
        found = found.get("float")
    if not isinstance(found, list):
        raise bad_reply("an answer without vectors")
    vectors = tuple(read_vector(vector) for vector in found)
    return EmbeddingReply("", require_count(vectors, batch), _usage(reply))


def _usage(reply: JsonObject) -> Usage | None:
    meta = reply.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    if not isinstance(billed, dict) or token_count(billed.get("input_tokens")) is None:
        return None
    counts = (token_count(billed.get(name)) for name in ("input_tokens", "image_tokens"))
    return Usage(input=sum(count or 0 for count in counts))
