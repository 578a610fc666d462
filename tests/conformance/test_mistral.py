"""Every recorded exchange with Mistral, read, written anew, and asked again."""

import json
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import Failure, InvalidRequest, UpstreamError
from gateway.providers.fates import UnsupportedPolicy, apply_fates
from gateway.providers.mistral import MistralProvider
from gateway.types import events as ev
from gateway.types.chat import ChatRequest
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.conformance.openai_reading import Answer, chunks, read_answer
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

PROVIDER = MistralProvider()
# What the chat reference lists, typed out: anything else is answered with 422.
ALLOWED = {
    *("model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed"),
    *("metadata", "response_format", "tools", "tool_choice", "presence_penalty", "n"),
    *("frequency_penalty", "min_tokens", "repetition_penalty", "top_k", "logprobs", "top_logprobs"),
    *("prompt_logprobs", "top_prompt_logprobs", "prediction", "parallel_tool_calls", "safe_prompt"),
    *("reasoning_effort", "prompt_mode", "guardrails", "prompt_cache_key", "service_tier"),
}
ALLOWED_OF_ROLE = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
MAY_FOLLOW = {
    None: {"system", "user", "assistant"},
    "system": {"system", "user", "assistant"},
    "user": {"system", "user", "assistant"},
    "assistant": {"user", "assistant", "tool"},
    "tool": {"assistant", "tool"},
}


@cache
def exchanges() -> tuple[Exchange, ...]:
    return tuple(e for e in require("chat") if e.provider == "mistral")


def answered() -> list[Exchange]:
    found = [e for e in exchanges() if e.status == 200]
    if not found:
        pytest.skip("no recorded answers of Mistral")
    return found


def chat_of(exchange: Exchange, *, stream: bool) -> ChatRequest:
    return replace(read_chat(openai_words(exchange.request)), stream=stream, include_usage=stream)


def openai_words(request: dict[str, Any]) -> dict[str, Any]:
    """Say a recorded request as a client of OpenAI's format would."""
    body = {n: v for n, v in request.items() if n != "random_seed"}
    if request.get("random_seed") is not None:
        body["seed"] = request["random_seed"]
    if request.get("tool_choice") == "any":
        body["tool_choice"] = "required"
    body["messages"] = [openai_message(message) for message in request["messages"]]
    return body


def openai_message(message: dict[str, Any]) -> dict[str, Any]:
    told = {n: v for n, v in message.items() if n != "prefix"}
    content = message.get("content")
    if not isinstance(content, list):
        return told
    told["content"] = [openai_part(p) for p in content if p["type"] != "thinking"] or None
    thoughts = [text["text"] for p in content for text in p.get("thinking") or ()]
    if thoughts:
        told["reasoning_content"] = "".join(thoughts)
    return told


def openai_part(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "document_url":
        return {"type": "file", "file": {"file_data": part["document_url"]}}
    return part


def normal(request: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded request in the one spelling that the gateway writes."""
    body = {n: v for n, v in request.items() if v is not None and n != "stream"}
    if body.get("temperature") == 0:
        body.pop("top_p", None)
    if not body.get("tools"):
        body.pop("tool_choice", None)  # it says nothing without tools
    body["messages"] = [normal_message(message) for message in request["messages"]]
    if "tools" in body:
        body["tools"] = [normal_tool(tool) for tool in body["tools"]]
    return body


def normal_message(message: dict[str, Any]) -> dict[str, Any]:
    body = {n: v for n, v in message.items() if n != "prefix" and v is not None}
    content = body.get("content") or ""
    body["content"] = [normal_part(p) for p in content] if isinstance(content, list) else content
    calls = body.pop("tool_calls", None)
    if calls:
        kept = ("id", "function")
        body["tool_calls"] = [{"type": "function", **{n: call[n] for n in kept}} for call in calls]
    return body


def normal_part(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "thinking":
        said = "".join(text["text"] for text in part["thinking"])
        return {"type": "thinking", "thinking": [{"type": "text", "text": said}]}
    if part["type"] == "image_url" and isinstance(part["image_url"], str):
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    return part


def normal_tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": tool["function"]}


def shown(answer: Answer) -> Any:
    return {
        index: (
            choice.text,
            choice.reasoning,
            [(call.id, call.name, call.arguments) for call in choice.calls],
            choice.finish,
        )
        for index, choice in answer.choices.items()
    }


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        expected = read_answer(exchange.body, "mistral")
        for stream in (False, True):
            events = parse(PROVIDER, chat_of(exchange, stream=stream), exchange)
            written = streamed(events) if stream else json.dumps(completed(events)).encode()
            actual = read_answer(written, "mistral")
            assert shown(actual) == shown(expected)
            assert (actual.model, actual.id) == (expected.model, expected.id)

    each(answered(), check)


def test_usage_survives_with_cached_tokens_in_either_spelling() -> None:
    def check(exchange: Exchange) -> None:
        reported = read_answer(exchange.body, "mistral").usage
        events = parse(PROVIDER, chat_of(exchange, stream=False), exchange)
        [usage] = [event.usage for event in events if isinstance(event, ev.Usage)]
        assert reported is not None
        assert usage.prompt == reported["prompt_tokens"]
        assert usage.completion == reported["completion_tokens"]
        details = reported.get("prompt_tokens_details") or {}
        cached = details.get("cached_tokens") or reported.get("num_cached_tokens") or 0
        assert usage.cache_read == cached
        told = completed(events)["usage"]["prompt_tokens_details"]["cached_tokens"] if cached else 0
        assert told == cached

    each(answered(), check)


def test_no_padding_reaches_the_client() -> None:
    def check(exchange: Exchange) -> None:
        body = streamed(parse(PROVIDER, chat_of(exchange, stream=True), exchange))
        assert not any("p" in chunk for chunk in chunks(body))

    each(answered(), check)


def test_replies_are_read_alike_however_they_are_cut() -> None:
    def check(exchange: Exchange) -> None:
        for stream in (False, True):
            chat = chat_of(exchange, stream=stream)
            whole = parse(PROVIDER, chat, exchange)
            assert repr(parse(PROVIDER, chat, exchange, bytewise(exchange.body))) == repr(whole)
            assert repr(parse(PROVIDER, chat, exchange, frames(exchange.body))) == repr(whole)

    each((e for e in answered() if len(e.body) <= SMALL), check)


@pytest.mark.slow
def test_every_reply_is_read_alike_at_every_split() -> None:
    def check(exchange: Exchange) -> None:
        chat = chat_of(exchange, stream=True)
        whole = repr(parse(PROVIDER, chat, exchange))
        assert repr(parse(PROVIDER, chat, exchange, bytewise(exchange.body))) == whole
        assert repr(parse(PROVIDER, chat, exchange, frames(exchange.body))) == whole
        step = max(1, len(exchange.body) // 400)
        for place in range(1, len(exchange.body), step):
            cut = [exchange.body[:place], exchange.body[place:]]
            assert repr(parse(PROVIDER, chat, exchange, cut)) == whole

    each(answered(), check)


def test_a_stream_cut_at_any_event_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        end = next(n for n, part in enumerate(parts) if b'"finish_reason":null' not in part)
        for count in range(end + 1):
            for torn in (b"", b'data: {"id":"x","choi'):
                with pytest.raises(UpstreamError) as broken:
                    parse(
                        PROVIDER, chat_of(exchange, stream=True), exchange, [*parts[:count], torn]
                    )
                assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)

    each((e for e in answered() if not is_whole(e)), check)


def test_a_whole_reply_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for place in range(0, len(body), max(1, len(body) // 7)):
            with pytest.raises(UpstreamError) as broken:
                parse(PROVIDER, chat_of(exchange, stream=False), exchange, [body[:place]])
            assert broken.value.failure is Failure.BAD_REPLY

    each((e for e in answered() if is_whole(e)), check)


async def test_the_official_client_makes_of_a_stream_what_the_completion_says() -> None:
    for exchange in answered():
        events = parse(PROVIDER, chat_of(exchange, stream=True), exchange)
        whole = completed(parse(PROVIDER, chat_of(exchange, stream=False), exchange))
        final = await gathered(streamed(events))
        assert comparable(final) == comparable(whole), exchange.id


def bridged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the assistant's word where newer models alone do without it."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if found and found[-1]["role"] == "tool" and message["role"] == "user":
            found.append({"role": "assistant", "content": "OK"})
        found.append(message)
    return found


def test_a_recorded_request_is_rebuilt_without_loss() -> None:
    def check(exchange: Exchange) -> None:
        chat = read_chat(openai_words(exchange.request))
        to = target("mistral", exchange.request["model"])
        built = PROVIDER.build_chat(chat, to)
        body = json.loads(built.body)
        assert body.pop("stream", False) == bool(exchange.request.get("stream"))
        sent = normal(exchange.request)
        assert normal(body) == {**sent, "messages": bridged(sent["messages"])}
        assert built.url == "https://up.example/v1/chat/completions"

    each(exchanges(), check)


def foreign() -> list[Exchange]:
    """Requests to other OpenAI-format vendors: histories with ids and members Mistral refuses."""
    kinds = ("openai", "groq", "deepseek", "xai", "azure")
    found = [e for e in require("chat") if e.provider in kinds and "messages" in e.request]
    if not found:
        pytest.skip("no recorded requests to other vendors")
    return found


def test_any_vendors_request_keeps_mistrals_rules() -> None:
    built = 0

    def check(exchange: Exchange) -> None:
        nonlocal built
        chat = read_chat(exchange.request)
        fitted, _ = apply_fates(chat, PROVIDER.fates, UnsupportedPolicy.DROP_ALL)
        try:
            request = PROVIDER.build_chat(fitted, target("mistral"))
        except InvalidRequest as refused:
            param = refused.param or ""
        else:
            built += 1
            check_rules(json.loads(request.body))
            return
        assert param.split("[")[0] in ("messages", "tools")

    each(foreign(), check)
    assert built > len(foreign()) // 2


def check_rules(body: dict[str, Any]) -> None:
    assert set(body) <= ALLOWED
    before = None
    pending: list[str] = []
    for message in body["messages"]:
        assert set(message) <= ALLOWED_OF_ROLE[message["role"]]
        assert message["role"] in MAY_FOLLOW[before]
        if message["role"] == "tool":
            pending.remove(message["tool_call_id"])
        else:
            assert pending == []
        calls = message.get("tool_calls", [])
        pending = pending + [call["id"] for call in calls]
        assert all(len(call["id"]) == 9 and call["id"].isalnum() for call in calls)
        before = message["role"]
    assert pending == []
    last = body["messages"][-1]
    assert last["role"] in ("user", "tool") or last["prefix"] is True


def test_every_recorded_refusal_has_its_class() -> None:
    refused = [e for e in exchanges() if e.status != 200]
    if not refused:
        pytest.skip("no recorded refusals of Mistral")
    classes = {401: Failure.KEY_REJECTED, 404: Failure.NOT_FOUND, 422: Failure.BAD_REQUEST}
    for exchange in refused:
        head = ReplyHead(exchange.status, exchange.headers)
        error = PROVIDER.parse_error(head, exchange.body, 0.0)
        assert error.status == exchange.status
        assert error.failure is classes.get(exchange.status, error.failure)
        assert error.message
