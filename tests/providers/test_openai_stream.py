"""Parsing a streamed reply."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.usage import Usage
from gateway.wire.chat_write import CompletionWriter, StreamWriter
from tests.providers.openai_scene import DONE, ROLE, chat, chunk, frame, read
from tests.wire.any_reply import REPLY

START = ev.Start("model-1", "chatcmpl-1", 1_700_000_000, openai_id=True)
HELLO = chunk({"content": "hello"})
FINISH = chunk({}, "stop")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
USAGE_CHUNK = chunk({}, usage=USAGE, choices=[])


def events(*frames: bytes, name: str = "openai", **members: Any) -> list[ev.Event]:
    """Read the frames one by one."""
    return read(frames, name, **members)


def typed(*frames: bytes, name: str = "openai", **members: Any) -> list[ev.Event]:
    """Return what was taken apart, without start and end."""
    found = events(*frames, name=name, **members)
    return [e for e in found if not isinstance(e, ev.Start | ev.End | ev.Verbatim)]


def test_clean_frames_pass_as_they_are_and_say_whether_they_bear_content() -> None:
    assert events(ROLE, HELLO, FINISH, USAGE_CHUNK, DONE) == [
        START,
        ev.Verbatim(ROLE, 0),
        ev.Verbatim(HELLO, 1),
        ev.Verbatim(FINISH, 0),
        ev.Usage(Usage(input=3, output=2), USAGE),
        ev.End(),
    ]


def test_frames_of_one_read_are_joined() -> None:
    found = events(ROLE + HELLO + HELLO + FINISH + USAGE_CHUNK + DONE)

    assert found[1] == ev.Verbatim(ROLE + HELLO + HELLO + FINISH, 2)
    assert isinstance(found[2], ev.Usage)


def test_usage_never_passes() -> None:
    last = chunk({"content": "!"}, "stop", usage=USAGE)

    assert typed(ROLE, last, DONE) == [
        ev.Text(0, "!"),
        ev.Finish(0, "stop", "stop"),
        ev.Usage(Usage(input=3, output=2), USAGE),
    ]


def test_groqs_usage_is_found() -> None:
    last = chunk({}, "stop", x_groq={"id": "r", "usage": USAGE})

    assert typed(ROLE, HELLO, last, DONE, name="groq") == [
        ev.Finish(0, "stop", "stop"),
        ev.Usage(Usage(input=3, output=2), USAGE),
    ]


def test_usage_in_every_chunk_is_cumulative() -> None:
    frames = [
        chunk({"content": "a"}, usage={**USAGE, "completion_tokens": None}),
        chunk({"content": "b"}, usage={**USAGE, "completion_tokens": 1, "total_tokens": 4}),
        chunk({}, "stop", usage=USAGE),
    ]

    found = [e.usage.output for e in typed(ROLE, *frames, DONE) if isinstance(e, ev.Usage)]

    assert found == [1, 2]


def test_azures_first_chunk_is_held_back_until_there_is_an_id() -> None:
    first = frame(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": [1],
        }
    )

    found = events(first, ROLE, HELLO, HELLO, FINISH, DONE)

    assert found == [
        START,
        ev.Extra(None, {"prompt_filter_results": [1]}),
        ev.Text(0, "hello"),
        ev.Verbatim(HELLO, 1),
        ev.Verbatim(FINISH, 0),
        ev.End(),
    ]


def test_a_chunk_without_a_delta_breaks_nothing() -> None:
    offsets = frame(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"a": 1}}],
        }
    )

    assert typed(ROLE, HELLO, offsets, FINISH, DONE) == [
        ev.Extra(0, {"content_filter_offsets": {"a": 1}}, beside=True)
    ]


@pytest.mark.parametrize(
    "odd",
    [
        chunk({"content": "hello"}, drop="id"),
        chunk({"content": "hello"}, drop="object"),
        chunk({"content": "hello"}, drop="model"),
        chunk({"content": "hello"}, id="another"),
        chunk({"content": "hello", "role": "assistant"}),
        chunk({"content": "hello"}, object="chat.completion.done"),
        chunk({"content": [{"type": "text", "text": "hello"}]}),
        chunk({"content": "hello", "refusal": ""}),
        chunk({"content": "hello"}, ""),
        chunk({"content": "hello", "function_call": {"name": ""}}),
        chunk({"content": "hello", "tool_calls": "none"}),
        chunk({"content": "hello", "tool_calls": [{"index": 0, "function": None}]}),
        chunk({"content": "hello", "reasoning_content": 5}),
        chunk({"content": "hello"}, index="0"),
    ],
)
def test_a_chunk_that_strict_clients_stumble_over_is_taken_apart(odd: bytes) -> None:
    found = events(ROLE, odd, FINISH, DONE)

    assert found[2] == ev.Text(0, "hello")
    assert found[-2:] == [ev.Verbatim(FINISH, 0), ev.End()]


def test_a_stream_without_a_role_gets_one_from_the_writer() -> None:
    found = events(HELLO, HELLO, FINISH, DONE)

    assert found[1:3] == [ev.Text(0, "hello"), ev.Verbatim(HELLO, 1)]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_read_in_both_spellings(field: str) -> None:
    found = events(ROLE, chunk({field: "hm", "content": None}), HELLO, FINISH, DONE)

    if field == "reasoning":
        assert found[2] == ev.Reasoning(0, "hm")
    else:
        assert isinstance(found[2], ev.Verbatim)


def test_openrouters_details_ride_beside_their_text() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1", "index": 0}
    delta = {"role": "assistant", "content": "", "reasoning": "hm", "reasoning_details": [detail]}

    assert typed(chunk(delta), FINISH, DONE, name="openrouter") == [
        ev.Reasoning(0, "hm"),
        ev.ReasoningOpaque(0, detail),
    ]


def call(**members: Any) -> dict[str, Any]:
    return {"tool_calls": [members]}


def function(name: str | None = None, arguments: Any = "") -> dict[str, Any]:
    return {"name": name, "arguments": arguments} if name else {"arguments": arguments}


def test_clean_calls_pass() -> None:
    frames = [
        chunk(
            {
                "role": "assistant",
                "content": None,
                **call(index=0, id="c1", type="function", function=function("f")),
            }
        ),
        chunk(call(index=0, function=function(arguments='{"a":1}'))),
        chunk(call(index=1, id="c2", type="function", function=function("g", "{}"))),
        chunk({}, "tool_calls"),
    ]

    found = events(*frames, DONE, name="groq")

    assert found == [
        START,
        *(ev.Verbatim(frame, 1) for frame in frames[:3]),
        ev.Verbatim(frames[3], 0),
        ev.End(),
    ]


CALLS = [ev.ToolArgs(0, 0, '{"a":1}'), ev.ToolArgs(0, 1, "{}")]


@pytest.mark.parametrize(
    "deltas",
    [
        # every call has index 0 (older Ollama)
        [
            call(index=0, id="c1", type="function", function=function("f", '{"a":1}')),
            call(index=0, id="c2", type="function", function=function("g", "{}")),
        ],
        # no index at all
        [
            call(id="c1", function=function("f")),
            call(id="c1", function=function(arguments='{"a":1}')),
            call(id="c2", function=function("g", "{}")),
        ],
        # no index, and fragments that name nothing
        [
            call(id="c1", function=function("f")),
            call(function=function(arguments='{"a":1}')),
            call(id="c2", function=function("g", {})),
        ],
        # indexes that count content blocks
        [
            call(index=1, id="c1", type="function", function=function("f", '{"a":1}')),
            call(index=4, id="c2", type="function", function=function("g", "{}")),
        ],
        # the name comes late, arguments as an object
        [
            call(index=0, id="c1"),
            call(index=0, function={"name": "f", "arguments": {"a": 1}}),
            call(index=1, id="c2", function=function("g", "{}")),
        ],
        # id and name repeated in every fragment
        [
            call(index=0, id="c1", type="function", function=function("f")),
            call(index=0, id="c1", type="function", function=function("f", '{"a":1}')),
            call(index=1, id="c2", type="function", function=function("g", "{}")),
        ],
    ],
)
def test_calls_of_every_dialect_are_counted_right(deltas: list[dict[str, Any]]) -> None:
    frames = [chunk(delta) for delta in deltas]

    found = typed(ROLE, *frames, chunk({}, "stop"), DONE, name="ollama", stream=False)

    starts = [(e.call, e.id, e.name) for e in found if isinstance(e, ev.ToolStart)]
    assert starts == [(0, "c1", "f"), (1, "c2", "g")]
    assert [e for e in found if isinstance(e, ev.ToolArgs)] == CALLS
    assert found[-1] == ev.Finish(0, "tool_calls", "stop")


def test_calls_that_passed_count_when_later_ones_need_repair() -> None:
    clean = chunk(call(index=0, id="c1", type="function", function=function("f", "{}")))
    odd = chunk(call(index=0, id="c2", type="function", function=function("g", "{}")))

    found = typed(ROLE, clean, odd, chunk({}, "stop"), DONE, name="ollama")

    assert found == [
        ev.ToolStart(0, 1, "c2", "g"),
        ev.ToolArgs(0, 1, "{}"),
        ev.ToolEnd(0, 1),
        ev.Finish(0, "tool_calls", "stop"),
    ]


def test_a_repeated_finish_is_told_once() -> None:
    again = chunk({"role": "assistant", "content": ""}, "stop")

    found = events(ROLE, HELLO, FINISH, again, again, USAGE_CHUNK, DONE, name="openrouter")

    assert found[-2:] == [ev.Usage(Usage(input=3, output=2), USAGE), ev.End()]
    assert not any(isinstance(event, ev.Finish) for event in found)


def test_every_choice_is_read_on_its_own() -> None:
    frames = [
        chunk({"role": "assistant", "content": ""}, index=0),
        chunk({"role": "assistant", "content": ""}, index=1),
        chunk({"content": "a"}, index=1),
        chunk({}, "stop", index=1),
        chunk({"content": "b"}, index=0),
    ]

    with pytest.raises(UpstreamError) as caught:
        events(*frames, n=2)
    assert caught.value.failure is Failure.CUT
    assert events(*frames, chunk({}, "length", index=0), DONE, n=2)[-1] == ev.End()


def test_a_second_choice_that_never_came_is_missed() -> None:
    with pytest.raises(UpstreamError):
        events(ROLE, HELLO, FINISH, n=2)


def test_a_close_after_the_finish_is_an_end_only_where_no_marker_is_owed() -> None:
    own = "openai_compatible"
    assert read([ROLE, HELLO, FINISH], own)[-1] == ev.End()
    assert read([ROLE, HELLO, FINISH.rstrip()], own)[-1] == ev.End()
    assert read([ROLE, HELLO, FINISH, b'data: {"id": "to'], own)[-1] == ev.End()
    assert events(ROLE, HELLO, FINISH, DONE.rstrip())[-1] == ev.End()
    with pytest.raises(UpstreamError) as caught:
        events(ROLE, HELLO, FINISH)
    assert caught.value.failure is Failure.CUT


def test_usage_that_was_announced_is_owed() -> None:
    announced = HELLO.replace(b'"choices"', b'"usage": null, "choices"', 1)
    with pytest.raises(UpstreamError):
        read([ROLE, announced, FINISH], "openai_compatible")
    assert read([ROLE, announced, FINISH, USAGE_CHUNK], "openai_compatible")[-1] == ev.End()
    with pytest.raises(UpstreamError):
        read([ROLE, HELLO, FINISH], "huggingface")
    assert read([ROLE, HELLO, FINISH, USAGE_CHUNK], "huggingface")[-1] == ev.End()


@pytest.mark.parametrize(
    "frames", [[ROLE], [ROLE, HELLO], [ROLE, HELLO, FINISH[:-20]], [ROLE, USAGE_CHUNK]]
)
def test_a_close_before_the_finish_is_a_cut(frames: list[bytes]) -> None:
    with pytest.raises(UpstreamError) as caught:
        events(*frames)

    assert caught.value.failure is Failure.CUT


def test_done_without_a_finish_is_the_providers_word() -> None:
    assert events(ROLE, HELLO, DONE)[-2:] == [ev.Finish(0, "stop"), ev.End()]
    called = chunk(call(index=0, id="c1", type="function", function=function("f", "{}")))
    assert events(ROLE, called, DONE)[-2:] == [ev.Finish(0, "tool_calls"), ev.End()]


def test_nothing_is_read_after_the_end() -> None:
    assert events(ROLE, HELLO, FINISH, DONE, HELLO, b"garbage\n\n")[-1] == ev.End()


def test_an_error_frame_comes_after_what_was_good() -> None:
    error = {"message": "boom", "type": "server_error", "code": None}

    found = events(ROLE + HELLO + frame({"error": error}) + HELLO + DONE)

    assert found[1] == ev.Verbatim(ROLE + HELLO, 1)
    assert isinstance(found[-1], ev.Error)
    assert (found[-1].error.failure, found[-1].error.message) == (Failure.SERVER, "boom")


def test_a_named_error_event_is_an_error_however_it_is_spelled() -> None:
    last = events(ROLE, b"event: error\n" + frame({"message": "boom", "code": 503}))[-1]

    assert isinstance(last, ev.Error)
    assert (last.error.failure, last.error.message) == (Failure.OVERLOADED, "boom")


def test_other_names_of_events_mean_nothing_and_are_not_passed_on() -> None:
    found = events(ROLE, b"event: message\n" + HELLO, b"event: message\n" + HELLO, FINISH, DONE)

    assert found[2:4] == [ev.Verbatim(HELLO, 1), ev.Verbatim(HELLO, 1)]


def test_groqs_named_error_event_is_an_error() -> None:
    error = {
        "message": "bad call",
        "type": "invalid_request_error",
        "code": "tool_use_failed",
        "failed_generation": "<f>",
        "status_code": 400,
    }
    named = b"event: error\n" + frame({"error": error})

    last = events(ROLE, named, name="groq")[-1]

    assert isinstance(last, ev.Error)
    assert (last.error.failure, last.error.code) == (Failure.BAD_REQUEST, "tool_use_failed")
    assert last.error.extra == {"failed_generation": "<f>"}


def test_openrouters_error_beside_choices_is_an_error_and_its_usage_counts() -> None:
    last = chunk({"content": ""}, "error", error={"code": 502, "message": "gone"}, usage=USAGE)

    *_, usage, error = events(ROLE, HELLO, last, DONE, name="openrouter")

    assert usage == ev.Usage(Usage(input=3, output=2), USAGE)
    assert isinstance(error, ev.Error)
    assert error.error.failure is Failure.SERVER


@pytest.mark.parametrize(
    "nonsense", [b"data: {oops}\n\n", b"data: [1,2]\n\n", b'data: "x"\n\n', b"data: \xff\n\n"]
)
def test_a_malformed_event_is_an_error_after_what_was_good(nonsense: bytes) -> None:
    found = events(ROLE, HELLO, nonsense, HELLO, FINISH, DONE)

    assert isinstance(found[-1], ev.Error)
    assert found[-1].error.failure is Failure.BAD_REPLY
    assert ev.Verbatim(HELLO, 1) in found


def test_an_endless_event_is_an_error() -> None:
    found = events(ROLE, HELLO, b"data: " + b"x" * (1 << 20), b"x", HELLO)

    assert isinstance(found[-1], ev.Error)
    assert found[-1].error.failure is Failure.BAD_REPLY


def test_comments_and_blank_lines_are_passed_over() -> None:
    noise = b": OPENROUTER PROCESSING\n\n\n\nid: 7\nretry: 5\n\n"

    found = events(noise, ROLE, noise, HELLO, noise, FINISH, DONE)

    assert [e for e in found if isinstance(e, ev.Verbatim)][1] == ev.Verbatim(HELLO, 1)


def test_members_are_told_when_they_are_new() -> None:
    frames = [
        chunk({"role": "assistant", "content": "a"}, message="x", citations=["u"]),
        chunk({"reasoning": "b"}, citations=["u"], odd=1),
        chunk({"reasoning": "c"}, citations=["u", "v"], odd=1),
    ]

    found = typed(*frames, FINISH, DONE, stream=False)

    assert [e.members for e in found if isinstance(e, ev.Extra)] == [
        {"message": "x", "citations": ["u"]},
        {"odd": 1},
        {"citations": ["u", "v"]},
    ]


def test_perplexitys_sources_become_annotations() -> None:
    results = [{"title": "T", "url": "https://a.example", "date": "2026-01-01"}, {"url": "b"}]
    delta = {"role": "assistant", "content": "x"}

    found = typed(
        chunk(delta, search_results=results),
        chunk({}, "stop", search_results=results),
        DONE,
        name="perplexity",
    )

    notes = [e.annotation["url_citation"] for e in found if isinstance(e, ev.Annotation)]
    assert [(note["title"], note["url"]) for note in notes] == [
        ("T", "https://a.example"),
        ("b", "b"),
    ]


@settings(max_examples=300, deadline=None)
@given(replies=st.lists(REPLY, min_size=1, max_size=4), whole=st.booleans(), stream=st.booleans())
def test_whatever_a_provider_says_it_is_an_answer_or_an_upstream_error(
    replies: list[Any], whole: bool, stream: bool
) -> None:
    pieces = [orjson.dumps(replies[0])] if whole else [frame(reply) for reply in replies]
    try:
        found = read([*pieces, b"" if whole else DONE], "perplexity", stream=stream)
    except UpstreamError:
        return
    writer = StreamWriter(chat(stream=True), id="r", created=1, model="m", usage_wanted=True)
    for event in found:
        writer.write(event)
    if not stream:
        completion = CompletionWriter(chat(), id="r", created=1, model="m")
        for event in found:
            completion.add(event)
        assert orjson.loads(completion.body())


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(deadline=None)
@given(
    texts=st.lists(texts, max_size=8),
    paddings=st.lists(texts, min_size=8, max_size=8),
    padded=st.booleans(),
    first=st.booleans(),
)
def test_chunks_known_by_their_bytes_are_told_from_those_that_are_not(
    texts: list[str], paddings: list[str], padded: bool, first: bool
) -> None:
    def one(text: str, padding: str) -> bytes:
        choices = [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
        members: dict[str, Any] = {"obfuscation": padding} if padded else {}
        ordered = {**members, "choices": choices} if first else {"choices": choices, **members}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return frame({**head, **ordered})

    frames = [one(text, padding) for text, padding in zip(texts, paddings, strict=False)]

    found = events(ROLE, HELLO, *frames, FINISH, DONE)

    assert b"".join(e.data for e in found if isinstance(e, ev.Verbatim)) == b"".join(
        [ROLE, HELLO, *frames, FINISH]
    )
    assert [e.deltas for e in found if isinstance(e, ev.Verbatim)][2:-1] == [
        1 if text else 0 for text in texts
    ]


@pytest.mark.parametrize(
    "forged",
    [
        b'a"},"finish_reason":"stop","x":{"y":"',
        b'\\"},{\\',
        b"\\",
        b"\xff",
        b"\x01",
    ],
)
def test_bytes_that_only_look_like_the_last_chunk_are_parsed(forged: bytes) -> None:
    odd = HELLO.replace(b"hello", forged)

    after_its_like = events(ROLE, HELLO, odd, FINISH, DONE)[3:]
    parsed = events(ROLE, odd, FINISH, DONE)[2:]

    assert repr(after_its_like) == repr(parsed)
