"""Embeddings in OpenAI's format, of OpenAI and of every vendor that speaks it.

Facts: OpenAI API reference, Perplexity embeddings reference, Mistral's SDK types, and recorded
traffic (2026-11). Base64 is asked for only where it is known to mean float32: elsewhere numbers
are asked for, and converted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from msgspec import Struct

from gateway.providers.embeddings import (
    Input,
    Vector,
    bad_reply,
    batches,
    join_replies,
    load_reply,
    read_int8_vector,
    read_vector,
    require_count,
    require_texts,
    token_count,
)
from gateway.types.embeddings import EmbeddingEncoding, EmbeddingJob, EmbeddingReply
from gateway.types.json import JsonObject
from gateway.types.upstream import Target, UpstreamRequest
from gateway.types.usage import Usage

_CHAT_PATH = "/chat/completions"
_JSON = (("content-type", "application/json"),)


class EmbeddingRules(Struct, frozen=True):
    """How one vendor's embeddings differ from OpenAI's.

    `path` stands where `/chat/completions` does in the chat address. `takes_tokens`: arrays of
    token ids are understood. `knows_base64`: `encoding_format: base64` means float32.
    `dimensions` is the member's name. `known` are the other members it takes, None: any.
    `read` makes a vector of what a reply holds.
    """

    path: str = "/embeddings"
    most_inputs: int = 2_048
    most_tokens: int | None = None
    takes_tokens: bool = False
    knows_base64: bool = False
    dimensions: str = "dimensions"
    known: frozenset[str] | None = None
    read: Callable[[Any], Vector] = read_vector


_OPENAI = EmbeddingRules(takes_tokens=True, knows_base64=True)
_OTHERS = EmbeddingRules()

RULES: Mapping[str, EmbeddingRules] = MappingProxyType(
    {
        "openai": _OPENAI,
        "azure": _OPENAI,
        "openrouter": _OPENAI,
        "vllm": _OPENAI,
        "llamacpp": EmbeddingRules(takes_tokens=True),
        "openai_compatible": EmbeddingRules(takes_tokens=True),
        # Vectors come as base64 of int8 only, and any other format is refused (422).
        "perplexity": EmbeddingRules(
            path="/v1/embeddings", most_inputs=512, known=frozenset(), read=read_int8_vector
        ),
        # 400, code 3210 "Too many inputs in request" beyond 512; 16,384 tokens together.
        "mistral": EmbeddingRules(
            most_inputs=512,
            most_tokens=12_000,  # ours are estimates
            dimensions="output_dimension",
            known=frozenset({"metadata", "output_dimension", "output_dtype"}),
        ),
    }
)
"""By wire format; any other one follows the plainest rules."""


class OpenAIEmbeddings:
    """The embeddings half of an OpenAI-format provider; the chat half says where chat is."""

    def chat_url(self, target: Target) -> str:
        """Return the address of the chat endpoint."""
        raise NotImplementedError

    def embeddings_url(self, target: Target) -> str:
        """Return the address of the embeddings endpoint: beside that of chat."""
        chat = urlsplit(self.chat_url(target))
        path = chat.path.removesuffix(_CHAT_PATH) + rules_of(target).path
        return urlunsplit(chat._replace(path=path))

    def embeddings_model(self, target: Target) -> str:
        """Return the model's name in the body."""
        return target.model

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Write the native requests that embed all inputs, in order.

        Raises InvalidRequest for token ids that the vendor does not take.
        """
        rules = rules_of(target)
        if not rules.takes_tokens:
            require_texts(job, target.provider)
        url = self.embeddings_url(target)
        model = self.embeddings_model(target)
        return tuple(
            UpstreamRequest("POST", url, _JSON, orjson.dumps(_body(job, model, batch, rules)))
            for batch in batches(job.inputs, rules.most_inputs, rules.most_tokens)
        )

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Read the bodies of the replies to `build_embeddings`, in its order.

        Raises UpstreamError: BAD_REPLY, or what a 200 reports as its own error.
        """
        rules = rules_of(target)
        cut = tuple(batches(job.inputs, rules.most_inputs, rules.most_tokens))
        if len(cut) != len(bodies):
            raise bad_reply(f"{len(bodies)} answers to {len(cut)} requests")
        read = (_read(body, batch, rules) for body, batch in zip(bodies, cut, strict=True))
        return join_replies(read, target.model)


def rules_of(target: Target) -> EmbeddingRules:
    """Return the rules of a target's vendor."""
    return RULES.get(target.type, _OTHERS)


def _body(
    job: EmbeddingJob, model: str, batch: tuple[Input, ...], rules: EmbeddingRules
) -> JsonObject:
    body: JsonObject = {"model": model, "input": batch if len(batch) > 1 else batch[0]}
    if job.dimensions is not None:
        body[rules.dimensions] = job.dimensions
    if job.encoding is EmbeddingEncoding.BASE64 and rules.knows_base64:
        body["encoding_format"] = "base64"
    for name, value in job.extra.items():
        if rules.known is None or name in rules.known:
            body[name] = value
    return body


def _read(body: bytes, batch: tuple[Input, ...], rules: EmbeddingRules) -> EmbeddingReply:
    reply = load_reply(body)
    vectors = tuple(rules.read(value) for value in _in_order(reply))
    model = reply.get("model")
    return EmbeddingReply(
        model if isinstance(model, str) else "", require_count(vectors, batch), _usage(reply)
    )


def _in_order(reply: JsonObject) -> Iterator[Any]:
    """Yield the vectors in the order of the inputs, whatever the order of the reply."""
    data = reply.get("data")
    if not isinstance(data, list):  # Ollama's own API, where someone's proxy leads there
        several = reply.get("embeddings")
        alone = reply.get("embedding")
        data = several if isinstance(several, list) else [alone] if alone else None
        if data is None:
            raise bad_reply("an answer without vectors")
        yield from data
        return
    rows = [row for row in data if isinstance(row, dict)]
    numbered = all(type(row.get("index")) is int for row in rows)
    if numbered and len({row["index"] for row in rows}) == len(rows):
        rows.sort(key=lambda row: int(row["index"]))
    for row in rows:
        yield row.get("embedding")


def _usage(reply: JsonObject) -> Usage | None:
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return None
    count = token_count(usage.get("prompt_tokens"))
    if count is None:
        count = token_count(usage.get("total_tokens"))  # Voyage reports nothing else (recorded)
    return None if count is None else Usage(input=count)
