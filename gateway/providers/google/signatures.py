"""Thought signatures: what a reply was signed with, given out and taken back.

A signature belongs to the very part it came with ("Thought signatures" page, 2026-11; Gemini 3 and
later answer a replayed call without one with 400). OpenAI's message has no place for it, so that of
a call rides on the call as `extra_content.google.thought_signature`, as in Google's own compatible
API, and again in `reasoning_details`, under the call's id; that of a text only in the latter, with
the range of the text in characters.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from gateway.providers.google.media import Part
from gateway.types.chat import Message, ReasoningBlock, ToolCall

FORMAT = "gemini"  # the origin that reasoning blocks and native content name
SIGNATURE = "thoughtSignature"
# base64 of `skip_thought_signature_validator`: documented for calls that another model made.
SKIP_VALIDATION = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="


class SignedText(Struct, frozen=True):
    """The signature of a piece of text, and where the piece stands; None where nobody knows."""

    signature: str
    start: int | None
    end: int | None


def call_members(signature: str) -> dict[str, Any]:
    """Return what a signed call carries for the client to echo."""
    return {"extra_content": {"google": {"thought_signature": signature}}}


def call_detail(call_id: str, signature: str) -> dict[str, Any]:
    """Return a call's signature as a member of `reasoning_details`."""
    return {"type": "encrypted", "id": call_id, "data": signature, "format": FORMAT}


def text_detail(signature: str, start: int, end: int) -> dict[str, Any]:
    """Return a text's signature as a member of `reasoning_details`."""
    place = {"text_start": start, "text_end": end}
    return {"type": "encrypted", "data": signature, "format": FORMAT, **place}


def thought_detail(text: str, signature: str) -> dict[str, Any]:
    """Return a signed thought as a member of `reasoning_details`."""
    return {"type": "thinking", "text": text, "signature": signature, "format": FORMAT}


def call_signature(call: ToolCall, message: Message) -> str | None:
    """Return the signature a client sent back for a call, from either place."""
    content = call.extra.get("extra_content")
    own = content.get("google") if isinstance(content, Mapping) else None
    told = own.get("thought_signature") if isinstance(own, Mapping) else None
    if isinstance(told, str) and told:
        return told
    for block in _sealed(message):
        if block.raw.get("id") == call.id:
            return block.data
    return None


def signed_thoughts(message: Message) -> list[Part]:
    """Write the signed thoughts that a client sent back."""
    return [
        {"text": block.text or "", "thought": True, SIGNATURE: block.signature}
        for block in message.reasoning
        if block.format == FORMAT and block.type == "thinking" and block.signature
    ]


def signed_text(text: str, message: Message) -> list[Part]:
    """Write an answer's text, cut where its signed pieces begin and end.

    Signatures whose place is unknown, or lies outside of the text by now, go with the end of it.
    """
    parts: list[Part] = []
    at = 0
    loose: list[str] = []
    for piece in _signed_pieces(message):
        start, end = piece.start, piece.end
        if start is None or end is None or not at <= start <= end <= len(text):
            loose.append(piece.signature)
            continue
        if start > at:
            parts.append({"text": text[at:start]})
        parts.append({"text": text[start:end], SIGNATURE: piece.signature})
        at = end
    if at < len(text):
        parts.append({"text": text[at:]})
    for signature in loose[-1:]:
        if not parts or SIGNATURE in parts[-1]:
            parts.append({"text": ""})
        parts[-1][SIGNATURE] = signature
    return parts


def _signed_pieces(message: Message) -> Iterator[SignedText]:
    for block in _sealed(message):
        if block.raw.get("id") is None and block.data:
            yield SignedText(
                block.data,
                _position(block.raw.get("text_start")),
                _position(block.raw.get("text_end")),
            )


def _sealed(message: Message) -> Iterator[ReasoningBlock]:
    """Yield the opaque blocks of this vendor's own."""
    for block in message.reasoning:
        if block.format == FORMAT and block.type == "encrypted" and block.data:
            yield block


def _position(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
