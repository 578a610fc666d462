"""Images, documents, audio and video: what clients send as URLs and data, as Google's parts.

Bytes go inline. A URL goes by reference where the API fetches it itself: both take YouTube; the
Developer API its own Files API and, from 2.5 on, public https addresses; Vertex takes https and
`gs://` (ai.google.dev "File input methods", Vertex "Inference" reference, 2026-11; both recorded).
"""

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.anthropic.media import canonical_base64, read_data_uri
from gateway.providers.google.plan import Plan

Part = dict[str, Any]

_FILES_API = re.compile(r"https://generativelanguage\.googleapis\.com/v1[a-z0-9]*/files/[\w-]+")
_FILE_NAME = re.compile(r"files/[a-z0-9-]{1,64}")
_HOST = re.compile(r"^https?://", re.IGNORECASE)
_YOUTUBE = frozenset({"youtu.be", "youtube.com", "www.youtube.com", "m.youtube.com"})
_AUDIO: Mapping[str, str] = {"mp3": "audio/mp3", "wav": "audio/wav", "pcm16": "audio/pcm"}
_BY_SUFFIX: Mapping[str, str] = {
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".aiff": "audio/aiff",
    ".avi": "video/avi",
    ".bmp": "image/bmp",
    ".css": "text/css",
    ".csv": "text/csv",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".htm": "text/html",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpg",
    ".ogg": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".rtf": "text/rtf",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".wmv": "video/wmv",
    ".xml": "text/xml",
}
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain"})
_HEAD = 24  # base64 characters that hold every magic number below
_MAGIC: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head.startswith(b"\x89PNG"), "image/png"),
    (lambda head: head.startswith(b"\xff\xd8\xff"), "image/jpeg"),
    (lambda head: head.startswith(b"GIF8"), "image/gif"),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", "image/webp"),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WAVE", "audio/wav"),
    (lambda head: head.startswith(b"%PDF"), "application/pdf"),
    (lambda head: head.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3")), "audio/mpeg"),
    (lambda head: head.startswith(b"fLaC"), "audio/flac"),
    (lambda head: head.startswith(b"OggS"), "audio/ogg"),
    (lambda head: head.startswith(b"\x1aE\xdf\xa3"), "video/webm"),
    (lambda head: head[4:11] in (b"ftypqt ",), "video/quicktime"),
    (lambda head: head[4:11] == b"ftypM4A", "audio/mp4"),
    (lambda head: head[4:8] == b"ftyp", "video/mp4"),
)


def must_fetch(url: str, plan: Plan) -> bool:
    """Whether the gateway has to fetch a URL because this API would not."""
    if not url.lower().startswith(("http://", "https://")) or plan.vertex:
        return False
    return not _fetches_itself(url, plan)


def media_part(source: str, plan: Plan, param: str, hint: str | None = None) -> Part:
    """Write a URL, a data URI or bare base64 as a part; `hint` is the media type if it is known.

    Raises InvalidRequest naming `param` for what this API cannot take.
    """
    if source[:5].lower() == "data:":
        media = read_data_uri(source, param)
        kind = media.media_type
        if kind in _VAGUE:
            kind = hint or _sniffed(media.data) or kind
        return _inline(kind, media.data)
    if "://" in source[:16]:
        return {"fileData": _reference(source, plan, param, hint)}
    data = canonical_base64(source, param)
    return _inline(_sniffed(data) or hint or "text/plain", data)


def uploaded_part(file_id: str, plan: Plan, param: str, hint: str | None) -> Part:
    """Write a file that lies at Google: a Files API name or address, or a `gs://` object.

    Raises InvalidRequest naming `param` for an id of another vendor.
    """
    if _FILE_NAME.fullmatch(file_id) and not plan.vertex:
        file_id = f"https://generativelanguage.googleapis.com/v1beta/{file_id}"
    if "://" not in file_id[:16]:
        raise InvalidRequest(
            "This file id is not one of Google's. Give the address of a file uploaded to its "
            "Files API, a gs:// address (Vertex), or the data itself.",
            param=param,
            code="unsupported_content",
        )
    return {"fileData": _reference(file_id, plan, param, hint)}


def audio_part(data: str, audio_format: str, param: str) -> Part:
    """Write input audio. Raises InvalidRequest naming `param` where it is no base64."""
    if data[:5].lower() == "data:":
        data = read_data_uri(data, param).data
    kind = _AUDIO.get(audio_format.lower(), f"audio/{audio_format.lower()}")
    return _inline(kind, canonical_base64(data, param))


def type_by_name(name: str | None) -> str | None:
    """Return the media type that a file's name or address ends in."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.lower()) if name else None


def _reference(url: str, plan: Plan, param: str, hint: str | None) -> Part:
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https", "gs") or (scheme == "gs" and not plan.vertex):
        raise InvalidRequest(
            f"This API takes no {scheme[:16]}:// addresses. Send an https URL, or the data itself "
            "as a data: URI.",
            param=param,
            code="invalid_image_url",
        )
    if must_fetch(url, plan):
        raise InvalidRequest(
            "This model does not fetch addresses. Send a file uploaded to Google's Files API, or "
            "the data itself as a data: URI.",
            param=param,
            code="invalid_image_url",
        )
    kind = hint or type_by_name(url.partition("?")[0].partition("#")[0])
    if _is_youtube(url):
        kind = "video/mp4" if plan.vertex else None
    elif kind is None and not _FILES_API.match(url):
        kind = "image/jpeg" if "image_url" in param else "application/pdf"
    return {"fileUri": url, "mimeType": kind} if kind else {"fileUri": url}


def _fetches_itself(url: str, plan: Plan) -> bool:
    if _FILES_API.match(url) or _is_youtube(url):
        return True
    return plan.generation.fetches and url.lower().startswith("https://")


def _is_youtube(url: str) -> bool:
    return _HOST.sub("", url).partition("/")[0].partition("?")[0].lower() in _YOUTUBE


def _inline(kind: str, data: str) -> Part:
    return {"inlineData": {"mimeType": kind, "data": data}}


def _sniffed(data: str) -> str | None:
    """Tell a type by its first bytes; `data` is canonical base64."""
    head = base64.b64decode(data[:_HEAD])
    return next((kind for matches, kind in _MAGIC if matches(head)), None)
