"""Content parts: OpenAI's as Mistral's chunks (chat reference and SDK types, 2026-11)."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.types.chat import Audio, File, Image, Part, Refusal, Text, UnknownPart
from gateway.types.json import JsonObject

_DETAILS = ("auto", "low", "high")
_OWN: Mapping[str, frozenset[str]] = {
    "document_url": frozenset({"type", "document_url", "document_name"}),
    "reference": frozenset({"type", "reference_ids"}),
    "thinking": frozenset({"type", "thinking", "signature", "closed"}),
}
"""Chunks of Mistral's own that a client may send, and the members they may have."""
_URL = re.compile(r"(?:data:|https?://)", re.IGNORECASE)


def write_part(part: Part, path: str) -> JsonObject:
    """Write a part as a chunk, with no member that Mistral does not know.

    Raises InvalidRequest naming the part for what it cannot take.
    """
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case Image(url, detail):
            image = {"url": url}
            if detail in _DETAILS:
                image["detail"] = detail
            return {"type": "image_url", "image_url": image}
        case Audio(data):
            return {"type": "input_audio", "input_audio": data}
        case File():
            return _document(part, path)
        case UnknownPart(raw):
            return _own(raw, path)


def _document(file: File, path: str) -> JsonObject:
    """Write a file: an uploaded one by its id, any other as a data URI or as the URL it is."""
    if file.file_id is not None:
        return {"type": "file", "file_id": file.file_id}
    if not file.data:
        raise InvalidRequest("A file needs 'file_data' or 'file_id'.", param=f"{path}.file")
    url = file.data if _URL.match(file.data) else f"data:application/pdf;base64,{file.data}"
    chunk = {"type": "document_url", "document_url": url}
    if file.filename:
        chunk["document_name"] = file.filename
    return chunk


def _own(raw: Mapping[str, Any], path: str) -> JsonObject:
    known = _OWN.get(str(raw.get("type")))
    if known is None:
        raise InvalidRequest(
            "Content of this type is not supported by the model that would answer.",
            param=f"{path}.type",
            code="unsupported_content",
        )
    chunk = {name: value for name, value in raw.items() if name in known}
    thought = chunk.get("thinking")
    if isinstance(thought, str):  # as other vendors spell it
        chunk["thinking"] = [{"type": "text", "text": thought}]
    return chunk
