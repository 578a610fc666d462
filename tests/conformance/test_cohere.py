"""Every recorded exchange with Cohere's v2 chat, read, written anew, and asked again."""

import json
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.cohere import CohereProvider
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.conformance.cohere_reading import expected, normal, openai_words, reply_of
from tests.conformance.recordings import Exchange, require
from tests.conformance.replaying import (
    SMALL,
    asked,
    bytewise,
    comparable,
    completed,
    each,
    frames,
    gathered,
    is_whole,
    parse as parse_with,
    streamed,
    target,
)

PROVIDER = CohereProvider()
ASKED = asked(stream=False)


@cache
def exchanges() -> tuple[Exchange, ...]:
    return tuple(e for e in require("chat") if e.provider == "cohere" and "/v2/" in e.url)


def answered() -> list[Exchange]:
    found = [e for e in exchanges() if e.status == 200]
    if not found:
        pytest.skip("no recorded answers of Cohere's v2 chat")
    return found


def streams() -> list[Exchange]:
    return [e for e in answered() if not is_whole(e)]


def parse(exchange: Exchange, pieces: list[bytes] | None = None) -> list[ev.Event]:
    return parse_with(PROVIDER, ASKED, exchange, pieces)


def told(events: list[ev.Event]) -> dict[str, Any]:
    body = completed(events)
    [choice] = body["choices"]
    message, usage = choice["message"], body["usage"]
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    return {
        "id": body["id"],
        "content": message["content"] or "",
        "reasoning": message.get("reasoning_content", ""),
        "calls": [(id_, f["name"], json.loads(f["arguments"])) for id_, f in calls],
        "citations": message.get("citations", []),
        "finish": choice["finish_reason"],
        "usage": (
            usage["prompt_tokens"],
            usage["prompt_tokens_details"]["cached_tokens"],
            usage["completion_tokens"],
            usage["completion_tokens_details"]["reasoning_tokens"],
        ),
        "billed": body["billed_units"],
    }


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        assert told(parse(exchange)) == expected(reply_of(exchange.body))

    each(answered(), check)


def test_what_is_billed_is_kept_apart_from_what_was_read() -> None:
    def check(exchange: Exchange) -> None:
        units = reply_of(exchange.body)["usage"]["billed_units"]
        [usage] = [event for event in parse(exchange) if isinstance(event, ev.Usage)]
        assert usage.billed is not None
        assert usage.billed.prompt == units["input_tokens"]
        assert usage.billed.completion == units["output_tokens"]

    each(answered(), check)


def test_citations_point_at_the_text_they_stand_for() -> None:
    cited = 0

    def check(exchange: Exchange) -> None:
        nonlocal cited
        message = completed(parse(exchange))["choices"][0]["message"]
        for citation in message.get("citations", ()):
            cited += 1
            assert message["content"][citation["start"] : citation["end"]] == citation["text"]

    each(answered(), check)
    if not cited:
        pytest.skip("no recorded citations")


def test_replies_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        whole = parse(exchange)
        assert parse(exchange, bytewise(exchange.body)) == whole
        body = exchange.body
        assert parse(exchange, [body[n : n + 97] for n in range(0, len(body), 97)]) == whole

    each((e for e in answered() if len(e.body) <= 4 * SMALL), check)


def test_streams_are_read_alike_event_by_event_and_with_other_line_ends() -> None:
    def check(exchange: Exchange) -> None:
        whole = parse(exchange)
        assert parse(exchange, frames(exchange.body)) == whole
        assert parse(exchange, [exchange.body.replace(b"\n", b"\r\n")]) == whole
        assert parse(exchange, [exchange.body.rstrip()]) == whole

    each(streams(), check)


@pytest.mark.slow
def test_streams_are_read_alike_at_every_split_in_two() -> None:
    def check(exchange: Exchange) -> None:
        body, whole = exchange.body, parse(exchange)
        for place in range(1, len(body), max(1, len(body) // 2_000)):
            assert parse(exchange, [body[:place], body[place:]]) == whole

    each(streams(), check)


def test_a_stream_cut_at_any_event_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        end = next(n for n, frame in enumerate(parts) if b'"message-end"' in frame)
        for cut in range(end + 1):
            for torn in (b"", b'event: content-delta\ndata: {"type":"cont'):
                with pytest.raises(UpstreamError) as broken:
                    parse(exchange, [*parts[:cut], torn])
                assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)

    each(streams(), check)


def test_a_whole_reply_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for cut in range(0, len(body), max(1, len(body) // 7)):
            with pytest.raises(UpstreamError) as broken:
                parse(exchange, [body[:cut]])
            assert broken.value.failure is Failure.BAD_REPLY

    each((e for e in answered() if is_whole(e)), check)


def test_a_whole_reply_and_a_stream_of_the_same_message_agree() -> None:
    def check(exchange: Exchange) -> None:
        body = json.dumps(reply_of(exchange.body)).encode()
        assert told(parse(exchange, [body])) == told(parse(exchange))

    each(streams(), check)


async def test_the_official_client_puts_a_stream_together_as_the_completion_says() -> None:
    for exchange in answered():
        events = parse(exchange)
        final = await gathered(streamed(events))
        assert comparable(final) == comparable(completed(events)), exchange.id


def test_a_recorded_request_is_rebuilt_without_loss() -> None:
    def check(exchange: Exchange) -> None:
        chat = read_chat(openai_words(exchange.request))
        to = target("cohere", exchange.request["model"], "https://api.cohere.com")
        built = PROVIDER.build_chat(replace(chat, stream=exchange.stream), to)
        assert normal(json.loads(built.body)) == normal(exchange.request)
        assert built.url == "https://api.cohere.com/v2/chat"

    each(exchanges(), check)


def test_every_recorded_refusal_has_its_class() -> None:
    refused = [e for e in require("chat") if e.provider == "cohere" and e.status != 200]
    if not refused:
        pytest.skip("no recorded refusals of Cohere")
    classes = {
        400: {Failure.BAD_REQUEST, Failure.CONTEXT_LENGTH, Failure.CONTENT_FILTER},
        401: {Failure.KEY_REJECTED},
        404: {Failure.NOT_FOUND},
        422: {Failure.BAD_REQUEST},
        429: {Failure.RATE_LIMITED, Failure.QUOTA},
    }
    for exchange in refused:
        error = PROVIDER.parse_error(ReplyHead(exchange.status, exchange.headers), exchange.body, 0)
        said = json.loads(exchange.body)["message"]
        assert error.status == exchange.status
        assert error.message == said[:500]
        assert error.failure in classes[exchange.status], exchange.id
        assert (error.failure is Failure.CONTEXT_LENGTH) == said.startswith("too many tokens")
