"""Bedrock: images, documents, audio and video."""

import base64
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from gateway.types.upstream import KeySource, MediaRef
from gateway.wire.chat_read import read_chat
from tests.providers.bedrock_scene import PDF, PNG, PROVIDER, target, turns

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()
GIF = base64.b64encode(b"GIF89a" + bytes(20)).decode()
WEBP = base64.b64encode(b"RIFF\x00\x00\x00\x00WEBPVP8 ").decode()
ZIP = base64.b64encode(b"PK\x03\x04" + bytes(20)).decode()
OLE = base64.b64encode(b"\xd0\xcf\x11\xe0" + bytes(20)).decode()
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **more}


def file(data: str | None = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    members = {"file_data": data, "filename": name, **more}
    return {"type": "file", "file": {k: v for k, v in members.items() if v is not None}}


def blocks(*parts: dict[str, Any], **where: Any) -> list[dict[str, Any]]:
    text = {"type": "text", "text": "see"}
    found: list[dict[str, Any]] = turns(
        {"role": "user", "content": [text, *parts]}, to=target(**where)
    )[0]["content"]
    return found[1:]


def refused(part: dict[str, Any], **where: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequest) as refusal:
        blocks(part, **where)
    return refusal.value.param, refusal.value.code


@pytest.mark.parametrize(
    ("label", "data", "format_"),
    [
        ("image/png", PNG, "png"),
        ("image/jpeg", PNG, "png"),  # the bytes decide
        ("image/jpg", JPEG, "jpeg"),
        ("", GIF, "gif"),
        ("application/octet-stream", WEBP, "webp"),
    ],
)
def test_an_image_has_the_format_its_bytes_show(label: str, data: str, format_: str) -> None:
    assert blocks(image(f"data:{label};base64,{data}")) == [
        {"image": {"format": format_, "source": {"bytes": data}}}
    ]


def test_a_pdf_among_the_images_is_a_document() -> None:
    assert blocks(image(f"data:image/png;base64,{PDF}")) == [
        {"document": {"format": "pdf", "source": {"bytes": PDF}, "name": "document"}}
    ]


@pytest.mark.parametrize(
    ("data", "name", "format_"),
    [
        (f"data:application/pdf;base64,{PDF}", "a.pdf", "pdf"),
        (PDF, None, "pdf"),
        (f"data:text/plain;base64,{PDF}", None, "pdf"),
        (f"data:text/csv;base64,{b64('a,b')}", None, "csv"),
        (f"data:text/html;base64,{b64('<p>')}", None, "html"),
        (f"data:text/markdown;base64,{b64('# a')}", None, "md"),
        (f"data:text/plain;base64,{b64('a')}", None, "txt"),
        (f"data:text/plain;base64,{b64('a,b')}", "x.csv", "csv"),
        (f"data:application/json;base64,{b64('{}')}", "x.json", "txt"),
        (f"data:text/x-python;base64,{b64('x=1')}", "x.py", "txt"),
        (f"data:{WORD};base64,{ZIP}", None, "docx"),
        (f"data:application/zip;base64,{ZIP}", "x.xlsx", "xlsx"),
        (ZIP, "x.docx", "docx"),
        (OLE, "x.XLS", "xls"),
        (f"data:application/msword;base64,{OLE}", None, "doc"),
        (f"data:application/octet-stream;base64,{b64('a')}", "x.md", "md"),
        (b64("plain words"), None, "txt"),
        ("data:,plain%20words", None, "txt"),
    ],
)
def test_a_document_has_one_of_the_formats(data: str, name: str | None, format_: str) -> None:
    [block] = blocks(file(data, name))

    assert block["document"]["format"] == format_


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (f"data:application/zip;base64,{ZIP}", None),
        (ZIP, "x.txt"),
        (f"data:application/x-tar;base64,{b64('x')}", "x.tar"),
    ],
)
def test_other_files_are_refused(data: str, name: str | None) -> None:
    assert refused(file(data, name)) == (
        "messages[0].content[1].file.file_data",
        "unsupported_file_type",
    )


def test_a_file_may_be_an_image_or_a_video() -> None:
    assert blocks(file(PNG, "a.bin")) == [{"image": {"format": "png", "source": {"bytes": PNG}}}]
    assert blocks(file("data:video/mp4;base64,AAAA")) == [
        {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}
    ]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("report.pdf", "report"),
        ("my_report v1.2.pdf", "my-report v1-2"),
        ("a   b.txt", "a b"),
        ("C:/x/y/[z](1).md", "[z](1)"),
        ("\u00e9t\u00e9.pdf", "t"),
        ("\u6587\u66f8.pdf", "document"),
        ("..pdf", "document"),
        ("x" * 300, "x" * 190),
        ("", "document"),
    ],
)
def test_names_are_made_of_what_names_may_hold(given: str, written: str) -> None:
    assert blocks(file(PDF, given))[0]["document"]["name"] == written


def test_names_are_unique_in_the_whole_conversation() -> None:
    content = [{"type": "text", "text": "see"}, file(PDF, "a.pdf"), file(PDF, "a.pdf"), file(PDF)]
    said = {"role": "user", "content": content}
    found = turns(said, {"role": "assistant", "content": "x"}, said)
    names = [b["document"]["name"] for t in found for b in t["content"] if "document" in b]

    assert names == ["a", "a (2)", "document", "a (3)", "a (4)", "document (2)"]


def test_a_document_is_never_alone() -> None:
    found = turns({"role": "user", "content": [file(PDF, "a.pdf")]})

    assert found[0]["content"][1:] == [{"text": "See the attached document."}]


def test_how_a_document_is_to_be_cited_goes_along() -> None:
    part = {**file(PDF, "a.pdf"), "citations": {"enabled": True}, "context": "the manual"}
    inside = file(PDF, "a.pdf", citations={"enabled": True})

    assert blocks(part)[0]["document"]["citations"] == {"enabled": True}
    assert blocks(part)[0]["document"]["context"] == "the manual"
    assert blocks(inside)[0]["document"]["citations"] == {"enabled": True}


@pytest.mark.parametrize("url", ["https://x.test/a.png", "http://x.test/a.png", "HTTPS://X.TEST/a"])
def test_web_addresses_are_named_for_fetching_and_refused_unfetched(url: str) -> None:
    content = [{"type": "text", "text": "see"}, image(url), file(url)]
    answer = {"role": "tool", "tool_call_id": "c", "content": [image(url)]}
    chat = read_chat({"model": "m", "messages": [{"role": "user", "content": content}, answer]})

    assert PROVIDER.media(chat, target()) == [
        MediaRef(url, "messages[0].content[1].image_url.url"),
        MediaRef(url, "messages[0].content[2].file.file_data"),
        MediaRef(url, "messages[1].content[0].image_url.url"),
    ]
    assert refused(image(url)) == ("messages[0].content[1].image_url.url", "invalid_image_url")
    assert refused(file(url)) == ("messages[0].content[1].file.file_data", "invalid_image_url")


def test_data_is_not_named_for_fetching() -> None:
    content = [image(f"data:image/png;base64,{PNG}"), image("s3://b-b/a.png"), file(PDF)]
    chat = read_chat({"model": "m", "messages": [{"role": "user", "content": content}]})

    assert PROVIDER.media(chat, target()) == []


def test_objects_in_s3_are_named_not_sent() -> None:
    def source(key: str) -> dict[str, Any]:
        return {"s3Location": {"uri": f"s3://my-bucket/{key}"}}

    assert blocks(image("s3://my-bucket/a.jpg")) == [
        {"image": {"format": "jpeg", "source": source("a.jpg")}}
    ]
    assert blocks(file("s3://my-bucket/x/b.pdf")) == [
        {"document": {"format": "pdf", "source": source("x/b.pdf"), "name": "document"}}
    ]
    assert blocks(file(file_id="s3://my-bucket/c.mp4")) == [
        {"video": {"format": "mp4", "source": source("c.mp4")}}
    ]
    assert refused(image("s3://my-bucket/a")) == (
        "messages[0].content[1].image_url.url",
        "unsupported_file_type",
    )
    assert refused(image("s3://B/a.png"))[0] == "messages[0].content[1].image_url.url"


@pytest.mark.parametrize("source", [KeySource.PLATFORM, KeySource.NONE])
def test_the_operators_buckets_are_not_read_for_users(source: KeySource) -> None:
    s3 = {"s3Location": {"uri": "s3://my-bucket/a.png"}}
    native = {"type": "image", "image": {"format": "png", "source": s3}}
    video = {"type": "video_url", "video_url": {"url": "s3://my-bucket/a.mp4"}}
    for part in (image("s3://my-bucket/a.png"), file("s3://my-bucket/a.pdf"), native, video):
        assert refused(part, key_source=source)[1] == "unsupported_content"


def test_sound_in_any_format_of_converses() -> None:
    def sound(format_: str, data: str = "AAAA") -> dict[str, Any]:
        return {"type": "input_audio", "input_audio": {"data": data, "format": format_}}

    assert blocks(sound("wav")) == [{"audio": {"format": "wav", "source": {"bytes": "AAAA"}}}]
    assert blocks(sound("MP3"))[0]["audio"]["format"] == "mp3"
    assert refused(sound("midi"))[0] == "messages[0].content[1].input_audio.format"
    assert refused(sound("wav", "!"))[0] == "messages[0].content[1].input_audio.data"


def test_video_as_other_servers_take_it() -> None:
    def video(url: Any) -> dict[str, Any]:
        return {"type": "video_url", "video_url": url}

    data = "data:video/webm;base64,AAAA"
    block = {"video": {"format": "webm", "source": {"bytes": "AAAA"}}}

    assert blocks(video({"url": data})) == [block]
    assert blocks(video(data)) == [block]
    assert blocks(video("s3://my-bucket/a.mov"))[0]["video"]["format"] == "mov"
    for bad in ({"url": "data:video/x-odd;base64,AAAA"}, {"url": "https://x.test/a.mp4"}, {}, None):
        assert refused(video(bad))[0] == "messages[0].content[1].video_url.url"


def test_blocks_of_converses_own_travel_as_they_are() -> None:
    document = {"format": "txt", "name": "facts", "source": {"text": "a"}}
    guard = {"text": {"text": "a", "qualifiers": ["query"]}}

    assert blocks(
        {"type": "document", "document": document},
        {"type": "guardContent", "guardContent": guard},
    ) == [{"document": document}, {"guardContent": guard}]


@pytest.mark.parametrize(
    "part",
    [{"type": "toolUse", "toolUse": {}}, {"type": "hologram"}, {"type": "image", "image": 1}],
)
def test_unknown_parts_are_refused_by_their_place(part: dict[str, Any]) -> None:
    assert refused(part) == ("messages[0].content[1].type", "unsupported_content")


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (image("data:image/bmp;base64,Qk0="), "image_url.url"),
        (image("data:image/png"), "image_url.url"),
        (image("data:image/png;base64,"), "image_url.url"),
        (image("not base64!"), "image_url.url"),
        (file(file_id="file-1"), "file"),
        (file("not base64!"), "file.file_data"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(part: dict[str, Any], param: str) -> None:
    assert refused(part)[0] == f"messages[0].content[1].{param}"
