"""Reads an OpenAI embeddings request into an `EmbeddingJob`, checking every known member.

Each fault is an InvalidRequest whose `param` is the member's path (`input[3]`). Members that are
not known (`input_type`, `truncate`, …) are kept: providers that have them take them.
"""

from typing import Any

from gateway.types.embeddings import EmbeddingEncoding, EmbeddingJob
from gateway.types.json import JsonObject
from gateway.wire.fields import (
    fail,
    fail_missing,
    fail_type,
    read_choice,
    read_int,
    read_name,
    read_rest,
)

MAX_INPUTS = 2_048  # per request, OpenAI's own limit (API reference, 2026-11)
MAX_MODEL_NAME = 512
MAX_DIMENSIONS = 1_000_000
MAX_TOKEN_ID = 2**31 - 1

_KNOWN = frozenset({"dimensions", "encoding_format", "input", "model"})
_SHAPES = "a string, an array of strings, an array of token ids, or an array of such arrays"

Input = str | tuple[int, ...]


def read_embeddings(body: JsonObject) -> EmbeddingJob:
    """Return the job of a `/v1/embeddings` body that is free of the `gateway` member.

    `model` is "" where the client named none. Raises InvalidRequest.
    """
    encoding = read_choice(body, "encoding_format", tuple(EmbeddingEncoding))
    extra = read_rest(body, _KNOWN)
    if "user" in extra:
        read_name(body, "user")
    return EmbeddingJob(
        model=read_name(body, "model", most=MAX_MODEL_NAME) or "",
        inputs=_read_inputs(body.get("input")),
        dimensions=read_int(body, "dimensions", least=1, most=MAX_DIMENSIONS),
        encoding=EmbeddingEncoding(encoding or EmbeddingEncoding.FLOAT),
        extra=extra,
    )


def _read_inputs(node: Any) -> tuple[Input, ...]:
    if node is None:
        fail_missing("input", f"Send what is to be embedded: {_SHAPES}.")
    if isinstance(node, str):
        return (_text(node, "input"),)
    if not isinstance(node, list):
        fail_type("input", _SHAPES, node)
    if not node:
        fail("input", "'input' must not be an empty array.")
    first = node[0]
    if _is_int(first):
        return (_tokens(node, "input"),)
    if len(node) > MAX_INPUTS:
        fail("input", f"'input' has more than {MAX_INPUTS} items.", "array_too_long")
    if isinstance(first, str):
        return tuple(_text(item, f"input[{place}]") for place, item in enumerate(node))
    if not isinstance(first, list):
        fail_type("input[0]", "a string, a token id, or an array of token ids", first)
    return tuple(_tokens(item, f"input[{place}]") for place, item in enumerate(node))


def _text(item: Any, path: str) -> str:
    if not isinstance(item, str):
        fail_type(path, "a string, like the items before it", item)
    if not item:
        fail(path, f"'{path}' must not be an empty string.")
    return item


def _tokens(item: Any, path: str) -> tuple[int, ...]:
    if not isinstance(item, list):
        fail_type(path, "an array of token ids, like the items before it", item)
    if not item:
        fail(path, f"'{path}' must not be an empty array.")
    for place, token in enumerate(item):
        if not _is_int(token):
            fail_type(f"{path}[{place}]", "an integer: a token id", token)
        if not 0 <= token <= MAX_TOKEN_ID:
            fail(f"{path}[{place}]", f"'{path}[{place}]' is no token id.")
    return tuple(item)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
