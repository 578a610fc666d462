"""POST /v2/embed: unit vectors that depend on nothing but the text."""

import base64
import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.sandbox.formats.base import Answer
from gateway.sandbox.formats.cohere.models import EMBEDDERS
from gateway.sandbox.formats.cohere.refusals import refuse, refuse_model, refuse_unknown
from gateway.sandbox.formats.cohere.rules import (
    Rule,
    anything,
    array,
    is_array,
    is_string,
    number,
    one_of,
)
from gateway.sandbox.formats.cohere.writing import make_uuid
from gateway.sandbox.formats.openai.embeddings import make_vector
from gateway.sandbox.scenes import MISSING
from gateway.sandbox.tokens import count_tokens

_MAX_TEXTS = 96
_DIMENSIONS = 1536
_SIZES = (256, 512, 1024, 1536)
_ADJUSTABLE = ("embed-v4",)
_TYPES = ("float", "int8", "uint8", "binary", "ubinary", "base64")
_RULES: Mapping[str, Rule] = {
    "model": is_string,
    "input_type": one_of(
        "search_document", "search_query", "classification", "clustering", "image"
    ),
    "texts": array(_MAX_TEXTS, is_string),
    "images": is_array,
    "inputs": is_array,
    "max_tokens": number(1, 2**31 - 1, whole=True),
    "output_dimension": anything,
    "embedding_types": array(len(_TYPES), one_of(*_TYPES)),
    "truncate": one_of("NONE", "START", "END"),
    "priority": number(0, 999, whole=True),
}


def embed(request: dict[str, Any]) -> Answer:
    """Answer an embed request. Raises Refused."""
    for name, value in request.items():
        if name not in _RULES:
            raise refuse_unknown(name)
        if value is not None:
            _RULES[name](value, name)
    model = request.get("model")
    if not model:
        raise refuse("a model parameter is required for this endpoint.")
    if model.startswith(MISSING) or (not model.startswith("sandbox-") and model not in EMBEDDERS):
        raise refuse_model(model)
    texts = _read_texts(request)
    length = _read_length(request, model)
    vectors = [make_vector(text, length) for text in texts]
    wanted = request.get("embedding_types") or ["float"]
    tokens = sum(count_tokens(text) for text in texts)
    body = {
        "id": make_uuid(),
        "texts": texts,
        "embeddings": {kind: [_SHOWN[kind](vector) for vector in vectors] for kind in wanted},
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"input_tokens": tokens, "image_tokens": 0},
        },
        "response_type": "embeddings_by_type",
    }
    return Answer(orjson.dumps(body), model, tokens)


def _read_texts(request: Mapping[str, Any]) -> list[str]:
    kind = request.get("input_type")
    if kind is None:
        raise refuse("invalid request: valid input_type must be provided with the provided model")
    if request.get("images") or request.get("inputs") or kind == "image":
        raise refuse("invalid request: this simulation embeds texts only")
    texts: list[str] = request.get("texts") or []
    if not texts:
        raise refuse("invalid request: texts must have at least one text")
    for at, text in enumerate(texts):
        if not text:
            raise refuse(
                f"invalid request: inputs contains an element that is the empty string at index {at}"
            )
    return texts


def _read_length(request: Mapping[str, Any], model: str) -> int:
    length = request.get("output_dimension")
    if length is None:
        return EMBEDDERS.get(model, _DIMENSIONS)
    if model in EMBEDDERS and not model.startswith(_ADJUSTABLE):
        raise refuse("invalid request: output_dimension is not supported by the provided model")
    if length not in _SIZES:
        raise refuse(f"invalid request: output_dimension must be one of {list(_SIZES)}")
    return int(length)


def _pack(vector: list[float]) -> bytes:
    bits = [number > 0 for number in vector]
    return bytes(
        sum(bit << (7 - at) for at, bit in enumerate(bits[start : start + 8]))
        for start in range(0, len(bits), 8)
    )


_SHOWN: Mapping[str, Callable[[list[float]], Any]] = {
    "float": lambda vector: vector,
    "int8": lambda vector: [round(one * 127) for one in vector],
    "uint8": lambda vector: [round(one * 127) + 128 for one in vector],
    "binary": lambda vector: [byte - 128 for byte in _pack(vector)],
    "ubinary": lambda vector: list(_pack(vector)),
    "base64": lambda vector: base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode(),
}
