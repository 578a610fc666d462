"""Every recorded embeddings exchange of OpenAI-format vendors and Cohere, read and asked again."""

import array
import base64
import json
import struct
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.registry import PROVIDERS
from gateway.types.embeddings import EmbeddingEncoding, EmbeddingJob, EmbeddingReply
from gateway.types.upstream import ReplyHead, Target
from gateway.wire.embeddings_read import read_embeddings
from gateway.wire.embeddings_write import write_embeddings
from tests.conformance.recordings import Exchange, require
from tests.conformance.replaying import each, target as target_of

OTHER_FORMATS = ("bedrock", "gemini", "vertex")
WITHOUT_A_ROW = "openai_compatible"  # what a user's own server of any kind is


@cache
def exchanges() -> tuple[Exchange, ...]:
    found = tuple(e for e in require("embeddings") if e.provider not in OTHER_FORMATS)
    if not found:
        pytest.skip("no recorded embeddings in these formats")
    return found


def answered() -> list[Exchange]:
    return [e for e in exchanges() if e.status == 200]


def kind_of(exchange: Exchange) -> str:
    return exchange.provider if exchange.provider in PROVIDERS else WITHOUT_A_ROW


def target(exchange: Exchange) -> Target:
    base = exchange.url.replace("RESOURCE", "resource")
    if exchange.provider != "azure":
        base = base.split("/v1/embeddings")[0].split("/v2/embed")[0]
        base += "" if exchange.provider in ("cohere", "perplexity") else "/v1"
    return target_of(kind_of(exchange), exchange.request["model"], base)


def openai_words(exchange: Exchange) -> dict[str, Any]:
    """Say a recorded request as a client of OpenAI's format would."""
    body = {name: value for name, value in exchange.request.items() if value is not None}
    renamed = {"texts": "input", "prompt": "input", "output_dimension": "dimensions"}
    told = {renamed.get(name, name): value for name, value in body.items()}
    for name in ("embedding_types", "options"):
        told.pop(name, None)
    return told


def job_of(exchange: Exchange, encoding: EmbeddingEncoding) -> EmbeddingJob:
    return replace(read_embeddings(openai_words(exchange)), encoding=encoding)


def expected_vectors(exchange: Exchange) -> list[list[float]]:
    """Read the vectors straight from the recorded JSON."""
    body = json.loads(exchange.body)
    if "data" in body:
        found = [row["embedding"] for row in sorted(body["data"], key=lambda row: row["index"])]
    elif "embedding" in body:
        found = [body["embedding"]]
    else:
        found = body["embeddings"]["float"]
    return [plain(vector, exchange.provider) for vector in found]


def plain(vector: Any, provider: str) -> list[float]:
    if not isinstance(vector, str):
        return [float(number) for number in vector]
    packed = base64.b64decode(vector)
    # int8 is what Perplexity sends, float64 what old vLLM servers do: read by hand.
    kind = {"perplexity": "b", "vllm": "d"}.get(provider, "f")
    return [float(number) for number in array.array(kind, packed)]


def parse(exchange: Exchange, encoding: EmbeddingEncoding) -> EmbeddingReply:
    provider = PROVIDERS[kind_of(exchange)]
    return provider.parse_embeddings(job_of(exchange, encoding), target(exchange), [exchange.body])


def test_every_vector_arrives_in_the_encoding_the_client_asked_for() -> None:
    def check(exchange: Exchange) -> None:
        expected = expected_vectors(exchange)
        reply = parse(exchange, EmbeddingEncoding.FLOAT)
        told = json.loads(write_embeddings(reply, job_of(exchange, EmbeddingEncoding.FLOAT)))
        assert [row["embedding"] for row in told["data"]] == expected
        assert [row["index"] for row in told["data"]] == list(range(len(expected)))
        reply = parse(exchange, EmbeddingEncoding.BASE64)
        told = json.loads(write_embeddings(reply, job_of(exchange, EmbeddingEncoding.BASE64)))
        packed = [base64.b64decode(row["embedding"]) for row in told["data"]]
        assert packed == [struct.pack(f"<{len(vector)}f", *vector) for vector in expected]

    each(answered(), check)


def test_model_and_usage_are_told() -> None:
    def check(exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        told = json.loads(
            write_embeddings(
                parse(exchange, EmbeddingEncoding.FLOAT),
                job_of(exchange, EmbeddingEncoding.FLOAT),
            )
        )
        assert told["object"] == "list"
        assert told["model"] == body.get("model", exchange.request["model"])
        usage = body.get("usage") or body.get("meta", {}).get("billed_units") or {}
        names = ("prompt_tokens", "input_tokens", "total_tokens")
        count = next((usage[name] for name in names if name in usage), 0)
        assert told["usage"] == {"prompt_tokens": count, "total_tokens": count}

    each(answered(), check)


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request without what says nothing: one input in a list, the default encoding."""
    found = {name: value for name, value in body.items() if value is not None}
    if found.get("encoding_format") == "float":
        del found["encoding_format"]
    if "texts" in found:
        found.setdefault("embedding_types", ["float"])
    value = found.get("input")
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], int):
        found["input"] = value[0]
    return found


def test_a_recorded_request_is_rebuilt_without_loss() -> None:
    def check(exchange: Exchange) -> None:
        if "invalid_format" in json.dumps(exchange.request) or "/api/" in exchange.url:
            return  # refused by our own reader; Ollama's own API, which is not asked
        job = read_embeddings(openai_words(exchange))
        [built] = PROVIDERS[kind_of(exchange)].build_embeddings(job, target(exchange))
        body, sent = normal(json.loads(built.body)), normal(exchange.request)
        if exchange.provider == "voyage":  # an unknown server is asked for numbers
            sent.pop("encoding_format", None)
        if "/deployments/" in built.url:  # the address says it: the body may say anything
            assert f"/deployments/{body.pop('model')}/" in built.url
            del sent["model"]
        assert body == sent
        assert built.url == exchange.url.replace("RESOURCE", "resource").replace(".com//", ".com/")

    each(exchanges(), check)


def test_an_answer_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for place in range(0, len(body), max(1, len(body) // 5)):
            provider = PROVIDERS[kind_of(exchange)]
            job = job_of(exchange, EmbeddingEncoding.FLOAT)
            with pytest.raises(UpstreamError) as broken:
                provider.parse_embeddings(job, target(exchange), [body[:place]])
            assert broken.value.failure is Failure.BAD_REPLY

    each(answered(), check)


def test_every_recorded_refusal_has_its_class() -> None:
    classes = {
        400: Failure.BAD_REQUEST,
        401: Failure.KEY_REJECTED,
        404: Failure.NOT_FOUND,
        422: Failure.BAD_REQUEST,
        429: Failure.RATE_LIMITED,
    }
    for exchange in (e for e in exchanges() if e.status != 200):
        head = ReplyHead(exchange.status, exchange.headers)
        error = PROVIDERS[kind_of(exchange)].parse_error(head, exchange.body, 0.0)
        assert error.failure is classes[exchange.status], exchange.id
