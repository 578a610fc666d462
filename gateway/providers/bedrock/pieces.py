"""A content block of a reply in the making, and what becomes of its pieces."""

import base64
import binascii
from typing import Any

from gateway.providers.anthropic.lenient import as_object, as_text
from gateway.types.json import JsonObject


class OpenBlock:
    """A content block in the making. `kind` is the member it will be, "" until a delta tells.

    `start` is where its text begins in the whole answer, in characters; `call` the index of its
    tool call, None if that is not the client's; `is_answer`: the tool that carries a JSON answer.
    """

    def __init__(self, kind: str = "", raw: JsonObject | None = None) -> None:
        self.kind = kind
        self.raw = raw or {}
        self.pieces: list[str] = []
        self.citations: list[Any] = []
        self.results: list[Any] = []
        self.signature = ""
        self.redacted = b""
        self.start = 0
        self.call: int | None = None
        self.is_custom = False
        self.is_answer = False

    @property
    def joined(self) -> str:
        """All text that has come for it."""
        return "".join(self.pieces)


def text_block(block: OpenBlock) -> JsonObject:
    """Return the native block of text, which is another one where sources are cited."""
    if not block.citations:
        return {"text": block.joined}
    said = {"content": [{"text": block.joined}]} if block.pieces else {}
    return {"citationsContent": {**said, "citations": block.citations}}


def image_url(block: OpenBlock, delta: JsonObject) -> str | None:
    """Return a generated image as a data URI, None where the delta holds none."""
    data = as_text(as_object(delta.get("source")).get("bytes"))
    if not data:
        return None
    return f"data:image/{as_text(block.raw.get('format')) or 'png'};base64,{data}"


def decoded(data: str) -> bytes:
    """Decode a piece of a blob: pieces are base64 each for itself, so they cannot just be joined."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""
