"""Anthropic: images and documents."""

import base64
from typing import Any

import pytest

from gateway.errors import InvalidRequest
from tests.providers.anthropic_scene import turns

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(23)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(range(250))).decode()
PDF = base64.b64encode(b"%PDF-1.7 ...").decode()


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **more}


def file(**members: Any) -> dict[str, Any]:
    return {"type": "file", "file": members}


def block(part: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = turns({"role": "user", "content": [part]})[0]["content"][0]
    return found


def base64_block(kind: str, media_type: str, data: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


@pytest.mark.parametrize(
    "uri",
    [
        f"data:image/png;base64,{PNG}",
        f"DATA:image/PNG;charset=utf-8;name=a.png;base64,{PNG}",
        f"data:image/jpeg;base64,{PNG}",  # mislabelled: the bytes decide
        f"data:;base64,{PNG}",
        f"data:application/octet-stream;base64,{PNG.rstrip('=')}",
        f"data:image/png;base64,{PNG[:8]}\n{PNG[8:]} ",
        "data:image/png,%89PNG%0D%0A%1A%0A" + "%00" * 23,
        f"data:image/png;base64,{PNG.replace('=', '%3D')}",
    ],
)
def test_a_data_uri_is_read_in_any_spelling_and_sent_in_one(uri: str) -> None:
    assert block(image(uri)) == base64_block("image", "image/png", PNG)


def test_url_safe_base64_is_rewritten() -> None:
    odd = JPEG.replace("+", "-").replace("/", "_").rstrip("=")
    assert odd != JPEG

    assert block(image(f"data:image/jpg;base64,{odd}")) == base64_block("image", "image/jpeg", JPEG)


@pytest.mark.parametrize(
    ("magic", "media_type"),
    [
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\xff\xd8\xff\xdb", "image/jpeg"),
    ],
)
def test_magic_bytes_name_the_type(magic: bytes, media_type: str) -> None:
    data = base64.b64encode(magic + bytes(30)).decode()

    assert block(image(f"data:image/png;base64,{data}")) == base64_block("image", media_type, data)


def test_unknown_bytes_keep_a_label_that_anthropic_takes() -> None:
    data = base64.b64encode(b"who knows").decode()

    assert block(image(f"data:image/jpg;base64,{data}")) == base64_block(
        "image", "image/jpeg", data
    )


def test_an_https_url_is_passed_on_unread() -> None:
    url = "https://x.example/a.svg?sig=1%2F2"

    assert block(image(url)) == {"type": "image", "source": {"type": "url", "url": url}}


def test_a_pdf_sent_as_an_image_is_a_document() -> None:
    uri = f"data:application/pdf;base64,{PDF}"

    assert block(image(uri)) == base64_block("document", "application/pdf", PDF)


def test_a_part_keeps_its_marker() -> None:
    marked = image("https://x.example/a.png", cache_control={"type": "ephemeral", "ttl": "5m"})

    assert block(marked)["cache_control"] == {"type": "ephemeral", "ttl": "5m"}


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example/a.png",
        "ftp://x.example/a.png",
        "file:///etc/passwd",
        "a.png",
        "data:image/png;base64,",
        "data:image/png;base64,@@@",
        "data:image/png;base64,abcde",
        "data:nothing",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "data:text/plain,hello",
    ],
)
def test_what_anthropic_cannot_see_is_refused_by_its_place(url: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        turns({"role": "user", "content": [{"type": "text", "text": "x"}, image(url)]})

    assert refusal.value.param == "messages[0].content[1].image_url.url"
    assert url[8:] not in refusal.value.message or len(url) < 10


def test_a_pdf_becomes_a_document_with_its_name() -> None:
    sent = file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf")

    assert block(sent) == {**base64_block("document", "application/pdf", PDF), "title": "a.pdf"}
    assert block(file(file_data=PDF)) == base64_block("document", "application/pdf", PDF)


@pytest.mark.parametrize(
    "data",
    [
        "data:text/plain;base64," + base64.b64encode("grüß".encode()).decode(),
        "data:text/markdown;charset=utf-8,gr%C3%BC%C3%9F",
        "data:application/json;base64," + base64.b64encode("\ufeffgrüß".encode()).decode(),
        base64.b64encode("grüß".encode()).decode(),
    ],
)
def test_text_files_become_text_documents(data: str) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "grüß"}

    assert block(file(file_data=data)) == {"type": "document", "source": source}


def test_a_file_may_be_an_image_or_a_url() -> None:
    assert block(file(file_data=f"data:image/png;base64,{PNG}", filename="a.png")) == base64_block(
        "image", "image/png", PNG
    )
    source = {"type": "url", "url": "https://x.example/a.pdf"}
    assert block(file(file_data="https://x.example/a.pdf")) == {
        "type": "document",
        "source": source,
    }


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"file_id": "file_1"}, "document"),
        ({"file_id": "file_1", "format": "application/pdf"}, "document"),
        ({"file_id": "file_1", "format": "image/png"}, "image"),
    ],
)
def test_an_uploaded_file_goes_by_its_id(members: dict[str, str], kind: str) -> None:
    assert block(file(**members)) == {"type": kind, "source": {"type": "file", "file_id": "file_1"}}


@pytest.mark.parametrize(
    ("part", "where"),
    [
        (file(file_data="data:application/zip;base64,UEsDBA=="), "file.file_data"),
        (file(file_data=base64.b64encode(b"\xff\xfe\xfa").decode()), "file.file_data"),
        (file(file_data="http://x.example/a.pdf"), "file.file_data"),
        (file(filename="a.pdf"), "file"),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, "input_audio"),
        ({"type": "hologram"}, "type"),
    ],
)
def test_other_content_is_refused_by_its_place(part: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        turns({"role": "user", "content": [part]})

    assert refusal.value.param == f"messages[0].content[0].{where}"
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "part",
    [
        {"type": "container_upload", "file_id": "file_1"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "x"},
            "citations": {"enabled": True},
        },
        {"type": "search_result", "source": "https://x.example", "title": "t", "content": []},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ],
)
def test_anthropics_own_blocks_go_through_as_they_are(part: dict[str, Any]) -> None:
    assert block(part) == part
