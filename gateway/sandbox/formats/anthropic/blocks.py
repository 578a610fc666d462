"""Content blocks: their shapes, and what the model sees of them."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.sandbox.formats.anthropic.refusals import refuse, refuse_missing, refuse_tag
from gateway.sandbox.formats.anthropic.rules import (
    anything,
    check_members,
    demand,
    is_bool,
    is_object,
    is_string,
    one_of,
    read_cache_mark,
)
from gateway.sandbox.media import sniff_type
from gateway.sandbox.prompt import Media
from gateway.sandbox.signing import is_signed

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "text": ("type", "text", "citations", "cache_control"),
    "image": ("type", "source", "cache_control"),
    "document": ("type", "source", "title", "context", "citations", "cache_control"),
    "thinking": ("type", "thinking", "signature"),
    "redacted_thinking": ("type", "data"),
    "tool_use": ("type", "id", "name", "input", "caller", "cache_control"),
    "tool_result": ("type", "tool_use_id", "content", "is_error", "cache_control"),
}
_SERVER_SIDE = (
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
    "code_execution_tool_result", "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result", "tool_search_tool_result", "advisor_tool_result",
    "mcp_tool_use", "mcp_tool_result", "container_upload", "compaction", "search_result",
    "tool_reference", "tool_addition", "tool_removal",
)  # fmt: skip
_ASSISTANT_ONLY = ("thinking", "redacted_thinking", "tool_use")
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")


class Block(Struct, frozen=True):
    """A block that was checked. `text` is what is counted; `media` what it shows."""

    type: str
    text: str
    mark: str | None = None
    media: tuple[Media, ...] = ()
    id: str = ""  # of a call, or of the call a result answers
    name: str = ""  # of the tool called


def read_block(raw: Any, role: str, path: str) -> Block:
    """Check one content block. Raises Refused."""
    is_object(raw, path)
    kind = raw.get("type")
    if kind is None:
        raise refuse_missing(f"{path}.type")
    is_string(kind, f"{path}.type")
    if kind in _SERVER_SIDE:
        return Block(kind, _compact(raw), read_cache_mark(raw, f"{path}.{kind}"))
    if kind not in _MEMBERS:
        raise refuse_tag(path, kind, (*_MEMBERS, *_SERVER_SIDE))
    if kind in _ASSISTANT_ONLY and role != "assistant":
        raise refuse(f"{path}: {kind} blocks are only allowed in assistant messages")
    if kind == "tool_result" and role != "user":
        raise refuse(f"{path}: tool_result blocks are only allowed in user messages")
    check_members(raw, _MEMBERS[kind], f"{path}.{kind}")
    mark = read_cache_mark(raw, f"{path}.{kind}")
    match kind:
        case "text":
            return _read_text(raw, mark, path)
        case "image" | "document":
            return _read_source(raw, kind, mark, f"{path}.{kind}")
        case "thinking" | "redacted_thinking":
            return _read_thinking(raw, kind, path)
        case "tool_use":
            return _read_tool_use(raw, mark, f"{path}.{kind}")
        case _:
            return _read_tool_result(raw, mark, f"{path}.{kind}")


def _read_text(raw: Mapping[str, Any], mark: str | None, path: str) -> Block:
    text = demand(raw, "text", f"{path}.text", is_string)
    if not text and mark is not None:
        raise refuse(f"{path}: cache_control cannot be set for empty text blocks")
    return Block("text", text, mark)


def _read_thinking(raw: Mapping[str, Any], kind: str, path: str) -> Block:
    if kind == "redacted_thinking":
        data = demand(raw, "data", f"{path}.{kind}", is_string)
        return Block(kind, data)
    text = demand(raw, "thinking", f"{path}.{kind}", is_string)
    demand(raw, "signature", f"{path}.{kind}", is_string)
    return Block(kind, text, id=raw["signature"])


def check_signature(block: Block, path: str) -> None:
    """Refuse a thinking block whose signature we did not issue for its text."""
    if block.type == "thinking" and not is_signed(block.text, block.id):
        raise refuse(f"{path}: Invalid `signature` in `thinking` block")


def _read_tool_use(raw: Mapping[str, Any], mark: str | None, path: str) -> Block:
    identity = demand(raw, "id", path, is_string)
    if not _TOOL_ID.fullmatch(identity):
        raise refuse(f"{path}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    name = demand(raw, "name", path, is_string)
    demand(raw, "input", path, is_object)
    return Block("tool_use", name + _compact(raw["input"]), mark, id=identity, name=name)


def _read_tool_result(raw: Mapping[str, Any], mark: str | None, path: str) -> Block:
    identity = demand(raw, "tool_use_id", path, is_string)
    if raw.get("is_error") is not None:
        is_bool(raw["is_error"], f"{path}.is_error")
    content = raw.get("content")
    if content is None or isinstance(content, str):
        return Block("tool_result", content or "", mark, id=identity)
    if not isinstance(content, list):
        raise refuse(f"{path}.content: Input should be a valid string or list")
    inner = []
    for at, one in enumerate(content):
        place = f"{path}.content.{at}"
        inner.append(read_block(one, "tool", place))
        if inner[-1].mark is not None:
            text = (
                "cache_control may not be specified within `tool_result.content`. "
                "Instead, place it directly on `tool_result`"
            )
            raise refuse(f"{place}.cache_control: {text}")
    media = tuple(media for block in inner for media in block.media)
    text = "\n".join(block.text for block in inner if not block.media)
    return Block("tool_result", text, mark, media, id=identity)


def _read_source(raw: Mapping[str, Any], kind: str, mark: str | None, path: str) -> Block:
    source = demand(raw, "source", path, is_object)
    path = f"{path}.source"
    match source.get("type"):
        case "base64":
            check_members(source, ("type", "media_type", "data"), f"{path}.base64")
            media = _read_base64(source, kind, f"{path}.base64")
        case "url":
            check_members(source, ("type", "url"), f"{path}.url")
            url = demand(source, "url", f"{path}.url", is_string)
            if not url.startswith("https://"):
                raise refuse(f"{path}.url.url: Only HTTPS URLs are supported.")
            media = Media(kind, "", place=url)
        case "file":
            check_members(source, ("type", "file_id"), f"{path}.file")
            media = Media(kind, "", place=demand(source, "file_id", f"{path}.file", is_string))
        case "text" if kind == "document":
            check_members(source, ("type", "media_type", "data"), f"{path}.text")
            demand(source, "media_type", f"{path}.text", one_of("text/plain", "text/plain"))
            text = demand(source, "data", f"{path}.text", is_string)
            return Block(kind, text, mark)
        case "content" if kind == "document":
            return Block(kind, _compact(demand(source, "content", path, anything)), mark)
        case other:
            words = ("base64", "url", "file") + (("text", "content") if kind == "document" else ())
            raise refuse_tag(path, other, words)
    return Block(kind, "", mark, (media,))


def _read_base64(source: Mapping[str, Any], kind: str, path: str) -> Media:
    types = IMAGE_TYPES if kind == "image" else ("application/pdf", "application/pdf")
    declared = demand(source, "media_type", path, one_of(*types))
    text = demand(source, "data", path, is_string)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise refuse(f"{path}.data: Invalid base64 data") from broken
    found = sniff_type(data)
    if kind == "document" and found != "application/pdf":
        raise refuse("The PDF specified was not valid.")
    if found not in types:
        raise refuse("Could not process image")
    if found != declared:
        text = (
            f"The image was specified using the {declared} media type, but the image appears to "
            f"be a {found} image"
        )
        raise refuse(f"{path}: {text}")
    return Media(kind, declared, data)


def _compact(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
