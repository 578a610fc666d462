"""Writes an embeddings reply in OpenAI's format, in the encoding the client asked for.

Base64 is of little-endian float32. A number that came as base64 is written as exactly the value it
stands for; a number that came as JSON becomes the nearest float32 in base64.
"""

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.types.embeddings import EmbeddingEncoding, EmbeddingJob, EmbeddingReply
from gateway.types.json import JsonObject
from gateway.types.usage import Usage

_WIDTH = 4  # bytes of a float32


def write_embeddings(reply: EmbeddingReply, job: EmbeddingJob) -> bytes:
    """Return the JSON body of a reply.

    Raises UpstreamError(BAD_REPLY) for vectors that the wanted encoding cannot hold.
    """
    encode = _as_base64 if job.encoding is EmbeddingEncoding.BASE64 else _as_numbers
    data = [
        {"object": "embedding", "index": index, "embedding": encode(vector)}
        for index, vector in enumerate(reply.vectors)
    ]
    return orjson.dumps(
        {
            "object": "list",
            "data": data,
            "model": reply.model,
            "usage": _usage(reply.usage or Usage()),
        }
    )


def encode_vector(numbers: Sequence[float]) -> str:
    """Return numbers as base64 of little-endian float32.

    Raises UpstreamError(BAD_REPLY) for a number beyond the range of float32.
    """
    try:
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except OverflowError:
        raise UpstreamError(
            Failure.BAD_REPLY, "The provider sent a vector with a number out of range."
        ) from None
    return base64.b64encode(packed).decode("ascii")


def decode_vector(text: str) -> tuple[float, ...]:
    """Return the numbers in base64 of little-endian float32.

    Raises UpstreamError(BAD_REPLY) where it is none, or holds NaN or an infinity: JSON has neither.
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if not packed or len(packed) % _WIDTH:
        raise UpstreamError(
            Failure.BAD_REPLY, "The provider sent a vector that is no base64 of float32."
        )
    numbers = struct.unpack(f"<{len(packed) // _WIDTH}f", packed)
    if not math.isfinite(sum(numbers)):
        raise UpstreamError(
            Failure.BAD_REPLY, "The provider sent a vector with a number that is none."
        )
    return numbers


def _as_base64(vector: tuple[float, ...] | str) -> str:
    return vector if isinstance(vector, str) else encode_vector(vector)


def _as_numbers(vector: tuple[float, ...] | str) -> Any:
    return decode_vector(vector) if isinstance(vector, str) else vector


def _usage(usage: Usage) -> JsonObject:
    return {"prompt_tokens": usage.prompt, "total_tokens": usage.total}
