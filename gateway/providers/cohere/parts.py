"""Content parts: OpenAI's as Cohere's (v2 chat reference and SDK types, 2026-11)."""

from collections.abc import Callable, Mapping

import orjson

from gateway.errors import InvalidRequest
from gateway.providers.history import Content
from gateway.types.chat import Image, Message, Part, Refusal, Text, UnknownPart
from gateway.types.json import JsonObject

THINKING = "thinking"
_DETAILS = ("auto", "low", "high")
_KINDS: Mapping[str, str] = {"Image": "image_url", "Audio": "input_audio", "File": "file"}


def write_content(message: Message, path: str, write: Callable[[Part, str], JsonObject]) -> Content:
    """Write a message's content, part by part with `write`.

    Raises InvalidRequest, naming the part, for what Cohere cannot take.
    """
    if not isinstance(message.content, tuple):
        return message.content or ""
    return [write(part, f"{path}.content[{place}]") for place, part in enumerate(message.content)]


def system_part(part: Part, path: str) -> JsonObject:
    """Write text, the only thing a system message may hold."""
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case _:
            raise _unsupported(part, path)


def user_part(part: Part, path: str) -> JsonObject:
    """Write text, or a picture as the URL or data it came as."""
    if not isinstance(part, Image):
        return system_part(part, path)
    image = {"url": part.url}
    if part.detail in _DETAILS:
        image["detail"] = part.detail
    return {"type": "image_url", "image_url": image}


def tool_part(part: Part, path: str) -> JsonObject:
    """Write text, or a document of Cohere's own: what cites it tells it by its id."""
    if isinstance(part, UnknownPart) and part.raw.get("type") == "document":
        return dict(part.raw)
    return system_part(part, path)


def retold_part(part: Part, path: str) -> JsonObject:
    """Write a part of a result that no call waits for: the user may not show documents."""
    written = tool_part(part, path)
    if written["type"] == "text":
        return written
    return {"type": "text", "text": orjson.dumps(written.get("document")).decode()}


def assistant_part(part: Part, path: str) -> JsonObject:
    """Write text, or a thought as Cohere or Mistral spell it."""
    if not isinstance(part, UnknownPart) or part.raw.get("type") != THINKING:
        return system_part(part, path)
    said = part.raw.get(THINKING)
    if isinstance(said, list):
        texts = (piece.get("text") for piece in said if isinstance(piece, dict))
        said = "".join(text for text in texts if isinstance(text, str))
    return {"type": THINKING, THINKING: said if isinstance(said, str) else ""}


def _unsupported(part: Part, path: str) -> InvalidRequest:
    kind = (
        part.raw.get("type") if isinstance(part, UnknownPart) else _KINDS.get(type(part).__name__)
    )
    return InvalidRequest(
        f"Cohere models do not take a content part of type '{str(kind)[:64]}' here.",
        param=path,
        code="unsupported_content",
    )
