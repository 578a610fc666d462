"""Google: pictures, documents, sound and video, inline and by reference."""

import base64
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.upstream import MediaRef, Target
from gateway.wire.chat_read import read_chat
from tests.providers.google_scene import GEMINI, VERTEX, on_vertex, target, turns

GEMINI_3 = target()
GEMINI_2 = target("gemini-2.0-flash")
ON_VERTEX = on_vertex()
FILES = "https://generativelanguage.googleapis.com/v1beta/files/abc-1"
YOUTUBE = "https://www.youtube.com/watch?v=x"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG = encoded(b"\x89PNG\r\n\x1a\n0000")
PDF = encoded(b"%PDF-1.4 0000")
WAV = encoded(b"RIFF\x00\x00\x00\x00WAVEfmt ")
MP4 = encoded(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00")
TXT = encoded(b"a,b\n1,2\n")


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(**members: Any) -> dict[str, Any]:
    return {"type": "file", "file": members}


def part(content: dict[str, Any], to: Target = GEMINI_3) -> dict[str, Any]:
    [turn] = turns({"role": "user", "content": [content]}, to=to)
    [found] = turn["parts"]
    return dict(found)


def inline(kind: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": data}}


def reference(uri: str, kind: str | None = None) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri, **({"mimeType": kind} if kind else {})}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (image(f"data:image/png;base64,{PNG}"), inline("image/png", PNG)),
        (image(f"data:image/jpeg;base64,{PNG}", detail="low"), inline("image/png", PNG)),
        (image(f"data:application/pdf;base64,{PDF}"), inline("application/pdf", PDF)),
        (image(f"data:image/png;charset=x;base64,{PNG.rstrip('=')}"), inline("image/png", PNG)),
        (file(file_data=f"data:text/csv;base64,{TXT}"), inline("text/csv", TXT)),
        (
            file(file_data=f"data:text/plain;base64,{TXT}", filename="a.csv"),
            inline("text/csv", TXT),
        ),
        (file(file_data=f"data:;base64,{WAV}"), inline("audio/wav", WAV)),
        (file(file_data=PDF), inline("application/pdf", PDF)),
        (file(file_data=MP4), inline("video/mp4", MP4)),
        (file(file_data=TXT, filename="notes.md"), inline("text/markdown", TXT)),
        (file(file_data=TXT, format="text/html"), inline("text/html", TXT)),
        (file(file_data=TXT), inline("text/plain", TXT)),
        (
            {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
            inline("audio/wav", WAV),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": WAV, "format": "mp3"}},
            inline("audio/mp3", WAV),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": WAV, "format": "FLAC"}},
            inline("audio/flac", WAV),
        ),
    ],
    ids=str,
)
def test_data_goes_inline_and_its_bytes_decide_over_its_label(
    content: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert part(content) == expected
    assert part(content, ON_VERTEX) == expected


def test_the_url_safe_alphabet_is_respelled() -> None:
    data = encoded(b"\xff\xd8\xff\xfb\xef\xbe")
    safe = data.replace("+", "-").replace("/", "_")

    assert part(image(f"data:image/jpeg;base64,{safe}")) == inline("image/jpeg", data)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (file(file_id=FILES, format="audio/mpeg"), reference(FILES, "audio/mpeg")),
        (file(file_id="files/abc-1"), reference(FILES)),
        (file(file_data=FILES), reference(FILES)),
        (image(YOUTUBE), reference(YOUTUBE)),
        (file(file_data="https://youtu.be/x"), reference("https://youtu.be/x")),
        (
            {"type": "video_url", "video_url": {"url": YOUTUBE, "video_metadata": {"fps": 2}}},
            {**reference(YOUTUBE), "videoMetadata": {"fps": 2}},
        ),
        (
            image("https://x.test/a.png?q=.gif"),
            reference("https://x.test/a.png?q=.gif", "image/png"),
        ),
        (image("https://x.test/a"), reference("https://x.test/a", "image/jpeg")),
        (file(file_data="https://x.test/a"), reference("https://x.test/a", "application/pdf")),
        (
            file(file_data="https://x.test/a", format="text/csv"),
            reference("https://x.test/a", "text/csv"),
        ),
        (
            {"type": "video_url", "video_url": "https://x.test/a"},
            reference("https://x.test/a", "video/mp4"),
        ),
    ],
    ids=str,
)
def test_the_developer_api_takes_what_it_fetches_by_reference(
    content: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert part(content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (file(file_id="gs://b/a.pdf"), reference("gs://b/a.pdf", "application/pdf")),
        (image("gs://b/a.webp"), reference("gs://b/a.webp", "image/webp")),
        (image("https://x.test/a.gif"), reference("https://x.test/a.gif", "image/gif")),
        (image(YOUTUBE), reference(YOUTUBE, "video/mp4")),
    ],
    ids=str,
)
def test_vertex_takes_buckets_and_public_addresses(
    content: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert part(content, ON_VERTEX) == expected


@pytest.mark.parametrize(
    ("content", "to", "param"),
    [
        (image("gs://b/a.png"), GEMINI_3, "image_url.url"),
        (image("ftp://x.test/a.png"), GEMINI_3, "image_url.url"),
        (image("ftp://x.test/a.png"), ON_VERTEX, "image_url.url"),
        (image("http://x.test/a.png"), GEMINI_3, "image_url.url"),
        (image("https://x.test/a.png"), GEMINI_2, "image_url.url"),
        (image("data:image/png"), GEMINI_3, "image_url.url"),
        (file(file_id="file-abc"), GEMINI_3, "file.file_id"),
        (file(file_id="files/abc"), ON_VERTEX, "file.file_id"),
        (file(file_data="no base64!"), GEMINI_3, "file.file_data"),
        (file(filename="a"), GEMINI_3, "file"),
        ({"type": "input_image", "x": 1}, GEMINI_3, "type"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_named(content: dict[str, Any], to: Target, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        part(content, to)

    assert refused.value.param == f"messages[0].content[0].{param}"


def wanted(url: str, to: Target) -> list[MediaRef]:
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}, image(url)]}]
    provider = VERTEX if to is ON_VERTEX else GEMINI
    return list(provider.media(read_chat({"model": "m", "messages": messages}), to))


def test_the_gateway_fetches_only_what_the_api_would_not() -> None:
    fetched = [MediaRef("https://x.test/a.png", "messages[0].content[1].image_url.url")]
    assert wanted("https://x.test/a.png", GEMINI_2) == fetched
    assert wanted("http://x.test/a.png", GEMINI_3) != []

    assert wanted("https://x.test/a.png", GEMINI_3) == []
    assert wanted(FILES, GEMINI_2) == []
    assert wanted(YOUTUBE, GEMINI_2) == []
    assert wanted("gs://b/a.png", GEMINI_2) == []
    assert wanted(f"data:image/png;base64,{PNG}", GEMINI_2) == []
    assert wanted("http://x.test/a.png", ON_VERTEX) == []


def test_what_is_not_fetched_can_be_built() -> None:
    for to in (GEMINI_2, GEMINI_3, ON_VERTEX):
        for url in (FILES, YOUTUBE, "https://x.test/a.png"):
            if not wanted(url, to):
                assert part(image(url), to)["fileData"]["fileUri"] == url
