"""Every recorded exchange with Anthropic's Messages API, read and built anew."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from msgspec.structs import replace
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.fates import apply_fates
from gateway.types import events as ev
from gateway.types.account import UnsupportedPolicy
from gateway.types.chat import ChatRequest
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, ReplyHead, Target
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.conformance.anthropic_reading import as_replayed, expected, message_of
from tests.conformance.anthropic_requests import NotExpressible, normal, to_openai
from tests.conformance.recordings import Exchange, require

PROVIDER = AnthropicProvider()
ASKED = read_chat({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
HI = {"role": "user", "content": "hi"}


def target(model: str) -> Target:
    return Target(
        provider="anthropic",
        type="anthropic",
        model=model,
        base_url="https://api.anthropic.com",
        key_source=KeySource.OWN,
        key_name=None,
        audience="anthropic",
        settings={},
        info=ModelInfo("anthropic", model, known=False),
    )


def answered() -> list[Exchange]:
    return [exchange for exchange in require("messages") if exchange.status == 200]


def streamed() -> list[Exchange]:
    return [exchange for exchange in answered() if exchange.stream]


def parse(exchange: Exchange, pieces: Iterator[bytes] | None = None) -> list[ev.Event]:
    head = ReplyHead(exchange.status, exchange.headers)
    parser = PROVIDER.open_reply(ASKED, target("m"), head)
    found: list[ev.Event] = []
    for piece in pieces or iter([exchange.body]):
        found += parser.feed(piece)
    return found + parser.finish()


def complete(events: list[ev.Event], chat: ChatRequest = ASKED) -> dict[str, Any]:
    writer = CompletionWriter(chat, id="own", created=0, model="m")
    for event in events:
        writer.add(event)
    body: dict[str, Any] = orjson.loads(writer.body())
    return body


def each(exchanges: list[Exchange], check: Callable[[Exchange], None]) -> None:
    """Check every exchange and name all that fail."""
    failed: list[str] = []
    for exchange in exchanges:
        try:
            check(exchange)
        except AssertionError as fault:
            failed.append(f"{exchange.id}: {str(fault)[:600]}")
    assert not failed, "\n".join([f"{len(failed)} of {len(exchanges)}", *failed[:5]])


def frames(body: bytes) -> list[bytes]:
    return [frame + b"\n\n" for frame in body.replace(b"\r\n", b"\n").split(b"\n\n") if frame.strip()]


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        wanted = expected(message_of(exchange.body))
        body = complete(parse(exchange))
        [choice] = body["choices"]
        message, usage = choice["message"], body["usage"]
        calls = [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls", ())
        ]
        got = {
            "id": body["id"],
            "model": body["model"],
            "content": message["content"] or "",
            "reasoning": message.get("reasoning_content", ""),
            "calls": calls,
            "cited": [a["url_citation"]["url"] for a in message.get("annotations", ())],
            "finish": choice["finish_reason"],
            "usage": (
                usage["prompt_tokens"],
                usage["prompt_tokens_details"]["cached_tokens"],
                usage["prompt_tokens_details"]["cache_write_tokens"],
                usage["completion_tokens"],
                usage["completion_tokens_details"]["reasoning_tokens"],
                usage["total_tokens"],
            ),
        }
        assert got == wanted

    each(answered(), check)


def test_citations_point_at_the_text_they_stand_for() -> None:
    def check(exchange: Exchange) -> None:
        message = complete(parse(exchange))["choices"][0]["message"]
        blocks = message_of(exchange.body)["content"]
        spans = [
            message["content"][a["url_citation"]["start_index"] : a["url_citation"]["end_index"]]
            for a in message.get("annotations", ())
        ]
        cited = [
            block["text"]
            for block in blocks
            for citation in block.get("citations") or ()
            if citation["type"] == "web_search_result_location"
        ]
        assert spans == cited

    each(answered(), check)


def test_streams_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        whole = parse(exchange)
        assert parse(exchange, iter(frames(exchange.body))) == whole
        bytewise = (exchange.body[n : n + 1] for n in range(len(exchange.body)))
        assert parse(exchange, bytewise) == whole
        crlf = exchange.body.replace(b"\n", b"\r\n")
        assert parse(replace_body(exchange, crlf)) == whole

    each(streamed(), check)


def test_whole_replies_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        thirds = (bytes(part) for part in itertools.batched_bytes(exchange.body, 97))
        assert parse(exchange, thirds) == parse(exchange)

    each([exchange for exchange in answered() if not exchange.stream], check)


@pytest.mark.slow
def test_streams_are_read_alike_at_every_split_in_two() -> None:
    def check(exchange: Exchange) -> None:
        whole = parse(exchange)
        for place in range(1, len(exchange.body)):
            halves = iter((exchange.body[:place], exchange.body[place:]))
            assert parse(exchange, halves) == whole

    each([exchange for exchange in streamed() if len(exchange.body) < 12_000], check)


def test_a_stream_cut_at_any_event_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        all_frames = frames(exchange.body)
        last = next(n for n, frame in enumerate(all_frames) if b"message_stop" in frame)
        for cut in range(last + 1):
            with pytest.raises(UpstreamError) as broken:
                parse(exchange, iter(all_frames[:cut] or [b""]))
            assert broken.value.failure is Failure.CUT

    each(streamed(), check)


def test_a_whole_reply_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for cut in range(0, len(body), max(1, len(body) // 7)):
            with pytest.raises(UpstreamError) as broken:
                parse(exchange, iter([body[:cut]]))
            assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)

    each([exchange for exchange in answered() if not exchange.stream], check)
