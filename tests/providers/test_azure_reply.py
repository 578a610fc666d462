"""What Azure's replies have of their own, in its own words; the rest is tested as OpenAI's."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.providers.azure_scene import HI, PROVIDER, frame, read, target

SAFE = {"hate": {"filtered": False, "severity": "safe"}}
OFFSETS = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
PROMPT_FILTER = [{"prompt_index": 0, "content_filter_results": SAFE}]
FIRST = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": PROMPT_FILTER,
}
DONE = b"data: [DONE]\n\n"


def chunk(choice: dict[str, Any], **members: Any) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": None, **choice}],
        **members,
    }
    return frame(body)


STREAM = (
    frame(FIRST),
    chunk({"delta": {"role": "assistant", "content": ""}, "content_filter_results": {}}),
    chunk({"delta": {"content": "Hi"}, "content_filter_results": SAFE}),
    # The asynchronous filter's own chunks have no delta at all.
    chunk({"content_filter_results": SAFE, "content_filter_offsets": OFFSETS}),
    chunk({"delta": {}, "finish_reason": "stop", "content_filter_results": SAFE}),
    frame(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "gpt-4o",
            "choices": [],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        }
    ),
    DONE,
)


def written(events: list[ev.Event]) -> list[dict[str, Any]]:
    chat = read_chat({"messages": [HI], "stream": True})
    writer = StreamWriter(chat, id="own", created=1, model="m", usage_wanted=True)
    body = b"".join(writer.write(event) for event in events)
    lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
    return [orjson.loads(line) for line in lines]


def test_the_first_chunk_is_held_until_there_is_something_to_say() -> None:
    assert read_first(STREAM[:1]) == []
    told = written(read(STREAM))
    assert {(c["id"], c["object"], c["model"]) for c in told} == {
        ("chatcmpl-1", "chat.completion.chunk", "gpt-4o")
    }
    assert told[0]["prompt_filter_results"] == PROMPT_FILTER
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"


def read_first(pieces: tuple[bytes, ...]) -> list[ev.Event]:
    chat = read_chat({"messages": [HI], "stream": True})
    parser = PROVIDER.open_reply(chat, target(), ReplyHead(200, {}))
    return [event for piece in pieces for event in parser.feed(piece)]


def test_filter_results_ride_in_the_choice_and_offsets_with_them() -> None:
    told = written(read(STREAM))
    choices = [choice for c in told for choice in c["choices"]]
    assert [c["content_filter_results"] for c in choices if c.get("content_filter_results")]
    assert [c["content_filter_offsets"] for c in choices if "content_filter_offsets" in c] == [
        OFFSETS
    ]
    assert "".join(c["delta"].get("content") or "" for c in choices) == "Hi"
    assert [c["finish_reason"] for c in choices if c.get("finish_reason")] == ["stop"]


def test_usage_comes_last_and_once() -> None:
    told = written(read(STREAM))
    assert [c["usage"]["total_tokens"] for c in told if c.get("usage")] == [4]
    assert told[-1]["choices"] == []


def test_the_stream_reads_the_same_at_every_split() -> None:
    body = b"".join(STREAM)
    told = written(read([body]))
    assert written(read([body[n : n + 1] for n in range(len(body))])) == told
    assert written(read(STREAM)) == told


def test_a_filter_chunk_after_the_finish_changes_nothing() -> None:
    late = chunk({"content_filter_results": SAFE, "content_filter_offsets": OFFSETS})
    told = written(read((*STREAM[:5], late, *STREAM[5:])))
    finishes = [c["finish_reason"] for chunk_ in told for c in chunk_["choices"]]
    assert finishes.count("stop") == 1


def whole(choice: dict[str, Any]) -> dict[str, Any]:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o",
        "prompt_filter_results": PROMPT_FILTER,
        "choices": [{"index": 0, **choice}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
    }
    writer = CompletionWriter(read_chat({"messages": [HI]}), id="own", created=1, model="m")
    for event in read([orjson.dumps(body)], stream=False):
        writer.add(event)
    told: dict[str, Any] = orjson.loads(writer.body())
    return told


def test_a_filtered_choice_without_a_message_becomes_an_empty_one() -> None:
    filtered = {"hate": {"filtered": True, "severity": "high"}}
    told = whole({"finish_reason": "content_filter", "content_filter_results": filtered})
    [choice] = told["choices"]
    message = {"role": "assistant", "content": None, "refusal": None}
    assert {name: choice["message"].get(name, "absent") for name in message} == message
    assert choice["finish_reason"] == "content_filter"
    assert choice["content_filter_results"] == filtered
    assert told["prompt_filter_results"] == PROMPT_FILTER


def test_a_plain_answer_passes_with_its_filter_results() -> None:
    message = {"role": "assistant", "content": "Hi", "refusal": None}
    told = whole({"finish_reason": "stop", "message": message, "content_filter_results": SAFE})
    assert told["choices"][0]["content_filter_results"] == SAFE
    assert told["choices"][0]["message"]["content"] == "Hi"


def test_a_filtered_prompt_inside_a_200_is_an_error() -> None:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": SAFE}
    error = {"message": "filtered", "code": "content_filter", "status": 400, "innererror": inner}
    with pytest.raises(UpstreamError) as told:
        read([orjson.dumps({"error": error})], stream=False)
    assert told.value.failure is Failure.CONTENT_FILTER
    assert told.value.extra == {"innererror": inner}
