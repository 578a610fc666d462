"""Bedrock: the binary framing of a stream, cut anywhere, damaged anywhere."""

import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import Failure, UpstreamError
from gateway.providers.bedrock.eventstream import (
    MAX_FRAME_BYTES,
    MAX_HEADER_BYTES,
    EventStreamDecoder,
    Frame,
)
from tests.providers.bedrock_scene import raw_frame, string_header

# Written out byte by byte, so that the frames below are not only what our own writer says.
KNOWN = bytes.fromhex(
    "0000002c 00000014 7bc9c911"  # 44 bytes, 20 of headers
    "0b 3a6576656e742d74797065 07 0005 68656c6c6f"  # ":event-type": "hello"
    "7b2261223a317d0a ac853947"  # {"a":1} and a line feed
)


def decoded(*pieces: bytes) -> list[Frame]:
    decoder = EventStreamDecoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def refused(*pieces: bytes) -> bool:
    with pytest.raises(UpstreamError) as refusal:
        decoded(*pieces)
    return refusal.value.failure is Failure.BAD_REPLY


def test_a_frame_written_by_hand_is_read() -> None:
    assert decoded(KNOWN) == [Frame({":event-type": "hello"}, b'{"a":1}\n')]


def test_headers_of_every_type_are_passed_over_and_strings_kept() -> None:
    headers = (
        b"\x01a\x00"  # true
        b"\x01b\x01"  # false
        b"\x01c\x02\x7f"  # byte
        b"\x01d\x03\x00\x01"  # short
        b"\x01e\x04\x00\x00\x00\x01"  # int
        b"\x01f\x05" + bytes(8) + b"\x01g\x06\x00\x03abc"  # long, bytes
        b"\x01h\x08" + bytes(8) + b"\x01i\x09" + bytes(16)  # timestamp, uuid
    )

    [frame] = decoded(raw_frame(headers + string_header(":z", "gr\u00fcn"), b"x"))

    assert frame == Frame({":z": "gr\u00fcn"}, b"x")


def test_an_empty_payload_and_no_headers_are_legal() -> None:
    assert decoded(raw_frame(b"", b"")) == [Frame({}, b"")]


@given(
    st.lists(st.tuples(st.text("abc:-", min_size=1, max_size=9), st.text(max_size=9)), max_size=4),
    st.lists(st.binary(max_size=40), min_size=1, max_size=5),
    st.lists(st.integers(1, 30), max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_frames_are_read_alike_however_they_are_cut(
    named: list[tuple[str, str]], payloads: list[bytes], cuts: list[int]
) -> None:
    headers = b"".join(string_header(name, value) for name, value in dict(named).items())
    data = b"".join(raw_frame(headers, payload) for payload in payloads)
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]

    found = decoded(*pieces, rest)

    assert [frame.payload for frame in found] == payloads
    assert all(dict(frame.headers) == dict(named) for frame in found)


def test_every_single_flipped_bit_is_noticed() -> None:
    data = raw_frame(string_header(":event-type", "x"), b'{"text":"hi"}')
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            assert refused(bytes(damaged)), f"bit {bit} of byte {place}"


def test_a_rest_is_told() -> None:
    data = raw_frame(b"", b"abc")
    decoder = EventStreamDecoder()

    assert list(decoder.feed(data[:-1])) == []
    assert decoder.has_rest
    assert len(list(decoder.feed(data[-1:]))) == 1
    assert not decoder.has_rest


def prelude_of(total: int, headers: int) -> bytes:
    front = struct.pack(">II", total, headers)
    return front + struct.pack(">I", zlib.crc32(front))


@pytest.mark.parametrize(
    ("total", "headers"),
    [
        (15, 0),
        (0, 0),
        (16, 1),
        (40, 25),
        (MAX_FRAME_BYTES + 1, 0),
        (MAX_FRAME_BYTES, MAX_HEADER_BYTES + 1),
        (2**32 - 1, 0),
    ],
)
def test_a_length_that_cannot_be_is_refused_at_once(total: int, headers: int) -> None:
    assert refused(prelude_of(total, headers))


@pytest.mark.parametrize(
    "headers",
    [
        b"\x00",  # no name
        b"\x05ab",  # a name that is longer than what there is
        b"\x01a",  # no type
        b"\x01a\x0a",  # a type that does not exist
        b"\x01a\x07",  # no length
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x05ab",  # a value that is longer than what there is
        b"\x01a\x05\x00",
        b"\x01a\x09" + bytes(15),
        b"\x01a\x07\x00\x02\xff\xfe",  # no UTF-8
        b"\x02\xff\xfe\x07\x00\x01a",
    ],
)
def test_malformed_headers_are_refused(headers: bytes) -> None:
    assert refused(raw_frame(headers, b"{}"))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused_or_waited_for_and_nothing_else(noise: bytes) -> None:
    decoder = EventStreamDecoder()
    found: list[Frame] = []
    with suppress(UpstreamError):
        found += decoder.feed(noise)

    assert found == []
