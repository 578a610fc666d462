"""Every recorded chat exchange with Azure, read, written anew, and asked again."""

import json
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.azure import AzureProvider
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.conformance.openai_reading import bare_request, chunks, read_answer
from tests.conformance.recordings import Exchange, require
from tests.conformance.replaying import (
    SMALL,
    bytewise,
    comparable,
    completed,
    each,
    frames,
    gathered,
    is_whole,
    parse,
    streamed,
    target,
)

PROVIDER = AzureProvider()
FILTERS = ("prompt_filter_results", "content_filter_results")


@cache
def exchanges() -> tuple[Exchange, ...]:
    return tuple(e for e in require("chat") if e.provider == "azure")


def answered() -> list[Exchange]:
    found = [e for e in exchanges() if e.status == 200 and not error_of(e)]
    if not found:
        pytest.skip("no recorded answers of Azure")
    return found


def error_of(exchange: Exchange) -> bool:
    return read_answer(exchange.body, "azure").error


def chat_of(exchange: Exchange, *, stream: bool) -> ChatRequest:
    return replace(read_chat(exchange.request), stream=stream, include_usage=stream)


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        expected = read_answer(exchange.body, "azure")
        for stream in (False, True):
            events = parse(PROVIDER, chat_of(exchange, stream=stream), exchange)
            written = streamed(events) if stream else json.dumps(completed(events)).encode()
            actual = read_answer(written, "azure")
            assert actual.choices == expected.choices
            assert (actual.model, actual.id) == (expected.model, expected.id)

    each(answered(), check)


def test_no_chunk_reaches_the_client_without_an_id_and_a_choice() -> None:
    def check(exchange: Exchange) -> None:
        body = streamed(parse(PROVIDER, chat_of(exchange, stream=True), exchange))
        written = list(chunks(body))
        assert len({chunk["id"] for chunk in written}) == 1
        assert all(chunk["id"] and chunk["model"] and chunk["created"] for chunk in written)
        assert all(chunk["choices"] or chunk.get("usage") for chunk in written)

    each(answered(), check)


def filter_results(chunk: dict[str, Any]) -> list[Any]:
    """Return what a chunk or body says of filters, wherever it says so."""
    places = [chunk, *chunk.get("choices", ())]
    return [place[name] for place in places for name in FILTERS if place.get(name)]


def test_filter_results_are_passed_on() -> None:
    filtered = 0

    def check(exchange: Exchange) -> None:
        nonlocal filtered
        whole = is_whole(exchange)
        events = parse(PROVIDER, chat_of(exchange, stream=not whole), exchange)
        sent = [json.loads(exchange.body)] if whole else list(chunks(exchange.body))
        told = [completed(events)] if whole else list(chunks(streamed(events)))
        expected = [json.dumps(r, sort_keys=True) for c in sent for r in filter_results(c)]
        actual = {json.dumps(r, sort_keys=True) for c in told for r in filter_results(c)}
        assert set(expected) <= actual
        filtered += bool(expected)

    each(answered(), check)
    if not filtered:
        pytest.skip("no recorded filter results")


def test_usage_survives_in_disjoint_buckets() -> None:
    def check(exchange: Exchange) -> None:
        reported = read_answer(exchange.body, "azure").usage
        events = parse(PROVIDER, chat_of(exchange, stream=True), exchange)
        usages = [event.usage for event in events if isinstance(event, ev.Usage)]
        assert bool(usages) == bool(reported)
        if reported is not None:
            assert usages[-1].prompt == reported["prompt_tokens"]
            assert usages[-1].completion == reported["completion_tokens"]
            thought = (reported.get("completion_tokens_details") or {}).get("reasoning_tokens")
            if (thought or 0) <= reported["completion_tokens"]:
                assert usages[-1].reasoning == (thought or 0)

    each(answered(), check)


def test_replies_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        for stream in (False, True):
            chat = chat_of(exchange, stream=stream)
            whole = repr(parse(PROVIDER, chat, exchange))
            assert repr(parse(PROVIDER, chat, exchange, bytewise(exchange.body))) == whole
            assert repr(parse(PROVIDER, chat, exchange, frames(exchange.body))) == whole

    each((e for e in answered() if len(e.body) <= SMALL), check)


@pytest.mark.slow
def test_every_reply_is_read_alike_at_every_split() -> None:
    def check(exchange: Exchange) -> None:
        chat = chat_of(exchange, stream=True)
        whole = repr(parse(PROVIDER, chat, exchange))
        assert repr(parse(PROVIDER, chat, exchange, bytewise(exchange.body))) == whole
        for place in range(1, len(exchange.body), max(1, len(exchange.body) // 400)):
            cut = [exchange.body[:place], exchange.body[place:]]
            assert repr(parse(PROVIDER, chat, exchange, cut)) == whole

    each(answered(), check)


def test_a_stream_cut_before_its_finish_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        end = next(n for n, part in enumerate(parts) if finishes(part))
        for count in range(0, end + 1, max(1, end // 20)):
            for torn in (b"", b'data: {"id":"x","choi'):
                with pytest.raises(UpstreamError) as broken:
                    parse(
                        PROVIDER, chat_of(exchange, stream=True), exchange, [*parts[:count], torn]
                    )
                assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)

    each((e for e in answered() if not is_whole(e)), check)


def finishes(frame: bytes) -> bool:
    return any(c.get("finish_reason") for chunk in chunks(frame) for c in chunk["choices"])


async def test_the_official_client_makes_of_a_stream_what_the_completion_says() -> None:
    for exchange in answered():
        whole = completed(parse(PROVIDER, chat_of(exchange, stream=False), exchange))
        events = parse(PROVIDER, chat_of(exchange, stream=True), exchange)
        final = await gathered(streamed(events))
        assert comparable(final) == comparable(whole), exchange.id


def test_a_recorded_request_is_rebuilt_without_loss_at_its_own_address() -> None:
    def check(exchange: Exchange) -> None:
        url = exchange.url.replace(".com//", ".com/")
        model = exchange.request.get("model") or "deployment"
        to = target("azure", model, url.replace("RESOURCE", "resource"))
        built = PROVIDER.build_chat(read_chat(exchange.request), to)
        body = json.loads(built.body)
        assert body.pop("model")
        sent = {name: v for name, v in exchange.request.items() if name != "model"}
        assert bare_request(body) == bare_request(sent)
        assert urlsplit(built.url).path == urlsplit(url).path
        if "api-version" in url:
            assert built.url == url.replace("RESOURCE", "resource")

    each(exchanges(), check)


def test_every_recorded_refusal_has_its_class() -> None:
    refused = [e for e in exchanges() if e.status != 200]
    if not refused:
        pytest.skip("no recorded refusals of Azure")
    classes = {
        400: {Failure.BAD_REQUEST, Failure.CONTENT_FILTER, Failure.CONTEXT_LENGTH},
        401: {Failure.KEY_REJECTED},
        404: {Failure.NOT_FOUND},
        429: {Failure.RATE_LIMITED, Failure.QUOTA},
    }
    for exchange in refused:
        error = PROVIDER.parse_error(ReplyHead(exchange.status, exchange.headers), exchange.body, 0)
        assert error.status == exchange.status
        assert error.failure in classes[exchange.status], exchange.id
        assert error.message == json.loads(exchange.body)["error"]["message"][:500]
        if exchange.headers.get("retry-after"):
            assert error.wait_s is not None


def test_an_error_inside_a_200_is_told() -> None:
    broken = [e for e in exchanges() if e.status == 200 and error_of(e)]
    if not broken:
        pytest.skip("no recorded 200 of Azure holds an error")
    for exchange in broken:
        with pytest.raises(UpstreamError) as told:
            parse(PROVIDER, chat_of(exchange, stream=False), exchange)
        filtered = json.loads(exchange.body)["error"].get("code") == "content_filter"
        assert (told.value.failure is Failure.CONTENT_FILTER) == filtered
