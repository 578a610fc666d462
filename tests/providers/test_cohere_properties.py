"""Cohere: what holds for every request and every reply, tried with made-up ones."""

from typing import Any

import orjson
from hypothesis import given, settings, strategies as st

from gateway.errors import InvalidRequest, UpstreamError
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from gateway.wire.chat_read import read_chat
from tests.providers.cohere_scene import HI, PROVIDER, sse, target
from tests.wire.any_request import JSON, MESSAGES, TOP

KINDS = st.sampled_from(
    [
        "message-start",
        "content-start",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "message-end",
        "error",
        "other",
    ]
)
INNER = st.dictionaries(
    st.sampled_from(
        ["content", "text", "thinking", "tool_plan", "tool_calls", "citations", "function", "name"]
    ),
    JSON,
    max_size=3,
)
EVENTS = st.builds(
    lambda kind, index, message, rest: {
        **rest,
        "type": kind,
        "index": index,
        "delta": {**rest, "message": message},
    },
    KINDS,
    st.sampled_from([0, 1, None, "x"]),
    INNER | JSON,
    st.dictionaries(
        st.sampled_from(["id", "usage", "finish_reason", "error", "logprobs"]), JSON, max_size=2
    ),
)


def read(pieces: list[bytes]) -> Any:
    parser = PROVIDER.open_reply(read_chat({"messages": [HI]}), target(), ReplyHead(200, {}))
    found: list[ev.Event] = []
    try:
        for piece in pieces:
            found += parser.feed(piece)
        found += parser.finish()
    except UpstreamError as error:
        return error.failure
    return [e.error.failure if isinstance(e, ev.Error) else repr(e) for e in found]


@settings(max_examples=200)
@given(st.lists(EVENTS, max_size=5))
def test_no_stream_breaks_the_parser_and_every_split_reads_alike(given_events: Any) -> None:
    body = sse(*given_events)
    assert read([body]) == read([body[n : n + 1] for n in range(len(body))])


@given(st.dictionaries(st.sampled_from(["id", "message", "usage", "logprobs"]), INNER | JSON))
def test_no_body_breaks_the_parser(body: Any) -> None:
    assert read([orjson.dumps(body)]) is not None


@given(MESSAGES, TOP)
def test_whatever_a_client_may_say_is_built_or_refused_clearly(messages: Any, top: Any) -> None:
    try:
        chat = read_chat({**top, "messages": messages})
        built = PROVIDER.build_chat(chat, target())
    except InvalidRequest:
        return
    assert isinstance(orjson.loads(built.body), dict)
