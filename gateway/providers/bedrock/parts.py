"""Content parts of a message, written as Converse's content blocks.

A block is a dict with one member that names its kind. Blank text gives no block: it is refused by
its place (aws-samples/bedrock-engineer#8). A cache marker becomes a `cachePoint` block behind what
it marks; `cache.py` removes those that are too many.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.providers.bedrock.media import (
    S3,
    Block,
    audio_block,
    file_block,
    image_block,
    video_block,
)
from gateway.types.chat import (
    Audio,
    CacheMarker,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    UnknownPart,
)
from gateway.types.upstream import KeySource, Target

# Converse's own blocks that a client may put into a user or tool message, as `{"type": name, name: …}`.
_SHARED_PARTS = frozenset({"cachePoint", "document", "image", "searchResult", "video"})
_NATIVE_PARTS: Mapping[Role, frozenset[str]] = {
    Role.USER: _SHARED_PARTS | {"guardContent"},
    Role.TOOL: _SHARED_PARTS | {"json"},
}
CACHE_POINT = "cachePoint"
_BESIDE = ("citations", "context")  # of a document: how it is to be cited
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_BLANKS = re.compile(r"\s+")
_MAX_NAME = 190  # of 200: room for a number


def cache_point(marker: CacheMarker) -> Block:
    """Write a cache marker."""
    ttl = {"ttl": marker.ttl} if marker.ttl in ("5m", "1h") else {}
    return {CACHE_POINT: {"type": "default", **ttl}}


def text_blocks(message: Message, index: int) -> list[Block]:
    """Write the content of a system or assistant message, which can only be text.

    Raises InvalidRequest naming the part that is no text.
    """
    blocks: list[Block] = []
    for place, part in enumerate(message.parts):
        if isinstance(part, Text | Refusal):
            blocks += [*([{"text": part.text}] if part.text.strip() else []), *_marker(part)]
            continue
        if isinstance(part, UnknownPart) and _is_cache_point(part):
            blocks.append({CACHE_POINT: part.raw[CACHE_POINT]})
            continue
        raise InvalidRequest(
            f"A message of role '{message.role}' can hold only text for this model.",
            param=f"messages[{index}].content[{place}].type",
        )
    return blocks


def mark_last(blocks: list[Block], marker: CacheMarker | None) -> None:
    """Put a message's own marker behind its last block."""
    if marker is not None and blocks and CACHE_POINT not in blocks[-1]:
        blocks.append(cache_point(marker))


class ContentWriter:
    """Writes the content of user and tool messages of one request."""

    def __init__(self, target: Target) -> None:
        # With the operator's key an S3 address would read the operator's buckets, not the user's.
        self._may_use_s3 = target.key_source is KeySource.OWN
        self._names: set[str] = set()

    def blocks(self, message: Message, index: int) -> list[Block]:
        """Write the content of a message; `index` is its place in the request.

        Raises InvalidRequest naming the part that Converse cannot take.
        """
        found: list[Block] = []
        for place, part in enumerate(message.parts):
            block = self._block(part, message.role, f"messages[{index}].content[{place}]")
            found += [*([] if block is None else [block]), *_marker(part)]
        return found

    def _block(self, part: Part, role: Role, where: str) -> Block | None:
        match part:
            case Text() | Refusal():
                return {"text": part.text} if part.text.strip() else None
            case Image():
                param = f"{where}.image_url.url"
                self._check_s3(part.url, param)
                return self._named(image_block(part.url, param), None)
            case File():
                return self._file(part, f"{where}.file")
            case Audio():
                return audio_block(part.data, part.format, f"{where}.input_audio")
            case UnknownPart():
                return self._native(part.raw, role, where)

    def _file(self, part: File, where: str) -> Block:
        named_s3 = part.file_id if (part.file_id or "").startswith(S3) else None
        data = part.data or named_s3
        if not data:
            raise InvalidRequest(
                "Amazon Bedrock keeps no files: send 'file_data'.",
                param=where,
                code="unsupported_content",
            )
        param = f"{where}.file_data" if part.data else f"{where}.file_id"
        self._check_s3(data, param)
        block = self._named(file_block(data, part.filename, param), part.filename)
        inner = part.extra.get("file")
        beside = {**(inner if isinstance(inner, Mapping) else {}), **part.extra}
        if "document" in block:
            block["document"].update((name, beside[name]) for name in _BESIDE if name in beside)
        return block

    def _native(self, raw: Mapping[str, Any], role: Role, where: str) -> Block:
        kind = str(raw.get("type"))
        inner = raw.get(kind)
        if kind == "video_url":
            url = inner.get("url") if isinstance(inner, Mapping) else inner
            param = f"{where}.video_url.url"
            self._check_s3(str(url), param)
            return video_block(str(url), param)
        if kind not in _NATIVE_PARTS.get(role, ()) or not isinstance(inner, Mapping):
            raise InvalidRequest(
                "Content of this type is not supported by the model that would answer.",
                param=f"{where}.type",
                code="unsupported_content",
            )
        source = inner.get("source")
        if isinstance(source, Mapping) and "s3Location" in source:
            self._check_s3(S3, f"{where}.{kind}.source")
        return self._named({kind: dict(inner)}, str(inner.get("name") or ""))

    def _named(self, block: Block, filename: str | None) -> Block:
        """Give a document its name, which must be unique and of a small alphabet."""
        document = block.get("document")
        if document is not None:
            document["name"] = self._free_name(filename or "")
        return block

    def _free_name(self, filename: str) -> str:
        stem = _EXTENSION.sub("", filename.rpartition("/")[2])
        clean = _BLANKS.sub(" ", _NOT_IN_NAME.sub("-", _BLANKS.sub(" ", stem)))
        base = clean.strip(" -")[:_MAX_NAME].strip() or "document"
        name, number = base, 2
        while name in self._names:
            name, number = f"{base} ({number})", number + 1
        self._names.add(name)
        return name

    def _check_s3(self, address: str, param: str) -> None:
        if address.startswith(S3) and not self._may_use_s3:
            raise InvalidRequest(
                "s3:// addresses are read with your own AWS key only: save one, or send the data.",
                param=param,
                code="unsupported_content",
            )


def _marker(part: Part) -> list[Block]:
    marker = getattr(part, "cache", None)
    return [] if marker is None else [cache_point(marker)]


def _is_cache_point(part: UnknownPart) -> bool:
    return part.raw.get("type") == CACHE_POINT and isinstance(part.raw.get(CACHE_POINT), Mapping)
