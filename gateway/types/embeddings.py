"""The typed middle of an embeddings request and its reply."""

from enum import StrEnum

from msgspec import Struct

from gateway.types.chat import NO_EXTRA, Extra
from gateway.types.usage import Usage


class EmbeddingEncoding(StrEnum):
    """How the client wants its vectors: lists of numbers, or base64 of little-endian float32."""

    FLOAT = "float"
    BASE64 = "base64"


class EmbeddingJob(Struct, frozen=True):
    """One embeddings request, validated. Inputs are texts, or arrays of token ids.

    `dimensions` None: the model's own. `extra` holds other members by name (`user`,
    `input_type`, …); members whose value is null are absent.
    """

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    encoding: EmbeddingEncoding = EmbeddingEncoding.FLOAT
    extra: Extra = NO_EXTRA


class EmbeddingReply(Struct, frozen=True):
    """The vectors in the order of the inputs, each as numbers or as base64 of float32."""

    model: str
    vectors: tuple[tuple[float, ...] | str, ...]
    usage: Usage | None = None
