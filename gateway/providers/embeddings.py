"""What the embeddings of all providers share: batches, refusals, and reading of vectors.

A job may be cut into several requests, where a vendor takes fewer inputs at once than a client may
send; their replies are put together again in order. Reading a reply cuts the same job in the same
way, so nothing has to be remembered in between.
"""

import base64
import binascii
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.providers.errors import read_error, upstream_error
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.json import JsonObject
from gateway.types.upstream import ReplyHead
from gateway.types.usage import Usage, estimate_tokens

Input = str | tuple[int, ...]
Vector = tuple[float, ...] | str

_OK = ReplyHead(200, {})
_NUMBERS = frozenset({float, int})
_DOUBLE = 8  # bytes of a float64
_LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127
_NEVER_IN_FLOAT32 = (1 << 29) - 1  # the low bits of a float64 that no float32 fills


def batches(
    inputs: Sequence[Input], most: int, most_tokens: int | None = None
) -> Iterator[tuple[Input, ...]]:
    """Cut inputs into runs of at most `most`, and of about `most_tokens` tokens together.

    Tokens of texts are estimated; an input that alone is larger is a run of its own.
    """
    run: list[Input] = []
    size = 0
    for item in inputs:
        tokens = 0 if most_tokens is None else _token_count(item)
        too_large = most_tokens is not None and size + tokens > most_tokens
        if run and (len(run) >= most or too_large):
            yield tuple(run)
            run, size = [], 0
        run.append(item)
        size += tokens
    if run:
        yield tuple(run)


def require_texts(job: EmbeddingJob, vendor: str) -> None:
    """Raise InvalidRequest where an input is token ids, which this vendor does not take."""
    place = next((n for n, item in enumerate(job.inputs) if not isinstance(item, str)), None)
    if place is not None:
        raise InvalidRequest(
            f"{vendor} embeds text only: send strings, not token ids.",
            param="input" if len(job.inputs) == 1 else f"input[{place}]",
            code="unsupported_parameter",
        )


def load_reply(body: bytes) -> JsonObject:
    """Parse the body of a 2xx reply.

    Raises UpstreamError: BAD_REPLY where it is no JSON object, and the vendor's own error where a
    200 carries one.
    """
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        reply = None
    if not isinstance(reply, dict):
        raise bad_reply("an answer that is no JSON object")
    if reply.get("error") or reply.get("object") == "error":
        raise upstream_error(_OK, read_error(reply), 0.0)
    return reply


def join_replies(replies: Iterable[EmbeddingReply], fallback_model: str) -> EmbeddingReply:
    """Put the replies to one job's batches together: vectors in order, usage added up."""
    vectors: list[Vector] = []
    usage: Usage | None = None
    model = ""
    for reply in replies:
        vectors.extend(reply.vectors)
        model = model or reply.model
        if reply.usage is not None:
            usage = Usage(input=(usage.input if usage else 0) + reply.usage.input)
    return EmbeddingReply(model or fallback_model, tuple(vectors), usage)


def read_vector(value: Any) -> Vector:
    """Return a vector as a reply holds it: a list of numbers, or base64.

    Base64 of float64, which older vLLM servers send (recorded, 2024), becomes numbers. Raises
    UpstreamError(BAD_REPLY) for anything that cannot be written in either encoding.
    """
    if isinstance(value, list):
        return _numbers(value)
    if not isinstance(value, str):
        raise bad_reply("a vector that is none")
    packed = decode_base64(value)
    if len(packed) % 4:
        raise bad_reply("a vector that is no base64 of float32")
    if len(packed) % _DOUBLE == 0 and _holds_doubles(packed):
        return _numbers(list(struct.unpack(f"<{len(packed) // _DOUBLE}d", packed)))
    if not math.isfinite(sum(struct.unpack(f"<{len(packed) // 4}f", packed))):
        raise bad_reply("a vector with a number that is none")
    return value


def read_int8_vector(value: Any) -> Vector:
    """Return a vector that came as base64 of signed bytes. Raises UpstreamError(BAD_REPLY)."""
    if isinstance(value, list):
        return read_vector(value)
    if not isinstance(value, str):
        raise bad_reply("a vector that is none")
    packed = decode_base64(value)
    return tuple(float(number) for number in struct.unpack(f"<{len(packed)}b", packed))


def decode_base64(text: str) -> bytes:
    """Return the bytes of a vector in base64. Raises UpstreamError(BAD_REPLY) if there are none."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if not packed:
        raise bad_reply("a vector that is no base64")
    return packed


def require_count(vectors: Sequence[Vector], batch: Sequence[Input]) -> tuple[Vector, ...]:
    """Return the vectors. Raises UpstreamError(BAD_REPLY) unless there is one for each input."""
    if len(vectors) != len(batch):
        raise bad_reply(f"{len(vectors)} vectors for {len(batch)} inputs")
    return tuple(vectors)


def token_count(value: Any) -> int | None:
    """Return a count of tokens as a reply holds it, None where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= 10**9 else None


def bad_reply(what: str) -> UpstreamError:
    """Return the error for a reply that is no answer; `what` it sent instead."""
    return UpstreamError(Failure.BAD_REPLY, f"The provider sent {what}.")


def _numbers(value: list[Any]) -> Vector:
    if not value or not set(map(type, value)) <= _NUMBERS:
        raise bad_reply("a vector that is none")
    in_range = min(value) >= -_LARGEST_FLOAT32 and max(value) <= _LARGEST_FLOAT32
    if not in_range or not math.isfinite(sum(value)):
        raise bad_reply("a vector with a number out of range")
    return tuple(value)


def _token_count(item: Input) -> int:
    return estimate_tokens(len(item.encode())) if isinstance(item, str) else len(item)


def _holds_doubles(packed: bytes) -> bool:
    """Whether bytes are float64 values that were float32 before.

    Their low 29 bits are all zero; in a vector of float32 that would be every second number.
    """
    lows = struct.unpack(f"<{len(packed) // 4}I", packed)[::2]
    return any(packed) and not any(low & _NEVER_IN_FLOAT32 for low in lows)
