"""POST /v1/embeddings: unit vectors that depend on nothing but the text."""

import base64
import hashlib
import math
import struct
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.sandbox.formats.base import Answer
from gateway.sandbox.formats.openai.models import EMBEDDERS
from gateway.sandbox.formats.openai.refusals import refuse
from gateway.sandbox.formats.openai.rules import (
    anything,
    integer,
    is_string,
    one_of,
    refuse_missing,
    refuse_type,
    refuse_unknown,
)
from gateway.sandbox.tokens import count_tokens

MAX_INPUTS = 2048
_DIMENSIONS = 1536

_RULES = {
    "model": is_string,
    "input": anything,
    "encoding_format": one_of("float", "base64"),
    "dimensions": integer(1, 3072),
    "user": is_string,
}

Input = str | Sequence[int]


def embed(request: dict[str, Any]) -> Answer:
    """Answer an embeddings request. Raises Refused."""
    for name, value in request.items():
        if name not in _RULES:
            raise refuse_unknown(name)
        if value is not None:
            _RULES[name](value, name)
    model = request["model"]
    inputs = _read_inputs(request.get("input"))
    length = request.get("dimensions") or EMBEDDERS.get(model, _DIMENSIONS)
    in_base64 = request.get("encoding_format") == "base64"
    data = []
    for at, one in enumerate(inputs):
        vector = make_vector(one, length)
        shown = (
            base64.b64encode(struct.pack(f"<{length}f", *vector)).decode() if in_base64 else vector
        )
        data.append({"object": "embedding", "index": at, "embedding": shown})
    tokens = sum(count_tokens(one) if isinstance(one, str) else len(one) for one in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": model, "usage": usage}
    return Answer(orjson.dumps(body), model, tokens)


def make_vector(value: Input, length: int) -> list[float]:
    """Return the unit vector of a text or a list of token ids."""
    text = value if isinstance(value, str) else " ".join(str(token) for token in value)
    noise = hashlib.shake_256(text.encode()).digest(length)
    raw = [byte - 127.5 for byte in noise]
    size = math.sqrt(sum(number * number for number in raw))
    return [number / size for number in raw]


def _read_inputs(value: Any) -> list[Input]:
    if value is None:
        raise refuse_missing("input")
    if isinstance(value, str) or (isinstance(value, list) and value and _is_tokens(value)):
        value = [value]
    if not isinstance(value, list):
        raise refuse_type("input", "one of a string or an array", value)
    if not value or len(value) > MAX_INPUTS:
        text = f"Invalid 'input': expected 1 to {MAX_INPUTS} items, but got {len(value)}."
        raise refuse(text, "input")
    for at, one in enumerate(value):
        if not isinstance(one, str) and not _is_tokens(one):
            raise refuse_type(f"input[{at}]", "one of a string or an array of integers", one)
        if not one:
            raise refuse("Invalid 'input': input cannot be an empty string.", "input")
    return value


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(token, int) and not isinstance(token, bool) for token in value
    )
