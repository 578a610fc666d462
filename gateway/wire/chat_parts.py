"""Reads the content of a message: a string, or an array of typed parts.

Members of a part that we do not know go to its `extra` under their own name; members of the object
inside it (`image_url`, `input_audio`, `file`) under the name of that object.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.types.chat import (
    Audio,
    CacheMarker,
    Extra,
    File,
    Image,
    Part,
    Refusal,
    Text,
    UnknownPart,
)
from gateway.types.json import JsonObject
from gateway.wire.fields import (
    at,
    fail,
    fail_missing,
    fail_type,
    read_name,
    read_object,
    read_rest,
    read_string,
)

MAX_PARTS = 10_000

_TEXT = frozenset({"type", "text", "cache_control"})
_IMAGE = frozenset({"type", "image_url", "cache_control"})
_IMAGE_URL = frozenset({"url", "detail"})
_AUDIO = frozenset({"type", "input_audio", "cache_control"})
_INPUT_AUDIO = frozenset({"data", "format"})
_FILE = frozenset({"type", "file", "cache_control"})
_FILE_OBJECT = frozenset({"file_data", "file_id", "filename"})
_REFUSAL = frozenset({"type", "refusal"})


def read_content(node: JsonObject, path: str) -> str | tuple[Part, ...] | None:
    """Return a message's content as the client spelled it; None for null and absent."""
    content = node.get("content")
    if content is None or isinstance(content, str):
        return content
    here = at(path, "content")
    if not isinstance(content, list):
        fail_type(here, "a string or an array of content parts", content)
    if len(content) > MAX_PARTS:
        fail(here, f"'{here}' has more than {MAX_PARTS} parts.", "array_too_long")
    return tuple(_read_part(part, f"{here}[{n}]") for n, part in enumerate(content))


def read_cache(node: Mapping[str, Any], path: str) -> CacheMarker | None:
    """Return the cache marker of a message, part or tool (`cache_control`)."""
    if node.get("cache_control") is None:
        return None
    marker = read_object(node, "cache_control", path) or {}
    here = at(path, "cache_control")
    if marker.get("type", "ephemeral") != "ephemeral":
        fail(at(here, "type"), f"'{here}.type' must be 'ephemeral'.")
    return CacheMarker(read_name(marker, "ttl", here, most=16))


def _read_part(part: Any, path: str) -> Part:
    if not isinstance(part, dict):
        fail_type(path, 'an object such as {"type": "text", "text": …}', part)
    kind = read_name(part, "type", path, most=64)
    if kind is None:
        fail_missing(at(path, "type"), "Say what the part is: 'text', 'image_url', ….")
    read = _READERS.get(kind)
    return UnknownPart(part) if read is None else read(part, path)


def _read_text(part: JsonObject, path: str) -> Text:
    text = read_string(part, "text", path)
    if text is None:
        fail_missing(at(path, "text"), "A text part needs its text.")
    return Text(text, read_cache(part, path), read_rest(part, _TEXT, path))


def _read_image(part: JsonObject, path: str) -> Image:
    here = at(path, "image_url")
    node = part.get("image_url")
    if isinstance(node, str):  # Mistral's shorthand, sent by its clients
        node = {"url": node}
    if not isinstance(node, dict):
        fail_type(here, "an object with a 'url'", node)
    url = read_string(node, "url", here)
    if not url:
        fail_missing(at(here, "url"), "Give an https URL or a data URI.")
    return Image(
        url,
        read_name(node, "detail", here, most=64),
        read_cache(part, path),
        _nested(part, _IMAGE, "image_url", node, _IMAGE_URL, path),
    )


def _read_audio(part: JsonObject, path: str) -> Audio:
    here = at(path, "input_audio")
    node = read_object(part, "input_audio", path)
    if node is None:
        fail_missing(here, "Give an object with base64 'data' and its 'format'.")
    data = read_string(node, "data", here)
    if not data:
        fail_missing(at(here, "data"), "Give the audio as base64.")
    audio_format = read_name(node, "format", here, most=64)
    if not audio_format:
        fail_missing(at(here, "format"), "Name the format of the audio, such as 'wav' or 'mp3'.")
    return Audio(
        data,
        audio_format,
        read_cache(part, path),
        _nested(part, _AUDIO, "input_audio", node, _INPUT_AUDIO, path),
    )


def _read_file(part: JsonObject, path: str) -> File:
    here = at(path, "file")
    node = read_object(part, "file", path)
    if not node:
        fail_missing(here, "Give an object with 'file_data' or 'file_id'.")
    return File(
        read_string(node, "file_data", here),
        read_name(node, "file_id", here, most=1024),
        read_name(node, "filename", here, most=1024),
        read_cache(part, path),
        _nested(part, _FILE, "file", node, _FILE_OBJECT, path),
    )


def _read_refusal(part: JsonObject, path: str) -> Refusal:
    text = read_string(part, "refusal", path)
    if text is None:
        fail_missing(at(path, "refusal"), "A refusal part needs its text.")
    return Refusal(text, read_rest(part, _REFUSAL, path))


def _nested(
    part: JsonObject,
    known: frozenset[str],
    name: str,
    node: JsonObject,
    known_inside: frozenset[str],
    path: str,
) -> Extra:
    outer = read_rest(part, known, path)
    inner = read_rest(node, known_inside, at(path, name))
    if not inner:
        return outer
    return {**outer, name: inner}


_READERS: Mapping[str, Callable[[JsonObject, str], Part]] = {
    "text": _read_text,
    "image_url": _read_image,
    "input_audio": _read_audio,
    "file": _read_file,
    "refusal": _read_refusal,
}
