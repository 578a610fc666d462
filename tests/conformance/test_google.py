"""Every recorded exchange in Google's native format, read and written anew."""

import copy
import json
import re
from dataclasses import replace
from typing import Any

import httpx2
import orjson
import pytest
from openai import OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState

from gateway.errors import Failure, UpstreamError
from gateway.providers.fates import apply_fates
from gateway.types import events as ev
from gateway.types.account import UnsupportedPolicy
from gateway.types.embeddings import EmbeddingJob
from gateway.types.upstream import ReplyHead, UpstreamRequest
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import StreamWriter
from tests.conformance.google_exchange import (
    ASKED,
    HI,
    answered,
    as_array,
    at_once,
    complete,
    each,
    exchanges,
    fragments,
    frames,
    model_of,
    parse,
    provider_of,
    streamed,
    target_of,
)
from tests.conformance.google_reading import expected, whole
from tests.conformance.google_requests import NotExpressible, normal, said, to_openai
from tests.conformance.recordings import Exchange, require

SMALL = 20_000  # bytes: answers up to here are cut at every byte in the default run
MOST = 0.9  # of the recorded requests must be expressible, or the converter proves nothing


def test_every_reply_says_what_an_independent_reading_says() -> None:
    def check(exchange: Exchange) -> None:
        wanted = expected(whole(fragments(exchange.body)))
        found = _told(complete(parse(exchange)))
        assert set(wanted.pop("ids")) <= set(found.pop("ids"))
        assert found == wanted

    each(answered(), check)


def _told(body: dict[str, Any]) -> dict[str, Any]:
    [choice] = body["choices"]
    message, usage = choice["message"], body["usage"]
    calls = message.get("tool_calls", [])
    notes = [note["url_citation"] for note in message.get("annotations", ())]
    read, wrote = usage["prompt_tokens_details"], usage["completion_tokens_details"]
    text = message["content"] or ""
    return {
        "id": body["id"],
        "model": body["model"],
        "content": text,
        "reasoning": message.get("reasoning_content", ""),
        "calls": [
            (call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls
        ],
        "ids": [call["id"] for call in calls],
        "signatures": [
            call.get("extra_content", {}).get("google", {}).get("thought_signature")
            for call in calls
        ],
        "cited": [(note["url"], text[note["start_index"] : note["end_index"]]) for note in notes],
        "finish": choice["finish_reason"],
        "usage": (
            usage["prompt_tokens"],
            read["cached_tokens"],
            read["audio_tokens"],
            usage["completion_tokens"],
            wrote["reasoning_tokens"],
            usage["total_tokens"],
        ),
    }


def test_ids_of_calls_are_unique_and_short_and_stay_the_same() -> None:
    def check(exchange: Exchange) -> None:
        starts = [event for event in parse(exchange) if isinstance(event, ev.ToolStart)]
        again = [event for event in parse(exchange) if isinstance(event, ev.ToolStart)]
        assert starts == again
        assert len({start.id for start in starts}) == len(starts)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", start.id) for start in starts)

    each((exchange for exchange in answered() if b'"functionCall"' in exchange.body), check)


def check_cuts_do_not_show(exchange: Exchange) -> None:
    body, all_at_once = exchange.body, parse(exchange)
    assert parse(exchange, (body[n : n + 1] for n in range(len(body)))) == all_at_once
    assert parse(exchange, (body[n : n + 97] for n in range(0, len(body), 97))) == all_at_once


def test_replies_are_read_alike_however_they_are_cut() -> None:
    each((e for e in answered() if len(e.body) <= SMALL), check_cuts_do_not_show)


@pytest.mark.slow
def test_long_replies_are_read_alike_however_they_are_cut() -> None:
    each(answered(), check_cuts_do_not_show)


def test_streams_are_read_alike_event_by_event_and_with_other_line_ends() -> None:
    def check(exchange: Exchange) -> None:
        all_at_once = parse(exchange)
        body = exchange.body.replace(b"\r\n", b"\n")
        assert parse(exchange, frames(body)) == all_at_once
        assert parse(replace(exchange, body=body)) == all_at_once
        assert parse(replace(exchange, body=body.replace(b"\n", b"\r\n"))) == all_at_once
        assert parse(replace(exchange, body=body.rstrip())) == all_at_once

    each(streamed(), check)


def test_a_stream_without_events_is_the_same_as_one_with_them() -> None:
    def check(exchange: Exchange) -> None:
        body = as_array(exchange)
        found = parse(exchange, (body[n : n + 61] for n in range(0, len(body), 61)))
        assert found == parse(exchange)

    each(streamed(), check)


@pytest.mark.slow
def test_streams_are_read_alike_at_every_split_in_two() -> None:
    def check(exchange: Exchange) -> None:
        all_at_once = parse(exchange)
        for body in (exchange.body, as_array(exchange)):
            for place in range(1, len(body)):
                assert parse(exchange, (body[:place], body[place:])) == all_at_once

    each((exchange for exchange in streamed() if len(exchange.body) < 4_000), check)


def test_a_stream_cut_before_its_end_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        end = next(n for n, frame in enumerate(parts) if b'"finishReason"' in frame)
        for cut in range(end + 1):
            for torn in (b"", b'data: {"candidates": [{"cont'):
                with pytest.raises(UpstreamError) as broken:
                    parse(exchange, [*parts[:cut], torn])
                assert broken.value.failure is Failure.CUT

    each(streamed(), check)


def test_an_event_torn_after_the_finish_reason_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        with pytest.raises(UpstreamError) as broken:
            parse(exchange, [*frames(exchange.body), b'data: {"usageMeta'])
        assert broken.value.failure is Failure.CUT

    each(streamed(), check)


def test_a_json_reply_cut_anywhere_is_an_error() -> None:
    def check(exchange: Exchange) -> None:
        body = exchange.body.rstrip()
        for cut in range(0, len(body), max(1, len(body) // 7)):
            with pytest.raises(UpstreamError) as broken:
                parse(exchange, [body[:cut]])
            assert broken.value.failure in (Failure.CUT, Failure.BAD_REPLY)

    each(at_once(), check)


def test_a_whole_reply_and_a_stream_of_the_same_parts_agree() -> None:
    def check(exchange: Exchange) -> None:
        joined = whole(fragments(exchange.body))
        candidate = {"content": {"parts": joined["parts"]}, "finishReason": joined["finish"]}
        if joined["grounding"]:
            candidate["groundingMetadata"] = joined["grounding"]
        body: dict[str, Any] = {
            "candidates": [candidate],
            "usageMetadata": joined["usage"],
            "modelVersion": joined["modelVersion"],
            **{name: joined[name] for name in ("responseId", "createTime") if name in joined},
        }
        as_one = complete(parse(replace(exchange, body=json.dumps(body).encode())))
        assert _message(as_one) == _message(complete(parse(exchange)))

    each(streamed(), check)


def _message(body: dict[str, Any]) -> tuple[Any, ...]:
    [choice] = body["choices"]
    usage = body.get("usage")
    return body["id"], body["model"], choice["message"], choice["finish_reason"], usage


def test_the_official_client_puts_a_stream_together_as_the_completion_says() -> None:
    def check(exchange: Exchange) -> None:
        events = parse(exchange)
        assert _gathered_by_openai(events) == _without_empty(complete(events))

    each((e for e in answered() if len(e.body) <= 4 * SMALL), check)


def _gathered_by_openai(events: list[ev.Event]) -> dict[str, Any]:
    """Stream events to the official client and let it accumulate them."""
    writer = StreamWriter(ASKED, id="own", created=0, model="m", usage_wanted=True)
    body = b"".join(writer.write(event) for event in events)

    def reply(_: Any) -> Any:
        kind = {"content-type": "text/event-stream"}
        return httpx2.Response(200, content=body, headers=kind)

    state = ChatCompletionStreamState()
    http: Any = httpx2.Client(transport=httpx2.MockTransport(reply))
    with http, OpenAI(api_key="k", base_url="http://x.test/v1", http_client=http) as client:
        for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
            state.handle_chunk(chunk)
    return _without_empty(state.current_completion_snapshot.to_dict())


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing, what the client adds, and what it does not accumulate."""
    [choice] = body["choices"]
    message = {k: v for k, v in choice["message"].items() if v not in (None, "", [])}
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    message.pop("parsed", None)
    usage = body.get("usage")
    kept = {name: body[name] for name in ("id", "model", "created")}
    return {**kept, "usage": usage, "finish": choice["finish_reason"], "message": message}


CLASSES = {
    400: {Failure.BAD_REQUEST, Failure.CONTEXT_LENGTH, Failure.KEY_REJECTED},
    401: {Failure.KEY_REJECTED},
    402: {Failure.QUOTA},
    403: {Failure.KEY_REJECTED, Failure.QUOTA},
    404: {Failure.NOT_FOUND},
    429: {Failure.RATE_LIMITED, Failure.QUOTA},
    499: {Failure.BAD_REQUEST},
    503: {Failure.OVERLOADED},
}


def test_every_recorded_refusal_has_its_class_and_keeps_the_providers_words() -> None:
    def check(exchange: Exchange) -> None:
        told = json.loads(exchange.body)
        told = (told[0] if isinstance(told, list) else told)["error"]
        for body in (exchange.body, b"[" + exchange.body + b"]"):
            head = ReplyHead(exchange.status, exchange.headers)
            error = provider_of(exchange).parse_error(head, body, 0.0)
            assert error.status == exchange.status
            assert error.failure in CLASSES.get(exchange.status, {Failure.SERVER})
            assert error.message.startswith(told["message"][:400])
            bad_key = b"API_KEY_INVALID" in exchange.body
            too_long = b"exceeds the maximum number of tokens" in exchange.body
            assert (error.failure is Failure.KEY_REJECTED) == (
                bad_key or error.status in (401, 403)
            )
            assert (error.failure is Failure.CONTEXT_LENGTH) == too_long
            waits = re.search(rb'"retryDelay": "([\d.]+)s"', exchange.body)
            assert error.wait_s == (float(waits[1]) if waits else None)

    refused = [e for api in ("generateContent", "embeddings") for e in require(api)]
    each((e for e in refused if e.provider in ("gemini", "vertex") and e.status != 200), check)


def test_an_error_inside_a_stream_is_told_and_nothing_after_it() -> None:
    fault = b'data: {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}\r\n\r\n'

    def check(exchange: Exchange) -> None:
        parts = frames(exchange.body)
        for place in (0, 1, len(parts) - 1):
            found = parse(exchange, [*parts[:place], fault, *parts[place:]])
            assert isinstance(found[-1], ev.Error)
            assert found[-1].error.failure is Failure.OVERLOADED
            assert not any(isinstance(event, ev.End) for event in found)

    each(streamed(), check)


def built(body: dict[str, Any], exchange: Exchange) -> tuple[UpstreamRequest, dict[str, Any]]:
    provider, target = provider_of(exchange), target_of(exchange)
    chat = read_chat(orjson.loads(orjson.dumps(body)))
    chat, warnings = apply_fates(chat, provider.fates, UnsupportedPolicy.STRICT)
    request = provider.build_chat(chat, target)
    assert (*warnings, *request.warnings) == ()
    return request, orjson.loads(request.body)


def test_a_request_comes_back_as_it_was() -> None:
    skipped: list[str] = []

    def check(exchange: Exchange) -> None:
        model = model_of(exchange)
        try:
            wanted = normal(exchange.request, model)
            body = to_openai(wanted, model)
        except NotExpressible:
            skipped.append(exchange.id)
            return
        request, found = built(body, exchange)
        calling = found.get("toolConfig", {}).get("functionCallingConfig", {})
        if "allowedFunctionNames" in calling:
            calling["allowedFunctionNames"].sort()
        for name in found.keys() | wanted.keys():
            assert found.get(name) == wanted.get(name), name
        assert request.url.split("/models/")[1] == f"{model}:generateContent"
        assert built(body, exchange)[0].body == request.body

    every = exchanges()
    each(every, check)
    assert len(skipped) < len(every) * (1 - MOST)


def test_a_reply_goes_back_as_it_came() -> None:
    def check(exchange: Exchange) -> None:
        answer = complete(parse(exchange))["choices"][0]["message"]
        calls = answer.get("tool_calls", [])
        came = copy.deepcopy(whole(fragments(exchange.body))["parts"])
        for part, call in zip((p for p in came if "functionCall" in p), calls, strict=True):
            part["functionCall"] |= {"id": call["id"]}
            part["functionCall"].setdefault("args", {})
        results = [{"role": "tool", "tool_call_id": c["id"], "content": "ok"} for c in calls]
        if not answer["content"]:
            answer["content"] = answer["refusal"] = ""
        _, native = built({"model": "m", "messages": [HI, answer, *results, HI]}, exchange)
        [*model_turns] = [t["parts"] for t in native["contents"] if t["role"] == "model"]
        signs = not model_of(exchange).startswith(("gemini-1", "gemini-2", "gemma"))
        assert [part for turn in model_turns for part in turn] == said(came, signs=signs)

    each(answered(), check)


@pytest.mark.parametrize("model", ["gemini-1.5-pro", "gemini-2.5-pro", "gemini-4-argon"])
def test_every_request_can_be_put_to_every_generation(model: str) -> None:
    def check(exchange: Exchange) -> None:
        try:
            body = to_openai(normal(exchange.request, model), model)
        except NotExpressible:
            return
        chat = read_chat(orjson.loads(orjson.dumps(body)))
        provider = provider_of(exchange)
        moved = replace(exchange, url=re.sub(r"/models/[^:]+", f"/models/{model}", exchange.url))
        if provider.media(chat, target_of(moved)):
            return  # a picture that this generation does not fetch
        assert orjson.loads(provider.build_chat(chat, target_of(moved)).body)["contents"]

    each(exchanges(), check)


def embedded() -> list[Exchange]:
    return [e for e in require("embeddings") if e.provider in ("gemini", "vertex")]


def job_of(request: dict[str, Any]) -> EmbeddingJob:
    """Read a native embeddings request of any of the three kinds."""
    if "instances" in request:
        texts = [instance["content"] for instance in request["instances"]]
        first, size = request["instances"][0], request.get("parameters", {})
    else:
        wishes = request.get("requests", [request])
        texts = ["".join(p["text"] for p in wish["content"]["parts"]) for wish in wishes]
        first = size = wishes[0]
    task = first.get("task_type") or first.get("taskType")
    extra = {"task_type": task} if task else {}
    return EmbeddingJob("m", tuple(texts), size.get("outputDimensionality"), extra=extra)


def vectors_of(body: bytes) -> list[list[float]]:
    reply = json.loads(body)
    if "embedding" in reply:
        return [reply["embedding"]["values"]]
    found = reply.get("embeddings") or [p["embeddings"] for p in reply["predictions"]]
    return [embedding["values"] for embedding in found]


def tokens_of(body: bytes) -> int | None:
    reply = json.loads(body)
    if "predictions" in reply:
        told = [p["embeddings"]["statistics"]["token_count"] for p in reply["predictions"]]
        return int(sum(told))
    count = reply.get("usageMetadata", {}).get("promptTokenCount")
    return None if count is None else int(count)


def test_embeddings_are_asked_for_as_they_were_and_read_as_they_came() -> None:
    def check(exchange: Exchange) -> None:
        provider, target = provider_of(exchange), target_of(exchange)
        job = job_of(exchange.request)
        requests = provider.build_embeddings(job, target)
        one_at_a_time = "gemini" in target.model and exchange.provider == "vertex"
        assert len(requests) == (len(job.inputs) if one_at_a_time else 1)
        assert requests[0].url.split("/models/")[1] == exchange.url.split("/models/")[1]
        if not one_at_a_time:
            assert orjson.loads(requests[0].body) == exchange.request
        if exchange.status != 200:
            return
        reply = provider.parse_embeddings(job, target, [exchange.body])
        assert [list(vector) for vector in reply.vectors] == vectors_of(exchange.body)
        tokens = tokens_of(exchange.body)
        assert (None if reply.usage is None else reply.usage.prompt) == tokens

    texts_only = (e for e in embedded() if _is_text_only(e.request))
    each(texts_only, check)


def _is_text_only(request: dict[str, Any]) -> bool:
    """One text for each input: other parts, and several of them, have no place in OpenAI's API."""
    wishes = request.get("requests", [request])
    return "instances" in request or all(
        len(wish["content"]["parts"]) == 1 and "text" in wish["content"]["parts"][0]
        for wish in wishes
    )
