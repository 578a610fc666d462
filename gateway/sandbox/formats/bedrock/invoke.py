"""InvokeModel, for the models that embed: each vendor's own body, sent on as it is.

Source: docs.aws.amazon.com, "Amazon Titan Embeddings", "Cohere Embed" and "Amazon Nova Multimodal
Embeddings" (2026). Titan and Nova take one text a call. Models that chat are reached by Converse.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.sandbox.formats.base import Answer
from gateway.sandbox.formats.bedrock.families import bare_name
from gateway.sandbox.formats.bedrock.refusals import refuse
from gateway.sandbox.formats.openai.embeddings import make_vector
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.tokens import count_tokens

EMBEDDERS: Mapping[str, int] = {
    "amazon.titan-embed-text-v1": 1536,
    "amazon.titan-embed-text-v2:0": 1024,
    "amazon.nova-2-multimodal-embeddings-v1:0": 3072,
    "cohere.embed-english-v3": 1024,
    "cohere.embed-multilingual-v3": 1024,
    "cohere.embed-v4:0": 1536,
}
"""Embedding models, with the dimensions of their vectors."""

_TITAN = ("inputText",)
_TITAN_2 = ("inputText", "dimensions", "normalize", "embeddingTypes")
_TITAN_SIZES = (256, 512, 1024)
_COHERE = ("texts", "images", "input_type", "truncate", "embedding_types")
_COHERE_4 = (*_COHERE, "inputs", "output_dimension", "max_tokens")
_COHERE_SIZES = (256, 512, 1024, 1536)
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_MAX_TEXTS = 96
_NOVA_SIZES = (256, 384, 1024, 3072)
_PURPOSES = (
    "GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "DOCUMENT_RETRIEVAL", "CLASSIFICATION",
    "CLUSTERING",
)  # fmt: skip
_UNSCALED = 3  # how long a vector is that was not to be normalised


def invoke(model: str, body: dict[str, Any]) -> Answer:
    """Answer an embedding request. Raises Refused."""
    name = bare_name(model)
    if name.startswith("sandbox-"):
        name = _guess(body)
    if "embed" not in name:
        raise refuse("This simulation invokes models that embed; reach the others by Converse.")
    if name.startswith("amazon.titan"):
        reply, tokens = _invoke_titan(name, body)
    elif name.startswith("cohere."):
        reply, tokens = _invoke_cohere(name, body)
    else:
        reply, tokens = _invoke_nova(body)
    headers = (
        ("x-amzn-bedrock-invocation-latency", "12"),
        ("x-amzn-bedrock-input-token-count", str(tokens)),
    )
    return Answer(orjson.dumps(reply), model, tokens, headers)


def _guess(body: Mapping[str, Any]) -> str:
    """Tell from a body which model it was written for."""
    if "taskType" in body:
        return "amazon.nova-2-multimodal-embeddings-v1:0"
    return "cohere.embed-v4:0" if "texts" in body else "amazon.titan-embed-text-v2:0"


def _malformed(text: str) -> Exception:
    return refuse(f"Malformed input request: {text}, please reformat your input and try again.")


def _check_members(body: Mapping[str, Any], allowed: tuple[str, ...], spot: str = "#") -> None:
    for name in body:
        if name not in allowed:
            raise _malformed(f"{spot}: extraneous key [{name}] is not permitted")


def _check_word(value: Any, spot: str, allowed: tuple[Any, ...]) -> None:
    if value is not None and (isinstance(value, bool) or value not in allowed):
        raise _malformed(f"{spot}: {value} is not a valid enum value")


def _demand_text(value: Any, spot: str) -> str:
    if value is None:
        raise _malformed(f"#: required key [{spot}] not found")
    if not isinstance(value, str):
        raise _malformed(f"#/{spot}: expected type: String, found: {type(value).__name__}")
    if not value:
        raise _malformed(f"#/{spot}: expected minLength: 1, actual: 0")
    return value


def _invoke_titan(name: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    second = "v2" in name
    _check_members(body, _TITAN_2 if second else _TITAN)
    text = _demand_text(body.get("inputText"), "inputText")
    _check_word(body.get("dimensions"), "#/dimensions", _TITAN_SIZES)
    vector = make_vector(text, body.get("dimensions") or EMBEDDERS.get(name, 1024))
    if body.get("normalize") is False:
        vector = [_UNSCALED * number for number in vector]
    tokens = count_tokens(text)
    reply: dict[str, Any] = {"embedding": vector, "inputTextTokenCount": tokens}
    if second:
        reply["embeddingsByType"] = {"float": vector}
    return reply, tokens


def _invoke_cohere(name: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    fourth = "v4" in name
    _check_members(body, _COHERE_4 if fourth else _COHERE)
    if body.get("input_type") is None:
        raise _malformed("#: required key [input_type] not found")
    _check_word(body["input_type"], "#/input_type", _INPUT_TYPES)
    _check_word(body.get("truncate"), "#/truncate", ("NONE", "START", "END", "LEFT", "RIGHT"))
    _check_word(body.get("output_dimension"), "#/output_dimension", _COHERE_SIZES)
    texts = body.get("texts")
    if not isinstance(texts, list) or not texts:
        raise _malformed("#: required key [texts] not found")
    if len(texts) > _MAX_TEXTS:
        raise _malformed(f"#/texts: expected maximum item count: 96, found: {len(texts)}")
    read = [_demand_text(text, f"texts/{at}") for at, text in enumerate(texts)]
    size = body.get("output_dimension") or EMBEDDERS.get(name, 1024)
    vectors = [make_vector(text, size) for text in read]
    by_type = fourth or body.get("embedding_types") is not None
    reply = {
        "id": make_hex_id("", 32),
        "texts": read,
        "embeddings": {"float": vectors} if by_type else vectors,
        "response_type": "embeddings_by_type" if by_type else "embeddings_floats",
    }
    return reply, sum(count_tokens(text) for text in read)


def _invoke_nova(body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    _check_members(body, ("schemaVersion", "taskType", "singleEmbeddingParams"))
    _check_word(body.get("taskType"), "#/taskType", ("SINGLE_EMBEDDING",))
    held = body.get("singleEmbeddingParams")
    if not isinstance(held, dict):
        raise _malformed("#: required key [singleEmbeddingParams] not found")
    spot = "#/singleEmbeddingParams"
    _check_members(held, ("embeddingPurpose", "embeddingDimension", "text"), spot)
    if held.get("embeddingPurpose") is None:
        raise _malformed(f"{spot}: required key [embeddingPurpose] not found")
    _check_word(held["embeddingPurpose"], f"{spot}/embeddingPurpose", _PURPOSES)
    _check_word(held.get("embeddingDimension"), f"{spot}/embeddingDimension", _NOVA_SIZES)
    source = held.get("text")
    if not isinstance(source, dict):
        raise _malformed(f"{spot}: required key [text] not found")
    _check_members(source, ("value", "truncationMode"), f"{spot}/text")
    _check_word(
        source.get("truncationMode"), f"{spot}/text/truncationMode", ("NONE", "START", "END")
    )
    if source.get("truncationMode") is None:
        raise _malformed(f"{spot}/text: required key [truncationMode] not found")
    text = _demand_text(source.get("value"), "singleEmbeddingParams/text/value")
    vector = make_vector(text, held.get("embeddingDimension") or 3072)
    return {"embeddings": [{"embedding": vector, "embeddingType": "TEXT"}]}, count_tokens(text)
