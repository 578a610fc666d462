"""Embeddings, through InvokeModel: each family of models has a body of its own.

Titan and Nova take one text a call, Cohere up to 96 ("Amazon Titan Embeddings", "Nova multimodal
embeddings" and "Cohere Embed" pages of the Bedrock user guide, 2026-11; recorded). Only Titan says
in its body how many tokens it read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.providers.anthropic.lenient import as_list, as_object
from gateway.providers.bedrock.endpoint import model_url, region_header
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.json import JsonObject
from gateway.types.upstream import Target, UpstreamRequest
from gateway.types.usage import Usage

_COHERE_TEXTS = 96  # a call
_JSON = "application/json"
_TRUNCATIONS = ("NONE", "START", "END")
_PURPOSES: Mapping[str, str] = {
    "search_document": "GENERIC_INDEX",
    "search_query": "GENERIC_RETRIEVAL",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_Bodies = Callable[[EmbeddingJob, Sequence[str]], Iterator[JsonObject]]


def build_embeddings(job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
    """Write the calls that embed the inputs, in their order; none for a model that has no such form.

    Raises InvalidRequest for token ids, and for a member that the model does not take.
    """
    bodies = _bodies_of(target.model)
    if bodies is None:
        return ()
    texts = []
    for index, given in enumerate(job.inputs):
        if not isinstance(given, str):
            raise InvalidRequest("This model embeds texts, not token ids.", param=f"input[{index}]")
        texts.append(given)
    headers = (("content-type", _JSON), ("accept", _JSON), *region_header(target))
    url = model_url(target, "invoke")
    return tuple(
        UpstreamRequest("POST", url, headers, orjson.dumps(body)) for body in bodies(job, texts)
    )


def parse_embeddings(job: EmbeddingJob, target: Target, bodies: Sequence[bytes]) -> EmbeddingReply:
    """Put the replies of all calls together, in their order.

    Raises UpstreamError(BAD_REPLY) if there are not as many vectors as inputs.
    """
    vectors: list[tuple[float, ...]] = []
    tokens: list[int] = []
    for raw in bodies:
        body = _load(raw)
        vectors += (_vector(vector) for vector in _vectors(body))
        count = body.get("inputTextTokenCount")
        if isinstance(count, int) and not isinstance(count, bool):
            tokens.append(count)
    if len(vectors) != len(job.inputs):
        raise _broken()
    usage = Usage(input=sum(tokens)) if tokens and len(tokens) == len(bodies) else None
    return EmbeddingReply(target.model, tuple(vectors), usage)


def _bodies_of(model: str) -> _Bodies | None:
    name = model.lower()
    if "titan-embed" in name:
        return _titan_v1 if "titan-embed-text-v1" in name or "g1-text" in name else _titan_v2
    if "cohere.embed" in name:
        return _cohere_v3 if "-v3" in name else _cohere_v4
    return _nova if "nova" in name and "embed" in name else None


def _titan_v1(job: EmbeddingJob, texts: Sequence[str]) -> Iterator[JsonObject]:
    _refuse_dimensions(job)
    for text in texts:
        yield {"inputText": text}


def _titan_v2(job: EmbeddingJob, texts: Sequence[str]) -> Iterator[JsonObject]:
    beside: JsonObject = {}
    if job.dimensions is not None:
        beside["dimensions"] = job.dimensions
    if isinstance(job.extra.get("normalize"), bool):
        beside["normalize"] = job.extra["normalize"]
    for text in texts:
        yield {"inputText": text, **beside}


def _cohere_v3(job: EmbeddingJob, texts: Sequence[str]) -> Iterator[JsonObject]:
    _refuse_dimensions(job)
    yield from _cohere(job, texts, {})


def _cohere_v4(job: EmbeddingJob, texts: Sequence[str]) -> Iterator[JsonObject]:
    size = {} if job.dimensions is None else {"output_dimension": job.dimensions}
    yield from _cohere(job, texts, size)


def _cohere(
    job: EmbeddingJob, texts: Sequence[str], beside: Mapping[str, Any]
) -> Iterator[JsonObject]:
    members: JsonObject = {"input_type": _input_type(job) or "search_document", **beside}
    truncate = _truncation(job)
    if truncate is not None:
        members["truncate"] = truncate
    for start in range(0, len(texts), _COHERE_TEXTS):
        yield {"texts": list(texts[start : start + _COHERE_TEXTS]), **members}


def _nova(job: EmbeddingJob, texts: Sequence[str]) -> Iterator[JsonObject]:
    wish = _input_type(job) or "search_document"
    size = {} if job.dimensions is None else {"embeddingDimension": job.dimensions}
    for text in texts:
        yield {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": _PURPOSES.get(wish, wish),
                "text": {"value": text, "truncationMode": _truncation(job) or "NONE"},
                **size,
            },
        }


def _input_type(job: EmbeddingJob) -> str | None:
    given = job.extra.get("input_type")
    return given if isinstance(given, str) and given else None


def _truncation(job: EmbeddingJob) -> str | None:
    given = job.extra.get("truncate")
    if given is None:
        return None
    if not isinstance(given, str) or given.upper() not in _TRUNCATIONS:
        raise InvalidRequest("'truncate' must be NONE, START or END.", param="truncate")
    return given.upper()


def _refuse_dimensions(job: EmbeddingJob) -> None:
    if job.dimensions is not None:
        raise InvalidRequest(
            "The size of this model's vectors cannot be chosen.",
            param="dimensions",
            code="unsupported_parameter",
        )


def _load(raw: bytes) -> JsonObject:
    try:
        return as_object(orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise _broken() from None


def _vectors(body: JsonObject) -> Iterator[Any]:
    """Yield the vectors of one reply, whatever family it is of."""
    if "embedding" in body:
        yield body["embedding"]
        return
    found = body.get("embeddings")
    by_type = found.get("float") if isinstance(found, Mapping) else found
    for vector in as_list(by_type):
        yield vector.get("embedding") if isinstance(vector, Mapping) else vector


def _vector(raw: Any) -> tuple[float, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(n, int | float) for n in raw):
        raise _broken()
    return tuple(raw)


def _broken() -> UpstreamError:
    return UpstreamError(
        Failure.BAD_REPLY, "The provider's reply holds not the embeddings asked for."
    )
