"""POST /v1/embeddings: unit vectors that depend on nothing but the text."""

import base64
import struct
from typing import Any

import orjson

from gateway.sandbox.formats.base import Answer
from gateway.sandbox.formats.mistral.faults import (
    Faults,
    Members,
    is_map,
    is_text,
    list_of,
    model,
    nullable,
    number,
    one_of,
    text_or,
)
from gateway.sandbox.formats.mistral.models import EMBEDDERS
from gateway.sandbox.formats.mistral.refusals import refuse, refuse_faults, refuse_model
from gateway.sandbox.formats.openai.embeddings import make_vector
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.scenes import MISSING
from gateway.sandbox.tokens import count_tokens

_DIMENSIONS = 1024
_ADJUSTABLE = ("codestral-embed",)
_MEMBERS: Members = {
    "model": is_text,
    "input": text_or(list_of(is_text, 1)),
    "metadata": nullable(is_map),
    "output_dimension": nullable(number(1, 3072, whole=True)),
    "output_dtype": one_of("float", "int8", "uint8", "binary", "ubinary"),
    "encoding_format": one_of("float", "base64"),
}


def embed(request: dict[str, Any]) -> Answer:
    """Answer an embeddings request. Raises Refused."""
    faults = Faults()
    model(_MEMBERS, ("model", "input"))(request, ("body",), faults)
    if faults.found:
        raise refuse_faults(faults.found)
    name = request["model"]
    if name.startswith(MISSING):
        raise refuse_model(name)
    length = request.get("output_dimension")
    if length is not None and name in EMBEDDERS and name not in _ADJUSTABLE:
        raise refuse(f"Model {name} does not support output_dimension.")
    if request.get("output_dtype", "float") != "float":
        raise refuse("This simulation embeds floats only.")
    texts = request["input"]
    texts = [texts] if isinstance(texts, str) else texts
    size = length or EMBEDDERS.get(name, _DIMENSIONS)
    data = [
        {"object": "embedding", "embedding": _show(make_vector(one, size), request), "index": at}
        for at, one in enumerate(texts)
    ]
    tokens = sum(count_tokens(one) for one in texts)
    body = {
        "id": make_hex_id("", 32),
        "object": "list",
        "data": data,
        "model": name,
        "usage": _usage(tokens),
    }
    return Answer(orjson.dumps(body), name, tokens)


def _show(vector: list[float], request: dict[str, Any]) -> Any:
    if request.get("encoding_format") != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _usage(tokens: int) -> dict[str, Any]:
    """Return the usage of embeddings, with all the nulls the real one has."""
    return {
        "prompt_audio_seconds": None,
        "prompt_tokens": tokens,
        "total_tokens": tokens,
        "completion_tokens": 0,
        "request_count": None,
        "prompt_tokens_details": None,
        "completion_tokens_details": None,
        "service_tier": None,
        "prompt_token_details": None,
    }
