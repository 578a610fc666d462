"""Media in a request: what bytes are, and putting fetched ones in the place of their URLs. Pure."""

import base64
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from gateway.types.chat import ChatRequest, File, Image, Message, Part

SNIFF_BYTES = 16
"""How many bytes from the start `sniff` looks at."""


def sniff(data: bytes) -> str | None:
    """Return the media type that bytes show by their first few, None for those we do not know.

    PNG, JPEG, GIF, WebP, PDF, WAV and MP3. What a server or a client calls them has no say.
    """
    head = data[:SNIFF_BYTES]
    return next((kind for matches, kind in _MAGIC if matches(head)), None)


def data_uri(media_type: str, data: bytes) -> str:
    """Return bytes as a data URI in canonical base64."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def replace_media(chat: ChatRequest, fetched: Mapping[str, str]) -> ChatRequest:
    """Return the request with data URIs in the place of the URLs they were fetched from.

    `fetched` maps a URL, exactly as it stands in the request, to its data URI. It is replaced in
    every picture and file that names it, in whosever message.
    """
    if not fetched:
        return chat
    return replace(chat, messages=tuple(_in_message(m, fetched) for m in chat.messages))


def _in_message(message: Message, fetched: Mapping[str, str]) -> Message:
    if not isinstance(message.content, tuple):
        return message
    return replace(message, content=tuple(_in_part(part, fetched) for part in message.content))


def _in_part(part: Part, fetched: Mapping[str, str]) -> Part:
    match part:
        case Image(url=url) if _is_url(url) and url in fetched:
            return replace(part, url=fetched[url])
        case File(data=str(data)) if _is_url(data) and data in fetched:
            return replace(part, data=fetched[data])
        case _:
            return part


def _is_url(text: str) -> bool:
    """Spare inline media, megabytes of it, from being hashed for the look-up."""
    return "://" in text[:16]


def _is_mp3(head: bytes) -> bool:
    """Tell an ID3 tag, or the header of an MPEG frame of layer III (ISO 11172-3, 2.4.1.3)."""
    if head.startswith(b"ID3"):
        return True
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and 0 < bitrate < 15 and rate != 3


def _is_riff(head: bytes, form: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == form


_MAGIC: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head.startswith(b"\x89PNG"), "image/png"),
    (lambda head: head.startswith(b"\xff\xd8\xff"), "image/jpeg"),
    (lambda head: head.startswith(b"GIF8"), "image/gif"),
    (lambda head: _is_riff(head, b"WEBP"), "image/webp"),
    (lambda head: head.startswith(b"%PDF"), "application/pdf"),
    (lambda head: _is_riff(head, b"WAVE"), "audio/wav"),
    (_is_mp3, "audio/mpeg"),
)
