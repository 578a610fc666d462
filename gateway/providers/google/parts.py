"""Content parts of a message, written as Google's parts.

A part is a dict ready for JSON. Cache markers are left out: Google caches by itself.
"""

from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.google.media import (
    Part,
    audio_part,
    media_part,
    type_by_name,
    uploaded_part,
)
from gateway.providers.google.plan import Plan
from gateway.types.chat import (
    Audio,
    Extra,
    File,
    Image,
    Message,
    Part as ChatPart,
    Refusal,
    Text,
    UnknownPart,
)

_BY_URL = ("video_url", "audio_url")  # parts of other tools: `{"type": …, "video_url": {"url"}}`


def input_parts(message: Message, index: int, plan: Plan) -> list[Part]:
    """Write the content of a user or tool message; `index` is its place in the request.

    Raises InvalidRequest naming the part that Google cannot take.
    """
    return [
        _input_part(part, f"messages[{index}].content[{place}]", plan)
        for place, part in enumerate(message.parts)
    ]


def texts(message: Message, index: int) -> list[str]:
    """Return the content of a system or assistant message, which can only be text.

    Raises InvalidRequest naming the part that is no text.
    """
    found: list[str] = []
    for place, part in enumerate(message.parts):
        if not isinstance(part, Text | Refusal):
            raise InvalidRequest(
                f"A message of role '{message.role}' can hold only text for this model.",
                param=f"messages[{index}].content[{place}].type",
            )
        found.append(part.text)
    return found


def _input_part(part: ChatPart, where: str, plan: Plan) -> Part:
    match part:
        case Text() | Refusal():
            return {"text": part.text}
        case Image():
            inner = _inner(part.extra, "image_url")
            written = media_part(part.url, plan, f"{where}.image_url.url", _hint(inner))
            return _with_metadata(written, inner)
        case File():
            return _file(part, f"{where}.file", plan)
        case Audio():
            return audio_part(part.data, part.format, f"{where}.input_audio.data")
        case UnknownPart():
            return _by_url(part.raw, where, plan)


def _file(part: File, where: str, plan: Plan) -> Part:
    inner = _inner(part.extra, "file")
    hint = _hint(inner) or type_by_name(part.filename)
    if part.file_id is not None:
        written = uploaded_part(part.file_id, plan, f"{where}.file_id", hint)
    elif part.data:
        written = media_part(part.data, plan, f"{where}.file_data", hint)
    else:
        raise InvalidRequest("A file needs 'file_data' or 'file_id'.", param=where)
    return _with_metadata(written, inner)


def _by_url(raw: Mapping[str, Any], where: str, plan: Plan) -> Part:
    kind = raw.get("type")
    inner = raw.get(kind) if kind in _BY_URL else None
    url = inner.get("url") if isinstance(inner, Mapping) else inner
    if not isinstance(url, str) or not url:
        raise InvalidRequest(
            "Content of this type is not supported by the model that would answer.",
            param=f"{where}.type",
            code="unsupported_content",
        )
    named = inner if isinstance(inner, Mapping) else {}
    usual = "video/mp4" if kind == "video_url" else "audio/mpeg"
    hint = _hint(named) or type_by_name(url.partition("?")[0]) or usual
    return _with_metadata(media_part(url, plan, f"{where}.{kind}.url", hint), named)


def _inner(extra: Extra, name: str) -> Mapping[str, Any]:
    """Return the members of a part's inner object that OpenAI does not know."""
    inner = extra.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _hint(inner: Mapping[str, Any]) -> str | None:
    """Return the media type a client names, as LiteLLM's do (`format`) or Google's (`mime_type`)."""
    for name in ("format", "mime_type", "mimeType"):
        named = inner.get(name)
        if isinstance(named, str) and "/" in named:
            return named
    return None


def _with_metadata(part: Part, inner: Mapping[str, Any]) -> Part:
    """Add Google's own `video_metadata` (which seconds, how many frames)."""
    metadata = inner.get("video_metadata")
    return {**part, "videoMetadata": metadata} if isinstance(metadata, Mapping) else part
