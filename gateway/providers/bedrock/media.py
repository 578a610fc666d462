"""Images, documents, audio and video: what clients send as URLs and data, in Converse's blocks.

Converse takes bytes, and for some models an object in S3; never a URL. Formats are the service
model's (botocore 1.44.5). The magic bytes decide over every label.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.media import Media, canonical_base64, read_data_uri

Block = dict[str, Any]

S3 = "s3://"
_HEAD = 24  # base64 characters that hold every magic number below
_S3_URI = re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?")
_IMAGES: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_DOCUMENTS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
    "text/x-markdown": "md",
}
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml"})
_VIDEOS: Mapping[str, str] = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_AUDIOS = frozenset(
    {
        "aac", "flac", "m4a", "mka", "mkv", "mp3", "mp4", "mpeg", "mpga", "ogg", "opus", "pcm",
        "wav", "webm", "x-aac",
    }
)  # fmt: skip
_EXTENSIONS: Mapping[str, str] = {"jpg": "jpeg", "htm": "html", "text": "txt", "3gp": "three_gp"}
_DOCUMENT_FORMATS = frozenset({*_DOCUMENTS.values(), "txt"})
_ZIP, _OLE = "application/zip", "application/x-ole-storage"
_OFFICE: Mapping[str, tuple[str, ...]] = {_ZIP: ("docx", "xlsx"), _OLE: ("doc", "xls")}
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream"})


def is_web_url(text: str) -> bool:
    """Whether this is an http(s) URL, whose content has to be fetched first."""
    return text[:8].lower().startswith(("http://", "https://"))


def image_block(url: str, param: str) -> Block:
    """Return the block of an image part: `image`, or `document` where the bytes are a PDF.

    Raises InvalidRequest naming `param` for what cannot be sent.
    """
    if url.startswith(S3):
        format_ = _extension(url)
        if format_ not in _IMAGES.values():
            raise _unsupported(
                "An s3:// image needs a name that ends in .png, .jpg, .gif or .webp", param
            )
        return {"image": {"format": format_, "source": _s3(url, param)}}
    media = _inline(url, param)
    kind = _sniff(media) or media.media_type
    if kind in _IMAGES:
        return {"image": {"format": _IMAGES[kind], "source": {"bytes": media.data}}}
    if kind == "application/pdf":
        return {"document": {"format": "pdf", "source": {"bytes": media.data}}}
    raise InvalidRequest(
        f"Images of type '{kind[:64]}' are not supported: send JPEG, PNG, GIF or WebP.",
        param=param,
        code="invalid_image_format",
    )


def file_block(data: str, filename: str | None, param: str) -> Block:
    """Return the block of a file: `document` (without its name yet), `image` or `video`.

    Raises InvalidRequest naming `param` for what cannot be sent.
    """
    if data.startswith(S3):
        return _s3_file(data, param)
    media = _inline(data, param)
    kind = _sniff(media) or media.media_type
    if kind in _IMAGES:
        return {"image": {"format": _IMAGES[kind], "source": {"bytes": media.data}}}
    if kind in _VIDEOS:
        return {"video": {"format": _VIDEOS[kind], "source": {"bytes": media.data}}}
    format_ = _document_format(kind, filename)
    if format_ is None:
        raise _unsupported(f"Files of type '{kind[:64]}' are not supported", param)
    return {"document": {"format": format_, "source": {"bytes": media.data}}}


def video_block(url: str, param: str) -> Block:
    """Return the block of a video (`video_url` parts): a data URI or an S3 object."""
    if url.startswith(S3):
        format_ = _extension(url)
        source: Mapping[str, Any] = _s3(url, param)
    else:
        media = _inline(url, param)
        format_ = _VIDEOS.get(media.media_type, "")
        source = {"bytes": media.data}
    if format_ not in _VIDEOS.values() and format_ != "mpg":
        raise _unsupported("Videos of this type are not supported", param)
    return {"video": {"format": format_, "source": source}}


def audio_block(data: str, format_: str, param: str) -> Block:
    """Return the block of input audio: base64 in one of the formats."""
    format_ = format_.lower()
    if format_ not in _AUDIOS:
        raise _unsupported(f"Audio of format '{format_[:32]}' is not supported", f"{param}.format")
    source = {"bytes": canonical_base64(data, f"{param}.data")}
    return {"audio": {"format": format_, "source": source}}


def _inline(data: str, param: str) -> Media:
    if data[:5].lower() == "data:":
        return read_data_uri(data, param)
    if "://" in data[:16]:
        raise InvalidRequest(
            "Amazon Bedrock does not fetch URLs. Send the data itself as a data: URI.",
            param=param,
            code="invalid_image_url",
        )
    return Media("", canonical_base64(data, param))


def _s3(uri: str, param: str) -> Block:
    if _S3_URI.fullmatch(uri) is None or len(uri) > 1024:
        raise InvalidRequest("Malformed s3:// address.", param=param)
    return {"s3Location": {"uri": uri}}


def _s3_file(uri: str, param: str) -> Block:
    format_ = _extension(uri)
    if format_ in _IMAGES.values():
        return {"image": {"format": format_, "source": _s3(uri, param)}}
    if format_ in _VIDEOS.values():
        return {"video": {"format": format_, "source": _s3(uri, param)}}
    if format_ in _DOCUMENT_FORMATS:
        return {"document": {"format": format_, "source": _s3(uri, param)}}
    raise _unsupported("The name of the s3:// object ends in no known file type", param)


def _document_format(kind: str, filename: str | None) -> str | None:
    """Return the format by the label, then by the file's name; other text is plain text."""
    by_name = _extension(filename or "")
    if kind in _DOCUMENTS:
        return _DOCUMENTS[kind]
    if kind in _OFFICE:
        return by_name if by_name in _OFFICE[kind] else None
    if kind in _VAGUE and by_name in _DOCUMENT_FORMATS:
        return by_name
    if kind.startswith("text/"):
        return by_name if by_name in ("csv", "html", "md") else "txt"
    return "txt" if kind in _TEXTS or not kind else None


def _extension(name: str) -> str:
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return _EXTENSIONS.get(extension, extension)


def _unsupported(what: str, param: str) -> InvalidRequest:
    return InvalidRequest(f"{what}.", param=param, code="unsupported_file_type")


_MAGIC: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head.startswith(b"\x89PNG"), "image/png"),
    (lambda head: head.startswith(b"\xff\xd8\xff"), "image/jpeg"),
    (lambda head: head.startswith(b"GIF8"), "image/gif"),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", "image/webp"),
    (lambda head: head.startswith(b"%PDF"), "application/pdf"),
)
_CONTAINERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", _ZIP),
    (b"\xd0\xcf\x11\xe0", _OLE),
)


def _sniff(media: Media) -> str | None:
    """Tell a type by its first bytes; of an office file only that it is one, so a label stays."""
    head = base64.b64decode(media.data[:_HEAD])
    sure = next((kind for matches, kind in _MAGIC if matches(head)), None)
    if sure is not None or media.media_type in _DOCUMENTS:
        return sure
    return next((kind for magic, kind in _CONTAINERS if head.startswith(magic)), None)
