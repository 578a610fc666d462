"""Every recorded reply of Anthropic's Messages API, read and written anew."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_write import StreamWriter
from tests.conformance.anthropic_exchange import (
    ASKED,
    PROVIDER,
    answered,
    at_once,
    complete,
    each,
    frames,
    holds_error,
    parse,
    streamed,
)
from tests.conformance.anthropic_reading import expected, message_of
from tests.conformance.recordings import Exchange, require


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        assert _told(complete(parse(exchange))) == expected(message_of(exchange.body))

    each(answered(), check)


def _told(body: dict[str, Any]) -> dict[str, Any]:
    [choice] = body["choices"]
    message, usage = choice["message"], body["usage"]
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    read, wrote = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    return {
        "id": body["id"],
        "model": body["model"],
        "content": message["content"] or "",
        "reasoning": message.get("reasoning_content", ""),
        "calls": [(id_, f["name"], json.loads(f["arguments"])) for id_, f in calls],
        "cited": [note["url_citation"]["url"] for note in message.get("annotations", ())],
        "finish": choice["finish_reason"],
        "usage": (
            usage["prompt_tokens"],
            read["cached_tokens"],
            read["cache_write_tokens"],
            usage["completion_tokens"],
            wrote["reasoning_tokens"],
            usage["total_tokens"],
        ),
    }


def test_citations_point_at_the_text_they_stand_for() -> None:
    def check(exchange: Exchange) -> None:
        message = complete(parse(exchange))["choices"][0]["message"]
        spans = [note["url_citation"] for note in message.get("annotations", ())]
        assert [message["content"][s["start_index"] : s["end_index"]] for s in spans] == [
            block["text"]
            for block in message_of(exchange.body)["content"]
            for citation in block.get("citations") or ()
            if citation["type"] == "web_search_result_location"
        ]

    each(answered(), check)


def test_replies_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        body, whole = exchange.body, parse(exchange)
        assert parse(exchange, (body[n : n + 1] for n in range(len(body)))) == whole
        assert parse(exchange, (body[n : n + 97] for n in range(0, len(body), 97))) == whole

    each((exchange for exchange in answered() if len(exchange.body) < 100_000), check)


def test_streams_are_read_alike_event_by_event_and_with_other_line_ends() -> None:
    def check(exchange: Exchange) -> None:
        whole = parse(exchange)
        assert parse(exchange, frames(exchange.body)) == whole
        assert parse(replace(exchange, body=exchange.body.replace(b"\n", b"\r\n"))) == whole
        assert parse(replace(exchange, body=exchange.body.rstrip())) == whole

    each(streamed(), check)


@pytest.mark.slow
def test_streams_are_read_alike_at_every_split_in_two() -> None:
    def check(exchange: Exchange) -> None:
        body, whole = exchange.body, parse(exchange)
        for place in range(1, len(body)):
            assert parse(exchange, (body[:place], body[place:])) == whole

    each((exchange for exchange in streamed() if len(exchange.body) < 12_000), check)


def test_a_stream_cut_at_any_event_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        end = next(n for n, frame in enumerate(parts) if b'"message_stop"' in frame)
        for cut in range(end + 1):
            with pytest.raises(UpstreamError) as broken:
                parse(exchange, parts[:cut])
            assert broken.value.failure is Failure.CUT

    each(streamed(), check)


def test_a_whole_reply_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for cut in range(0, len(body), max(1, len(body) // 7)):
            with pytest.raises(UpstreamError) as broken:
                parse(exchange, [body[:cut]])
            assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)

    each(at_once(), check)


def test_a_whole_reply_and_a_stream_of_the_same_message_agree() -> None:
    def check(exchange: Exchange) -> None:
        body = json.dumps(message_of(exchange.body)).encode()
        as_one = complete(parse(replace(exchange, body=body)))
        as_stream = complete(parse(exchange))
        assert _comparable(as_one) == _comparable(as_stream)

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


_LATE = {"container", "context_management", "input_transformations", "server_tool_use"}
_BESIDE = {"native_finish_reason", "stop_details", "stop_sequence"}


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing, what the client adds, and what it does not accumulate.

    It keeps no unknown members of a choice or of a late chunk: those are read from the chunks.
    """
    [choice] = body["choices"]
    message = {k: v for k, v in choice["message"].items() if v not in (None, "", [])}
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    choice = {k: v for k, v in choice.items() if v is not None and k not in _BESIDE}
    choice["message"] = message
    left_out = _LATE | {"object", "choices"}
    rest = {k: v for k, v in body.items() if v is not None and k not in left_out}
    return {**rest, "choices": [choice]}


def test_every_recorded_refusal_has_its_class() -> None:
    classes = {
        400: {Failure.BAD_REQUEST, Failure.CONTEXT_LENGTH, Failure.QUOTA},
        401: {Failure.KEY_REJECTED},
        402: {Failure.QUOTA},
        403: {Failure.KEY_REJECTED},
        404: {Failure.NOT_FOUND},
        413: {Failure.BAD_REQUEST},
        429: {Failure.RATE_LIMITED, Failure.QUOTA},
        529: {Failure.OVERLOADED},
    }

    def check(exchange: Exchange) -> None:
        head = ReplyHead(exchange.status, exchange.headers)
        error = PROVIDER.parse_error(head, exchange.body, 0.0)
        assert error.status == exchange.status
        assert error.failure in classes.get(exchange.status, {Failure.SERVER, Failure.OVERLOADED})
        if exchange.body.lstrip().startswith(b"{"):
            assert error.message == json.loads(exchange.body)["error"]["message"][:500]
        assert (error.failure is Failure.CONTEXT_LENGTH) == (b"prompt is too long" in exchange.body)

    each((exchange for exchange in require("messages") if exchange.status != 200), check)


def test_an_error_inside_a_200_is_told() -> None:
    broken = [e for e in require("messages") if e.status == 200 and holds_error(e)]
    if not broken:
        pytest.skip("no recorded 200 holds an error")

    for exchange in broken:
        assert isinstance(parse(exchange)[-1], ev.Error)


def test_a_wait_is_never_read_from_a_reply_that_succeeded() -> None:
    waiting = [exchange for exchange in answered() if "retry-after" in exchange.headers]
    if not waiting:
        pytest.skip("no recorded success carries a retry-after header")

    for exchange in waiting:
        assert not any(isinstance(event, ev.Error) for event in parse(exchange))


def test_vendors_own_client_reads_the_same() -> None:
    anthropic = pytest.importorskip("anthropic", reason="the vendor's client is not installed")
    httpx2 = pytest.importorskip("httpx2")  # what the vendor's client stands on

    def check(exchange: Exchange) -> None:
        def reply(_: Any) -> Any:
            kind = {"content-type": exchange.headers["content-type"]}
            return httpx2.Response(200, content=exchange.body, headers=kind)

        with httpx2.Client(transport=httpx2.MockTransport(reply)) as http:
            client = anthropic.Anthropic(api_key="k", http_client=http)
            message = _read_by_anthropic(client, exchange)
        choice = complete(parse(exchange))["choices"][0]["message"]
        texts = [block.text for block in message.content if block.type == "text"]
        calls = [(b.id, b.name, b.input) for b in message.content if b.type == "tool_use"]
        assert (choice["content"] or "") == "".join(texts)
        assert [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in choice.get("tool_calls", ())
        ] == calls

    each(answered(), check)


def _read_by_anthropic(client: Any, exchange: Exchange) -> Any:
    asked: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": []}
    if exchange in streamed():
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message()
    return client.messages.create(**asked)
