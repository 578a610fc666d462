"""The event stream decoder and encoder."""

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import Failure, UpstreamError
from gateway.wire.sse import SseDecoder, SseEvent, encode_event

Seen = list[tuple[str | None, bytes]]

CASES: list[tuple[str, bytes, Seen]] = [
    ("one event", b"data: a\n\n", [(None, b"a")]),
    ("two events", b"data: a\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
    ("no space after the colon", b"data:a\n\n", [(None, b"a")]),
    ("only one space is taken", b"data:  a \n\n", [(None, b" a ")]),
    ("a named event", b"event: error\ndata: a\n\n", [("error", b"a")]),
    ("the name may follow", b"data: a\nevent:x\n\n", [("x", b"a")]),
    ("an empty name is none", b"event:\ndata: a\n\n", [(None, b"a")]),
    ("several data lines", b"data: a\ndata:\ndata: b\n\n", [(None, b"a\n\nb")]),
    ("CRLF", b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [(None, b"a\nb"), (None, b"c")]),
    ("CR only", b"data: a\r\rdata: b\r\r", [(None, b"a"), (None, b"b")]),
    ("mixed line ends", b"data: a\n\r\ndata: b\r\n\n", [(None, b"a"), (None, b"b")]),
    ("comments", b": ping\n\n: x\ndata: a\n: y\n\n:\n\n", [(None, b"a")]),
    ("blank lines", b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
    ("ids and retries", b"id: 1\nretry: 5\ndata: a\n\nid: 2\n\n", [(None, b"a")]),
    ("unknown fields", b"foo: x\nbar\ndata: a\n\n", [(None, b"a")]),
    ("empty data is no event", b"data:\n\ndata: \n\nevent: ping\ndata\n\n", []),
    ("a byte order mark", b"\xef\xbb\xbfdata: a\n\n", [(None, b"a")]),
    ("a second mark is no mark", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    ("a missing last blank line", b"data: a\n\ndata: b", [(None, b"a"), (None, b"b")]),
    ("a missing last newline", b"data: a\n\ndata: b\n", [(None, b"a"), (None, b"b")]),
    ("only a comment is left", b"data: a\n\n: bye", [(None, b"a")]),
    ("separators of other standards", "data: \u2028\u2029\x85\x0b\x0c\n\n".encode(), [
        (None, "\u2028\u2029\x85\x0b\x0c".encode())
    ]),
    ("bytes that are no UTF-8", b"data: \xff\xfe\n\n", [(None, b"\xff\xfe")]),
    ("nothing", b"", []),
]  # fmt: skip


def decode(pieces: list[bytes]) -> list[SseEvent]:
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.finish()


@pytest.mark.parametrize(("stream", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_events_are_read_the_same_whole_and_byte_by_byte(stream: bytes, expected: Seen) -> None:
    whole = decode([stream])

    assert [(event.event, event.data) for event in whole] == expected
    assert decode([stream[n : n + 1] for n in range(len(stream))]) == whole
    for cut in range(len(stream)):
        assert decode([stream[:cut], b"", stream[cut:]]) == whole


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    decoder = SseDecoder()

    assert decoder.feed(b"data: a\n") == []
    assert [event.data for event in decoder.feed(b"\n")] == [b"a"]
    assert [event.data for event in decoder.feed(b"data: b\r\r")] == [b"b"]
    assert [event.data for event in decoder.feed(b"\ndata: c\r\n\r")] == [b"c"]


def test_raw_is_the_frame_as_it_came() -> None:
    frames = [b"data: a\n\n", b"event: x\n: note\ndata:b\n\n"]

    assert [event.raw for event in decode([b"".join(frames)])] == frames


def test_raw_ends_with_a_blank_line_whatever_came() -> None:
    assert [event.raw for event in decode([b"data: a\r\n\r\ndata: b"])] == [
        b"data: a\n\n",
        b"data: b\n\n",
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 200 + b"\n\n"],
        [b"data: " + b"x" * 200],
        [b"x"] * 200,
        [b"data: x\n"] * 40,
        [b": comment " + b"x" * 200],
    ],
)
def test_an_event_beyond_the_limit_is_refused(pieces: list[bytes]) -> None:
    decoder = SseDecoder(max_event_bytes=100)

    with pytest.raises(UpstreamError) as caught:
        list(map(decoder.feed, pieces))

    assert caught.value.failure is Failure.BAD_REPLY


def test_a_long_stream_of_small_events_is_no_large_event() -> None:
    decoder = SseDecoder(max_event_bytes=100)

    events = decoder.feed(b"data: hello\n\n" * 1_000)

    assert len(events) == 1_000


def test_the_encoder_writes_what_the_decoder_reads() -> None:
    assert encode_event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert encode_event(b"a\r\nb\rc\nd", "error") == (
        b"event: error\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
    )


line = st.binary(max_size=8).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b""))
name = st.none() | st.text("abcdefg_.", min_size=1, max_size=5)
event = st.tuples(name, st.lists(line, min_size=1, max_size=3).map(b"\n".join).filter(bool))
noise = st.sampled_from([b"", b": ping\n\n", b"\n", b"id: 7\n\n"])


@settings(deadline=None)
@given(
    events=st.lists(event, max_size=6),
    noises=st.lists(noise, min_size=7, max_size=7),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_any_events_survive_any_split(
    events: list[tuple[str | None, bytes]], noises: list[bytes], end: bytes, cuts: list[int]
) -> None:
    stream = b"".join(
        noise + encode_event(data, name)
        for (name, data), noise in zip(events, noises, strict=False)
    ).replace(b"\n", end)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]

    found = decode(pieces)

    assert [(event.event, event.data) for event in found] == events
    assert found == decode([stream])
