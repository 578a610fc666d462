"""Every recorded exchange with Bedrock's Converse and its embeddings, read and written anew."""

import itertools
import json
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

from gateway.errors import Failure, UpstreamError
from gateway.providers.fates import apply_fates
from gateway.types import events as ev
from gateway.types.account import UnsupportedPolicy
from gateway.types.embeddings import EmbeddingJob
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import StreamWriter
from tests.conformance.bedrock_exchange import (
    ASKED,
    HI,
    PROVIDER,
    answered,
    at_once,
    complete,
    each,
    exchanges,
    model_of,
    parse,
    streamed,
    target,
)
from tests.conformance.bedrock_reading import as_replayed, expected, frames, reply_of
from tests.conformance.bedrock_requests import NotExpressible, normal, parsed_schema, to_openai
from tests.conformance.recordings import Exchange, require

MOST = 0.95  # of the recorded requests must be expressible, or the converter proves nothing
STRANGERS = (
    "us.anthropic.claude-opus-5-5",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    "amazon.titan-text-express-v1",
)


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        assert _told(complete(parse(exchange))) == expected(reply_of(exchange.body))

    each(answered(), check)


def _told(body: dict[str, Any]) -> dict[str, Any]:
    [choice] = body["choices"]
    message, usage = choice["message"], body["usage"]
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    details = message.get("reasoning_details", ())
    read = usage["prompt_tokens_details"]
    return {
        "content": message["content"] or "",
        "reasoning": message.get("reasoning_content", ""),
        "proofs": [detail.get("signature") or detail["data"] for detail in details],
        "calls": [(id_, f["name"], json.loads(f["arguments"])) for id_, f in calls],
        "cited": [note["url_citation"]["url"] for note in message.get("annotations", ())],
        "finish": choice["finish_reason"],
        "usage": (
            usage["prompt_tokens"],
            read["cached_tokens"],
            read["cache_write_tokens"],
            usage["completion_tokens"],
            usage["total_tokens"],
        ),
    }


def test_the_reply_names_the_model_and_the_request() -> None:
    def check(exchange: Exchange) -> None:
        [start] = [event for event in parse(exchange) if isinstance(event, ev.Start)]
        assert start.model == model_of(exchange)
        assert start.id == exchange.headers.get("x-amzn-requestid")

    each(answered(), check)


def test_replies_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        body, whole = exchange.body, parse(exchange)
        assert parse(exchange, (body[n : n + 1] for n in range(len(body)))) == whole
        assert parse(exchange, (body[n : n + 97] for n in range(0, len(body), 97))) == whole

    each(answered(), check)


def test_streams_are_read_alike_frame_by_frame() -> None:
    def check(exchange: Exchange) -> None:
        assert parse(exchange, frames(exchange.body)) == parse(exchange)

    each(streamed(), check)


@pytest.mark.slow
def test_streams_are_read_alike_at_every_split_in_two() -> None:
    def check(exchange: Exchange) -> None:
        body, whole = exchange.body, parse(exchange)
        for place in range(1, len(body)):
            assert parse(exchange, (body[:place], body[place:])) == whole

    each((exchange for exchange in streamed() if len(exchange.body) < 12_000), check)


def test_a_stream_cut_before_its_end_is_an_error_and_after_it_is_none() -> None:
    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        end = next(n for n, frame in enumerate(parts) if b"messageStop" in frame)
        for cut in range(end + 1):
            assert _failure(exchange, parts[:cut]) is Failure.CUT
        found = parse(exchange, parts[: end + 1])
        assert found[-1] == ev.End()
        assert not any(isinstance(event, ev.Usage) for event in found)

    each(streamed(), check)


def test_a_stream_cut_inside_a_frame_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        place = 0
        for frame in frames(exchange.body):
            for inside in (1, 8, 12, len(frame) // 2, len(frame) - 1):
                cut = exchange.body[: place + inside]
                assert _failure(exchange, [cut]) is Failure.CUT
            place += len(frame)

    each(sorted(streamed(), key=lambda exchange: len(exchange.body))[:8], check)


def test_a_flipped_bit_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body
        for place in range(0, len(body), max(1, len(body) // 60)):
            damaged = bytearray(body)
            damaged[place] ^= 1 << (place % 8)
            assert _failure(exchange, [bytes(damaged)]) is Failure.BAD_REPLY

    each(streamed(), check)


@pytest.mark.slow
def test_every_flipped_bit_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        for place in range(len(exchange.body)):
            damaged = bytearray(exchange.body)
            damaged[place] ^= 1 << (place % 8)
            assert _failure(exchange, [bytes(damaged)]) is Failure.BAD_REPLY

    each((exchange for exchange in streamed() if len(exchange.body) < 12_000), check)


def _failure(exchange: Exchange, pieces: list[bytes]) -> Failure:
    with pytest.raises(UpstreamError) as broken:
        parse(exchange, pieces)
    return broken.value.failure


def test_a_whole_reply_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for cut in range(0, len(body), max(1, len(body) // 7)):
            assert _failure(exchange, [body[:cut]]) in (Failure.CUT, Failure.BAD_REPLY)

    each(at_once(), check)


def test_a_whole_reply_and_a_stream_of_the_same_message_agree() -> None:
    def check(exchange: Exchange) -> None:
        body = json.dumps(reply_of(exchange.body)).encode()
        assert _comparable(complete(parse(replace(exchange, body=body)))) == _comparable(
            complete(parse(exchange))
        )

    each(streamed(), check)


def _comparable(body: dict[str, Any]) -> dict[str, Any]:
    """Parse arguments: a stream carries the model's own white space."""
    for call in body["choices"][0]["message"].get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return body


def test_the_official_client_puts_a_stream_together_as_the_completion_says() -> None:
    def check(exchange: Exchange) -> None:
        events = parse(exchange)
        assert _gathered_by_openai(events) == _without_empty(complete(events))

    each(answered(), check)


def _gathered_by_openai(events: list[ev.Event]) -> dict[str, Any]:
    """Stream events to the official client and let it accumulate them."""
    writer = StreamWriter(ASKED, id="own", created=0, model="m", usage_wanted=True)
    body = b"".join(writer.write(event) for event in events)

    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})

    state = ChatCompletionStreamState()
    http: Any = httpx.Client(transport=httpx.MockTransport(reply))
    with http, OpenAI(api_key="k", base_url="http://x.test/v1", http_client=http) as client:
        for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
            state.handle_chunk(chunk)
    return _without_empty(state.current_completion_snapshot.to_dict())


_LATE = {"performanceConfig", "service_tier", "server_tool_use", "trace"}


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing, what the client adds, and what it does not accumulate."""
    [choice] = body["choices"]
    message = {k: v for k, v in choice["message"].items() if v not in (None, "", [])}
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    choice = {k: v for k, v in choice.items() if v is not None and k != "native_finish_reason"}
    choice["message"] = message
    rest = {
        k: v for k, v in body.items() if v is not None and k not in _LATE | {"object", "choices"}
    }
    return {**rest, "choices": [choice]}


def built(body: dict[str, Any], model: str) -> dict[str, Any]:
    """Build the native body of a client's body, and hear no warning."""
    chat = read_chat(orjson.loads(orjson.dumps(body)))
    chat, warnings = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.STRICT)
    assert warnings == ()
    native: dict[str, Any] = orjson.loads(PROVIDER.build_chat(chat, target(model)).body)
    return native


def test_a_request_comes_back_as_it_was() -> None:
    skipped: list[str] = []

    def check(exchange: Exchange) -> None:
        model = model_of(exchange)
        try:
            body = to_openai(exchange.request, model)
        except NotExpressible:
            skipped.append(exchange.id)
            return
        found, wanted = parsed_schema(built(body, model)), normal(exchange.request)
        for name in found.keys() | wanted.keys():
            assert found.get(name) == wanted.get(name), name

    each(exchanges(), check)
    assert len(skipped) < len(exchanges()) * (1 - MOST)


def test_the_address_is_the_recorded_one() -> None:
    def check(exchange: Exchange) -> None:
        chat = read_chat({"model": "m", "messages": [HI], "stream": exchange.stream})
        url = PROVIDER.build_chat(chat, target(model_of(exchange))).url
        recorded = exchange.url.rsplit("/model/", 1)[1].replace(":", "%3A")
        assert url.endswith(f"/model/{recorded}")

    each(exchanges(), check)


@pytest.mark.parametrize("model", STRANGERS)
def test_every_request_can_be_put_to_every_family(model: str) -> None:
    def check(exchange: Exchange) -> None:
        try:
            body = to_openai(exchange.request, model_of(exchange))
        except NotExpressible:
            return
        roles = [turn["role"] for turn in built(body, model)["messages"]]
        assert all(one != other for one, other in itertools.pairwise(roles))

    each(exchanges(), check)


def test_a_reply_goes_back_as_it_came() -> None:
    def check(exchange: Exchange) -> None:
        model = model_of(exchange)
        signs = "claude" in model or "application-inference-profile" in model
        came = as_replayed(reply_of(exchange.body)["output"]["message"]["content"], signs=signs)
        answer = complete(parse(exchange))["choices"][0]["message"]
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": "ok"}
            for call in answer.get("tool_calls", ())
        ]
        turns = built({"model": "m", "messages": [HI, answer, *results, HI]}, model)["messages"]
        went = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        assert went == ([came] if came else [])

    each(answered(), check)


def test_requests_are_legal_by_the_vendors_own_model() -> None:
    loaders = pytest.importorskip("botocore.loaders", reason="the vendor's client is not installed")
    model = pytest.importorskip("botocore.model")
    validate = pytest.importorskip("botocore.validate")
    described = loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    service = model.ServiceModel(described, "bedrock-runtime")
    validator = validate.ParamValidator()

    def check(exchange: Exchange) -> None:
        try:
            body = to_openai(exchange.request, model_of(exchange))
        except NotExpressible:
            return
        for stranger in (model_of(exchange), *STRANGERS):
            native = built(body, stranger)
            for operation in ("Converse", "ConverseStream"):
                shape = service.operation_model(operation).input_shape
                report = validator.validate({"modelId": stranger, **native}, shape)
                assert not report.has_errors(), report.generate_report()

    each(exchanges(), check)


def test_every_recorded_refusal_has_its_class() -> None:
    classes = {
        400: {Failure.BAD_REQUEST, Failure.CONTEXT_LENGTH, Failure.NOT_FOUND, Failure.QUOTA},
        403: {Failure.KEY_REJECTED},
        404: {Failure.NOT_FOUND},
        408: {Failure.TIMEOUT},
        429: {Failure.RATE_LIMITED, Failure.QUOTA, Failure.OVERLOADED},
        503: {Failure.OVERLOADED},
    }

    def check(exchange: Exchange) -> None:
        error = PROVIDER.parse_error(
            ReplyHead(exchange.status, exchange.headers), exchange.body, 0.0
        )
        assert error.status == exchange.status
        assert error.failure in classes.get(exchange.status, {Failure.SERVER, Failure.OVERLOADED})
        assert error.message == json.loads(exchange.body)["message"][:500]
        unknown = b"model identifier is invalid" in exchange.body
        assert (error.failure is Failure.NOT_FOUND) == (unknown or exchange.status == 404)

    each((exchange for exchange in exchanges() if exchange.status != 200), check)


def embeddings() -> list[Exchange]:
    """Every recorded embeddings exchange."""
    return [e for e in require("embeddings") if e.provider == "bedrock" and e.status == 200]


def _job(exchange: Exchange) -> EmbeddingJob:
    """Put a recorded embeddings request into our words."""
    asked = exchange.request
    nova = asked.get("singleEmbeddingParams", {})
    texts = asked.get("texts") or [asked.get("inputText") or nova["text"]["value"]]
    sizes = (asked.get("dimensions"), asked.get("output_dimension"), nova.get("embeddingDimension"))
    extra = {
        "input_type": asked.get("input_type") or nova.get("embeddingPurpose"),
        "truncate": asked.get("truncate") or nova.get("text", {}).get("truncationMode"),
        "normalize": asked.get("normalize"),
    }
    size = next((size for size in sizes if size is not None), None)
    set_ = {name: value for name, value in extra.items() if value is not None}
    return EmbeddingJob(model_of(exchange), tuple(texts), size, extra=set_)


def test_embeddings_are_asked_for_as_they_were() -> None:
    def check(exchange: Exchange) -> None:
        [call] = PROVIDER.build_embeddings(_job(exchange), target(model_of(exchange)))
        assert json.loads(call.body) == exchange.request
        assert call.url.rsplit("/model/", 1)[1] == exchange.url.rsplit("/model/", 1)[1].replace(
            ":", "%3A"
        )

    each(embeddings(), check)


def test_embeddings_are_read_as_they_stand() -> None:
    def check(exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        found = body.get("embeddings", [body.get("embedding")])
        found = found["float"] if isinstance(found, dict) else found
        found = [one["embedding"] if isinstance(one, dict) else one for one in found]
        reply = PROVIDER.parse_embeddings(
            _job(exchange), target(model_of(exchange)), [exchange.body]
        )
        assert reply.vectors == tuple(map(tuple, found))
        if "inputTextTokenCount" in body:
            assert reply.usage is not None
            assert reply.usage.input == body["inputTextTokenCount"]
            header = exchange.headers["x-amzn-bedrock-input-token-count"]
            assert reply.usage.input == int(header)

    each(embeddings(), check)
