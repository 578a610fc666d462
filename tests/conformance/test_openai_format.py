"""Every provider that speaks OpenAI's chat format, against recorded exchanges with the real ones."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import httpx2
import openai
import pytest
from msgspec.structs import replace
from openai.lib.streaming.chat import ChatCompletionStreamState

from gateway.errors import Failure, UpstreamError
from gateway.providers.base import Provider
from gateway.providers.registry import PROVIDERS
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.conformance.openai_reading import (
    Answer,
    Choice,
    bare_request,
    chunks,
    frames,
    read_answer,
)
from tests.conformance.recordings import Exchange, require

# These `chat` exchanges are in formats of their own: Cohere's, and Ollama's native one.
OTHER_FORMATS = ("cohere",)
FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
SMALL = 6_000  # bytes: streams up to here run at every split in the default run


@cache
def exchanges() -> tuple[Exchange, ...]:
    return tuple(
        exchange
        for exchange in require("chat")
        if exchange.provider not in OTHER_FORMATS
        and "/api/chat" not in exchange.url
        and "messages" in exchange.request
    )


def answered(*, stream: bool | None = None) -> list[Exchange]:
    found = [e for e in exchanges() if e.status == 200]
    return [e for e in found if stream is None or is_stream(e) == stream]


def is_stream(exchange: Exchange) -> bool:
    return not exchange.body.lstrip().startswith(b"{")


def provider_of(exchange: Exchange) -> Provider:
    """Azure's bodies are OpenAI's own; vendors without a row are somebody's own endpoint."""
    if exchange.provider == "azure":
        return PROVIDERS["openai"]
    if exchange.provider in ("mistral", "bedrock", "gemini"):
        return PROVIDERS["openai_compatible"]
    return PROVIDERS.get(exchange.provider, PROVIDERS["openai_compatible"])


def target_of(exchange: Exchange) -> Target:
    model = exchange.request.get("model") or "deployment"
    return Target(
        provider=exchange.provider,
        type=exchange.provider,
        model=model,
        base_url="https://upstream.example/v1",
        key_source=KeySource.OWN,
        key_name=None,
        audience="",
        settings={},
        info=ModelInfo(exchange.provider, model),
    )


def chat_of(exchange: Exchange, *, stream: bool) -> ChatRequest:
    return replace(read_chat(exchange.request), stream=stream, include_usage=stream)


def parse(exchange: Exchange, pieces: Iterable[bytes], *, stream: bool) -> list[ev.Event]:
    """Feed a reply in pieces; the pieces that pass unchanged are joined, so cuts do not show."""
    chat = chat_of(exchange, stream=stream)
    head = ReplyHead(exchange.status, exchange.headers)
    parser = provider_of(exchange).open_reply(chat, target_of(exchange), head)
    events: list[ev.Event] = []
    for piece in pieces:
        events += parser.feed(piece)
    events += parser.finish()
    joined: list[ev.Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if isinstance(event, ev.Verbatim) and isinstance(last, ev.Verbatim):
            joined[-1] = ev.Verbatim(last.data + event.data, last.deltas + event.deltas)
        else:
            joined.append(event)
    return joined


def completed(exchange: Exchange, events: Sequence[ev.Event]) -> bytes:
    writer = CompletionWriter(
        chat_of(exchange, stream=False), id="req_1", created=1_700_000_000, model="m"
    )
    for event in events:
        writer.add(event)
    return writer.body()


def streamed(exchange: Exchange, events: Sequence[ev.Event]) -> bytes:
    writer = StreamWriter(
        chat_of(exchange, stream=True),
        id="req_1",
        created=1_700_000_000,
        model="m",
        usage_wanted=True,
    )
    return b"".join(writer.write(event) for event in events)


def shown(answer: Answer) -> dict[int, Any]:
    """Return what a client is told; made-up ids are not compared."""
    return {index: choice_shown(choice) for index, choice in answer.choices.items()}


def choice_shown(choice: Choice) -> tuple[Any, ...]:
    calls = [(call.name, call.arguments) for call in choice.calls]
    return (choice.text, choice.reasoning, choice.refusal, calls, choice.finish)


def given_ids(answer: Answer) -> list[str]:
    return [call.id for choice in answer.choices.values() for call in choice.calls if call.id]


def test_every_reply_says_what_the_recorded_json_says() -> None:
    for exchange in answered():
        expected = read_answer(exchange.body, exchange.provider)
        if expected.error:
            continue
        for stream in (False, True):
            events = parse(exchange, [exchange.body], stream=stream)
            write = streamed if stream else completed
            actual = read_answer(write(exchange, events), "openai")
            assert shown(actual) == shown(expected), exchange.id
            assert set(given_ids(expected)) <= set(given_ids(actual)), exchange.id
            assert actual.model == expected.model, exchange.id
            assert expected.id in ("", actual.id), exchange.id


def test_usage_survives_in_disjoint_buckets() -> None:
    seen = 0
    for exchange in answered():
        reported = read_answer(exchange.body, exchange.provider).usage
        events = parse(exchange, [exchange.body], stream=True)
        usages = [event.usage for event in events if isinstance(event, ev.Usage)]
        assert bool(usages) == bool(reported), exchange.id
        if reported is None:
            continue
        seen += 1
        usage = usages[-1]
        assert usage.prompt == reported["prompt_tokens"], exchange.id
        assert usage.completion == reported["completion_tokens"], exchange.id
        into = reported.get("prompt_tokens_details") or {}
        cached = into.get("cached_tokens") or reported.get("cached_tokens") or 0
        if cached <= reported["prompt_tokens"]:  # Grok on Azure reports more cached than read
            assert usage.cache_read == cached, exchange.id
        out = reported.get("completion_tokens_details") or {}
        thought = out.get("reasoning_tokens") or 0
        if thought <= reported["completion_tokens"]:
            assert usage.reasoning == thought, exchange.id
    assert seen > 0


def test_every_stream_keeps_the_chunk_rules() -> None:
    for exchange in answered():
        answer = read_answer(exchange.body, exchange.provider)
        if not answer.error:
            body = streamed(exchange, parse(exchange, [exchange.body], stream=True))
            check_chunk_rules(body, exchange.id, with_usage=answer.usage is not None)


def check_chunk_rules(body: bytes, name: str, *, with_usage: bool) -> None:
    assert body.endswith(b"data: [DONE]\n\n"), name
    written = list(chunks(body))
    assert {chunk["object"] for chunk in written} == {"chat.completion.chunk"}, name
    assert len({chunk["id"] for chunk in written}) == 1, name
    assert all(chunk["id"] and chunk["model"] and chunk["created"] for chunk in written), name
    usages = [chunk for chunk in written if chunk.get("usage")]
    assert usages == (written[-1:] if with_usage else []), name
    finished: set[int] = set()
    started: set[int] = set()
    for chunk in written[:-1] if with_usage else written:
        assert chunk["choices"], name
        for choice in chunk["choices"]:
            index = choice["index"]
            assert index not in finished, name
            role = choice["delta"].get("role")
            assert role == (None if index in started else "assistant"), name
            started.add(index)
            if choice.get("finish_reason") is not None:
                assert choice["finish_reason"] in FINISH_REASONS, name
                finished.add(index)
    assert started == finished != set(), name


def at_every_byte(body: bytes) -> list[bytes]:
    return [body[n : n + 1] for n in range(len(body))]


def check_splits(exchange: Exchange) -> None:
    for stream in (False, True):
        whole = parse(exchange, [exchange.body], stream=stream)
        assert repr(parse(exchange, at_every_byte(exchange.body), stream=stream)) == repr(whole)
        assert repr(parse(exchange, frames(exchange.body), stream=stream)) == repr(whole)


def test_a_stream_reads_the_same_at_every_split() -> None:
    for exchange in answered(stream=True):
        if len(exchange.body) <= SMALL:
            check_splits(exchange)


@pytest.mark.slow
def test_every_stream_reads_the_same_at_every_split() -> None:
    for exchange in answered():
        check_splits(exchange)


def before_the_finish(body: bytes) -> list[bytes]:
    """Return the frames up to the first that ends a choice."""
    kept = []
    for frame in frames(body):
        parsed = list(chunks(frame))
        if any(c.get("finish_reason") for p in parsed for c in p.get("choices") or []):
            break
        if b"[DONE]" in frame:
            break
        kept.append(frame)
    return kept


def check_cuts(exchange: Exchange, every: int) -> None:
    kept = before_the_finish(exchange.body)
    for count in range(0, len(kept) + 1, every):
        for torn in (b"", b'data: {"id":"x","choi'):
            with pytest.raises(UpstreamError) as caught:
                parse(exchange, [*kept[:count], torn], stream=True)
            assert caught.value.failure in (Failure.CUT, Failure.BAD_REPLY), exchange.id


def test_a_stream_cut_before_its_finish_is_an_error() -> None:
    for exchange in answered(stream=True):
        check_cuts(exchange, every=max(1, len(frames(exchange.body)) // 8))


@pytest.mark.slow
def test_a_stream_cut_after_any_event_is_an_error() -> None:
    for exchange in answered(stream=True):
        check_cuts(exchange, every=1)


async def accumulated(body: bytes) -> Any:
    """Return what the official client makes of a stream of ours."""

    def reply(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=body)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(reply)) as http:
        client = openai.AsyncOpenAI(api_key="k", base_url="http://gateway/v1", http_client=http)
        messages: Any = [{"role": "user", "content": "hi"}]
        state = ChatCompletionStreamState()
        async for chunk in await client.chat.completions.create(
            model="m", messages=messages, stream=True
        ):
            state.handle_chunk(chunk)
        return state.current_completion_snapshot


def comparable(completion: Any) -> dict[str, Any]:
    """Return a completion's content, without what streams and bodies spell differently."""
    choices = []
    for choice in sorted(completion["choices"], key=lambda choice: choice["index"]):
        message = {n: v for n, v in choice["message"].items() if v and n != "parsed"}
        for call in message.get("tool_calls") or []:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        choices.append((choice["index"], choice["finish_reason"], message))
    usage = {n: v for n, v in (completion.get("usage") or {}).items() if v is not None}
    return {"choices": choices, "usage": usage, "model": completion["model"]}


async def check_sdk(exchange: Exchange) -> None:
    whole = json.loads(completed(exchange, parse(exchange, [exchange.body], stream=False)))
    events = parse(exchange, [exchange.body], stream=True)
    final = await accumulated(streamed(exchange, events))
    assert comparable(final.model_dump(exclude_unset=True)) == comparable(whole), exchange.id


async def test_the_official_client_makes_of_a_stream_what_the_completion_says() -> None:
    for exchange in answered(stream=True):
        answer = read_answer(exchange.body, exchange.provider)
        if not answer.error and len(exchange.body) <= 4 * SMALL:
            await check_sdk(exchange)


@pytest.mark.slow
async def test_the_official_client_reads_every_stream_as_its_completion() -> None:
    for exchange in answered(stream=True):
        if not read_answer(exchange.body, exchange.provider).error:
            await check_sdk(exchange)


def test_an_error_inside_a_stream_is_never_an_empty_success() -> None:
    found = 0
    for exchange in answered():
        if read_answer(exchange.body, exchange.provider).error:
            found += 1
            try:
                events = parse(exchange, [exchange.body], stream=True)
            except UpstreamError:
                continue
            assert isinstance(events[-1], ev.Error), exchange.id
            assert not any(isinstance(event, ev.End) for event in events), exchange.id
    if not found:
        pytest.skip("no recorded reply with an error inside a 200")


def test_a_recorded_request_is_rebuilt_without_loss() -> None:
    compared = 0
    for exchange in exchanges():
        if "functions" in exchange.request:
            continue
        chat = read_chat(exchange.request)
        built = provider_of(exchange).build_chat(chat, target_of(exchange))
        body = json.loads(built.body)
        assert body.pop("model") == target_of(exchange).model
        sent = {name: v for name, v in exchange.request.items() if name != "model"}
        assert bare_request(body) == bare_request(sent), exchange.id
        assert built.url == "https://upstream.example/v1/chat/completions"
        compared += 1
    assert compared > 0


def test_a_deprecated_function_request_is_sent_with_tools() -> None:
    found = [e for e in exchanges() if "functions" in e.request]
    if not found:
        pytest.skip("no recorded request with `functions`")
    for exchange in found:
        chat = read_chat(exchange.request)
        body = json.loads(provider_of(exchange).build_chat(chat, target_of(exchange)).body)
        named = [tool["function"]["name"] for tool in body["tools"]]
        assert named == [function["name"] for function in exchange.request["functions"]]
        assert not body.keys() & {"functions", "function_call"}
        if exchange.status == 200:
            events = parse(exchange, [exchange.body], stream=False)
            ours = json.loads(completed(exchange, events))["choices"][0]
            theirs = json.loads(exchange.body)["choices"][0]
            assert ours["message"]["function_call"] == theirs["message"]["function_call"]
            assert ours["finish_reason"] == "function_call"


EXPECTED_FAILURES = {
    401: {Failure.KEY_REJECTED},
    403: {Failure.KEY_REJECTED, Failure.QUOTA, Failure.CONTENT_FILTER},
    404: {Failure.NOT_FOUND},
    413: {Failure.BAD_REQUEST, Failure.CONTEXT_LENGTH},
    422: {Failure.BAD_REQUEST},
    429: {Failure.RATE_LIMITED, Failure.QUOTA},
}


def test_a_refusal_maps_to_its_class_and_keeps_the_providers_words() -> None:
    refused = [exchange for exchange in exchanges() if exchange.status >= 400]
    for exchange in refused:
        head = ReplyHead(exchange.status, exchange.headers)
        error = provider_of(exchange).parse_error(head, exchange.body, 1_700_000_000.0)
        assert error.status == exchange.status
        said = read_error_text(exchange.body)
        assert error.message.startswith(said[:200]), exchange.id
        if exchange.status == 400:
            too_long = "maximum context length" in said
            assert (error.failure is Failure.CONTEXT_LENGTH) == too_long, exchange.id
        else:
            assert error.failure in EXPECTED_FAILURES[exchange.status], exchange.id
    if not refused:
        pytest.skip("no recorded refusals")


def read_error_text(body: bytes) -> str:
    parsed = json.loads(body)
    error = parsed.get("error", parsed)
    if isinstance(error, str):
        return error
    return str(error.get("message") or error.get("detail"))
