"""The parts of a content: text, media, calls and their responses."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.sandbox.formats.google.refusals import refuse, refuse_field
from gateway.sandbox.formats.google.signatures import TEXT, call_subject, is_signed
from gateway.sandbox.media import sniff_type
from gateway.sandbox.prompt import Media

CheckSignature = Callable[[str, bytes], bool]
"""Tells whether a signature was issued for a subject; a test of recorded requests cannot know."""

_IMAGES = ("image/png", "image/jpeg", "image/webp")
_TYPES = (
    *_IMAGES, "image/heic", "image/heif", "application/pdf", "application/json",
    "application/x-javascript", "application/rtf", "text/", "audio/", "video/",
)  # fmt: skip
_PLACES = ("https://", "http://")


class Part(Struct, frozen=True):
    """One part as the model sees it. `kind`: text, thought, media, call, response, other.

    `text` is what is counted; `name` and `id` are a call's or a response's.
    """

    kind: str
    text: str = ""
    media: tuple[Media, ...] = ()
    name: str = ""
    id: str = ""
    is_signed: bool = False


class PartReader(Struct, frozen=True):
    """Reads parts the way one surface takes them. `buckets`: `gs://` addresses are taken."""

    buckets: bool
    check_signature: CheckSignature = is_signed

    def read(self, raw: Mapping[str, Any] | None, path: str) -> Part:
        """Return a part. `path` names it in complaints. Raises Refused."""
        raw = raw or {}
        part = self._read_data(raw, path)
        signature = raw.get("thought_signature")
        if signature is None:
            return part
        is_call = part.kind == "call"
        subject = call_subject(part.name, raw["function_call"].get("args", {})) if is_call else TEXT
        if part.kind in ("call", "text", "thought") and not self.check_signature(
            subject, signature
        ):
            raise refuse("Corrupted thought signature.")
        return Part(part.kind, part.text, part.media, part.name, part.id, is_signed=True)

    def _read_data(self, raw: Mapping[str, Any], path: str) -> Part:
        if "text" in raw:
            return Part("thought" if raw.get("thought") else "text", raw["text"])
        if "function_call" in raw:
            return _read_call(raw["function_call"], f"{path}.function_call")
        if "function_response" in raw:
            return self._read_response(raw["function_response"], f"{path}.function_response")
        if "inline_data" in raw or "file_data" in raw:
            return Part("media", media=(self.read_media(raw, path),))
        if any(name.startswith(("executable", "code_", "tool_")) for name in raw):
            return Part("other", orjson.dumps(raw, default=str).decode())
        if "thought_signature" in raw:
            return Part("thought")
        text = "required oneof field 'data' must have one initialized field"
        raise refuse_field(f"{path}.data", text)

    def _read_response(self, raw: Mapping[str, Any], path: str) -> Part:
        name = raw.get("name", "")
        if not name:
            raise refuse_field(f"{path}.name", "Name cannot be empty.")
        if "response" not in raw:
            raise refuse_field(f"{path}.response", "the response must be specified.")
        media = tuple(
            self.read_media(one or {}, f"{path}.parts[{at}]")
            for at, one in enumerate(raw.get("parts", ()))
        )
        return Part("response", _say(raw["response"]), media, name, raw.get("id", ""))

    def read_media(self, raw: Mapping[str, Any], path: str) -> Media:
        """Return a picture, document or sound, whether it came along or lies elsewhere."""
        if "inline_data" in raw:
            return _read_blob(raw["inline_data"], f"{path}.inline_data")
        held = raw.get("file_data", {})
        place, media_type = held.get("file_uri", ""), held.get("mime_type", "")
        taken = (*_PLACES, "gs://") if self.buckets else (*_PLACES, "files/")
        if not place.startswith(taken):
            raise refuse(f"Invalid or unsupported file uri: {place}")
        return Media(_kind_of(media_type), media_type, place=place)


def _read_call(raw: Mapping[str, Any], path: str) -> Part:
    name = raw.get("name", "")
    if not name:
        raise refuse_field(f"{path}.name", "Name cannot be empty.")
    args = orjson.dumps(raw.get("args", {}), option=orjson.OPT_SORT_KEYS).decode()
    return Part("call", name + args, name=name, id=raw.get("id", ""))


def _read_blob(blob: Mapping[str, Any], path: str) -> Media:
    media_type, data = blob.get("mime_type", ""), blob.get("data", b"")
    if not media_type:
        raise refuse_field(f"{path}.mime_type", "the mime type must be specified.")
    if not data:
        raise refuse_field(f"{path}.data", "the data must not be empty.")
    if not media_type.startswith(_TYPES):
        raise refuse(f"Unsupported MIME type: {media_type}")
    if media_type in _IMAGES and sniff_type(data) is None:
        raise refuse("Unable to process input image. Please retry.")
    if media_type == "application/pdf" and sniff_type(data) != media_type:
        raise refuse("The document has no pages.")
    return Media(_kind_of(media_type), media_type, data)


def _kind_of(media_type: str) -> str:
    kind = media_type.partition("/")[0]
    return kind if kind in ("image", "audio") else "document"


def _say(response: Mapping[str, Any]) -> str:
    """Return a function's output: the text itself where the response is a wrapper around one."""
    values = list(response.values())
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return orjson.dumps(response).decode()
