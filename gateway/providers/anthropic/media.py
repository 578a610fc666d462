"""Images and documents: what clients send as URLs and data URIs, in Anthropic's source objects.

Anthropic takes JPEG, PNG, GIF and WebP images and PDF or plain text documents (Messages API
reference, 2026-11), and refuses data whose media type is not the one named, so the magic bytes
decide over every label.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from gateway.errors import InvalidRequest

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/yaml"})
_SYNONYMS: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": _PDF,
}
_CANONICAL = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_WHITESPACE = re.compile(r"\s+")
_URL_SAFE = str.maketrans("-_", "+/")
_DATA_URI_HEAD = 512  # characters: the comma of any honest data URI comes before this


class Media(Struct, frozen=True):
    """Inline bytes: canonical base64 in `data`, and the media type that the bytes show."""

    media_type: str
    data: str


def image_source(url: str, param: str) -> dict[str, Any]:
    """Return the block of an image part: `image`, or `document` where the bytes are a PDF.

    Raises InvalidRequest naming `param` for what Anthropic cannot take.
    """
    if url[:5].lower() == "data:":
        media = read_data_uri(url, param)
        if media.media_type in _IMAGE_TYPES or media.media_type == _PDF:
            return _inline(media)
        raise InvalidRequest(
            f"Images of type '{media.media_type}' are not supported: send JPEG, PNG, GIF or WebP.",
            param=param,
            code="invalid_image_format",
        )
    return {"type": "image", "source": {"type": "url", "url": _https(url, param)}}


def document_source(data: str, param: str) -> dict[str, Any]:
    """Return the block of a file's data: a data URI, bare base64, or an https URL.

    Raises InvalidRequest naming `param` for what Anthropic cannot take.
    """
    if "://" in data[:8]:
        return {"type": "document", "source": {"type": "url", "url": _https(data, param)}}
    if data[:5].lower() == "data:":
        media = read_data_uri(data, param)
    else:
        content = canonical_base64(data, param)
        media = Media(_sniff(content) or "text/plain", content)
    if media.media_type in _IMAGE_TYPES or media.media_type == _PDF:
        return _inline(media)
    if media.media_type.startswith("text/") or media.media_type in _TEXT_TYPES:
        return _text_document(media, param)
    raise InvalidRequest(
        f"Files of type '{media.media_type}' are not supported: send a PDF, plain text or an image.",
        param=param,
        code="unsupported_file_type",
    )


def read_data_uri(uri: str, param: str) -> Media:
    """Read a data URI, tolerantly: parameters, percent-encoding, URL-safe or unpadded base64.

    Raises InvalidRequest naming `param` where it is none.
    """
    comma = uri.find(",", 0, _DATA_URI_HEAD)
    if comma < 0:
        raise InvalidRequest("Malformed data URI: it has no ','.", param=param)
    label, *parameters = (piece.strip().lower() for piece in uri[5:comma].split(";"))
    payload = uri[comma + 1 :]
    if "base64" in parameters:
        data = canonical_base64(payload, param)
    else:
        data = base64.b64encode(unquote_to_bytes(payload)).decode("ascii")
    if not data:
        raise InvalidRequest("The data URI holds no data.", param=param)
    return Media(_sniff(data) or _SYNONYMS.get(label, label) or "text/plain", data)


def canonical_base64(text: str, param: str) -> str:
    """Return base64 in its standard alphabet, padded, without whitespace.

    Raises InvalidRequest naming `param` where the text is no base64.
    """
    if len(text) % 4 == 0 and _CANONICAL.fullmatch(text):
        return text
    if "%" in text:
        text = unquote_to_bytes(text).decode("latin-1")
    text = _WHITESPACE.sub("", text).translate(_URL_SAFE).rstrip("=")
    if not text or len(text) % 4 == 1 or not _CANONICAL.fullmatch(text):
        raise InvalidRequest("The data is not valid base64.", param=param)
    return text + "=" * (-len(text) % 4)


def _inline(media: Media) -> dict[str, Any]:
    kind = "document" if media.media_type == _PDF else "image"
    source = {"type": "base64", "media_type": media.media_type, "data": media.data}
    return {"type": kind, "source": source}


def _text_document(media: Media, param: str) -> dict[str, Any]:
    try:
        text = base64.b64decode(media.data).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest("The text file is not valid UTF-8.", param=param) from None
    source = {"type": "text", "media_type": "text/plain", "data": text.removeprefix("\ufeff")}
    return {"type": "document", "source": source}


def _https(url: str, param: str) -> str:
    if url[:8].lower() == "https://":
        return url
    scheme = url.partition(":")[0][:16] if ":" in url[:16] else "no"
    raise InvalidRequest(
        f"Anthropic fetches https:// URLs only, and this one is {scheme}://. "
        "Send an https URL, or the data itself as a data: URI.",
        param=param,
        code="invalid_image_url",
    )


_MAGIC: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head.startswith(b"\x89PNG"), "image/png"),
    (lambda head: head.startswith(b"\xff\xd8\xff"), "image/jpeg"),
    (lambda head: head.startswith(b"GIF8"), "image/gif"),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", "image/webp"),
    (lambda head: head.startswith(b"%PDF"), _PDF),
)


def _sniff(data: str) -> str | None:
    """Tell a type by its first bytes; `data` is canonical base64."""
    head = base64.b64decode(data[:24])
    return next((kind for matches, kind in _MAGIC if matches(head)), None)
