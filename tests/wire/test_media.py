"""Telling media by its bytes, and putting fetched media in the place of URLs."""

import base64

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from gateway.providers.media_refs import find_media
from gateway.types.chat import (
    Audio,
    CacheMarker,
    ChatRequest,
    File,
    Image,
    Message,
    Refusal,
    Role,
    Text,
    UnknownPart,
)
from gateway.wire.media import data_uri, replace_media, sniff

CAT = "https://img.example/cat.png?size=2"
DOC = "https://doc.example/a.pdf"
CAT_DATA = "data:image/png;base64,iVBORw0KGgo="
DOC_DATA = "data:application/pdf;base64,JVBERi0="


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\xff\xd8\xff\xdb", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"GIF87a", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),  # MPEG 1, layer III, 128 kbit/s, 44.1 kHz
        (b"\xff\xf3\x48\xc4", "audio/mpeg"),  # MPEG 2, layer III
        (b"\xff\xf1\x50\x80", None),  # AAC (ADTS)
        (b"\xff\xfe<\x00h\x00", None),  # UTF-16 text
        (b"\xff\xff\xff\xff", None),
        (b"\xff\xfb", None),
        (b"RIFF\x24\x00\x00\x00AVI LIST", None),
        (b"<svg xmlns=", None),
        (b"<!doctype html>", None),
        (b" \x89PNG", None),
        (b"", None),
    ],
)
def test_a_type_is_told_by_the_first_bytes(data: bytes, kind: str | None) -> None:
    assert sniff(data) == kind
    assert sniff(data + b"\x00" * 100) == kind or len(data) < 3


@given(st.binary(max_size=64))
def test_telling_a_type_never_fails(data: bytes) -> None:
    assert sniff(data) == sniff(data[:16])


@given(st.binary(max_size=100))
def test_a_data_uri_holds_the_bytes_in_canonical_base64(data: bytes) -> None:
    head, _, body = data_uri("image/png", data).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body, validate=True) == data


def test_urls_are_replaced_wherever_they_occur_and_nothing_else_is() -> None:
    image = Image(CAT, detail="high", cache=CacheMarker("1h"), extra={"x": 1})
    file = File(DOC, filename="a.pdf", extra={"y": 2})
    others = (
        Text(f"see {CAT}"),
        Image("https://img.example/dog.png"),
        Image(CAT.upper()),
        Image("data:image/gif;base64,R0lG"),
        File(file_id=CAT),
        File("JVBERi0="),
        Audio(CAT, "wav"),
        Refusal(CAT),
        UnknownPart({"type": "video_url", "video_url": {"url": CAT}}),
    )
    chat = ChatRequest(
        model=CAT,
        messages=(
            Message(Role.SYSTEM, CAT),
            Message(Role.USER, (image, *others, file, Image(CAT))),
            Message(Role.ASSISTANT, None),
            Message(Role.TOOL, (File(CAT), Image(DOC)), tool_call_id="c"),
        ),
        extra={"metadata": {"url": CAT}},
    )
    changed = replace_media(chat, {CAT: CAT_DATA, DOC: DOC_DATA})
    assert changed == replace(
        chat,
        messages=(
            chat.messages[0],
            Message(
                Role.USER,
                (
                    Image(CAT_DATA, detail="high", cache=CacheMarker("1h"), extra={"x": 1}),
                    *others,
                    File(DOC_DATA, filename="a.pdf", extra={"y": 2}),
                    Image(CAT_DATA),
                ),
            ),
            chat.messages[2],
            Message(Role.TOOL, (File(CAT_DATA), Image(DOC_DATA)), tool_call_id="c"),
        ),
    )


URLS = st.sampled_from(
    [CAT, DOC, "HTTP://x/", "https://x/#\u00e9", CAT_DATA, "AAAA", "", "gs://bucket/a", "s3://b/a"]
)
PARTS = st.one_of(st.builds(Image, URLS), st.builds(File, URLS | st.none()), st.builds(Text, URLS))
CHATS = st.builds(
    lambda contents: ChatRequest("m", tuple(Message(Role.USER, each) for each in contents)),
    st.lists(URLS | st.lists(PARTS, max_size=4).map(tuple) | st.none(), max_size=4),
)


@given(CHATS)
def test_what_a_provider_wants_fetched_is_what_is_replaced(chat: ChatRequest) -> None:
    wanted = find_media(chat, lambda _: True)
    changed = replace_media(chat, {ref.url: CAT_DATA for ref in wanted})
    assert find_media(changed, lambda _: True) == ()
    assert (changed == chat) is (not wanted)
    assert replace_media(chat, {}) is chat
