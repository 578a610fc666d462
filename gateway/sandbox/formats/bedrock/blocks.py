"""Content blocks: what the service behind the front door demands of them, and what the model sees."""

import base64
import re
from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct, structs

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.formats.bedrock.families import Family
from gateway.sandbox.formats.bedrock.refusals import refuse, refuse_by_model
from gateway.sandbox.media import sniff_type
from gateway.sandbox.prompt import Media
from gateway.sandbox.signing import is_signed

_USER_ONLY = ("toolResult", "image", "document", "video", "audio", "searchResult")
_ASSISTANT_ONLY = ("toolUse", "reasoningContent", "citationsContent")
_NAME = re.compile(r"[A-Za-z0-9_\-()\[\] ]+")  # underscores pass, though no page says so
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_DOCUMENT_TYPES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
}


class Block(Struct, frozen=True):
    """A block that was checked. `text` is what is counted; `media` what it shows.

    A cache point has only a `mark`: it counts for the block before it.
    """

    type: str
    text: str = ""
    mark: str | None = None
    media: tuple[Media, ...] = ()
    id: str = ""  # of a call, or of the call a result answers
    name: str = ""  # of the tool called, or of a document
    signature: str | None = None


def read_block(raw: Mapping[str, Any], role: str, family: Family, spot: str) -> Block:
    """Check one block whose shape is known to be right. Raises Refused."""
    kind = next(name for name, value in raw.items() if value is not None)
    held = raw[kind]
    if _is_server_side(raw, role):
        return Block("server", _compact(held))
    _check_role(kind, role, spot)
    match kind:
        case "text":
            return Block(kind, _demand_text(held, spot))
        case "toolUse":
            return _read_call(held, spot)
        case "toolResult":
            return _read_result(held, family, f"{spot}.toolResult")
        case "reasoningContent":
            return _read_reasoning(held)
        case _:
            return _read_shown(held, kind, family, spot)


def _check_role(kind: str, role: str, spot: str) -> None:
    wanted = "user" if kind in _USER_ONLY else "assistant" if kind in _ASSISTANT_ONLY else role
    if role != wanted:
        raise refuse(
            f"The {kind} block at {spot} is not allowed in {role} messages. "
            f"Move it to a message with the {wanted} role and try again."
        )


def _read_shown(held: Mapping[str, Any], kind: str, family: Family, spot: str) -> Block:
    if kind == "cachePoint":
        return Block(kind, mark=held.get("ttl") or "5m")
    if kind == "document":
        return read_document(held, family, spot)
    if kind in ("image", "video", "audio"):
        return _read_media(held, kind, family, spot)
    return Block(kind, _compact(held))


def _is_server_side(raw: Mapping[str, Any], role: str) -> bool:
    """Whether a block tells of a tool the vendor ran itself: call and result, by the assistant."""
    call, result = raw.get("toolUse") or {}, raw.get("toolResult") or {}
    return role == "assistant" and (call.get("type") == "server_tool_use" or "type" in result)


def _demand_text(text: str, spot: str) -> str:
    if not text:
        raise refuse(
            f"The text field in the ContentBlock object at {spot} is blank. "
            "Add text to the text field, and try again."
        )
    return text


def _read_call(held: Mapping[str, Any], spot: str) -> Block:
    if not isinstance(held["input"], dict):
        raise refuse_format(f"{spot}.toolUse.input")
    text = held["name"] + _compact(held["input"])
    return Block("toolUse", text, id=held["toolUseId"], name=held["name"])


def refuse_format(spot: str) -> Refused:
    """Return the refusal of a document that is no object."""
    return refuse(
        f"The format of the value at {spot} is invalid. "
        "Provide a json object for the field and try again."
    )


def _read_result(held: Mapping[str, Any], family: Family, spot: str) -> Block:
    if held.get("status") == "error" and not held["content"]:
        raise refuse(f"The content field at {spot} cannot be empty when status value is error.")
    # In a result every model lets a document in a bucket pass, also one that refuses it elsewhere.
    lenient = structs.replace(family, buckets=True)
    texts: list[str] = []
    media: list[Media] = []
    names: list[str] = []
    for at, one in enumerate(held["content"]):
        kind = next(name for name, value in one.items() if value is not None)
        inner = f"{spot}.content.{at}"
        match kind:
            case "text":
                texts.append(one["text"])  # blank text passes here
            case "json":
                if not isinstance(one["json"], dict):
                    raise refuse_format(f"{inner}.json")
                texts.append(_compact(one["json"]))
            case _:
                reader = lenient if kind == "document" else family
                block = _read_shown(one[kind], kind, reader, inner)
                texts += [block.text] if block.text else []
                media += block.media
                names += [block.name] if block.name else []
    return Block(
        "toolResult",
        "\n".join(texts),
        media=tuple(media),
        id=held["toolUseId"],
        name="\0".join(names),
    )


def _read_reasoning(held: Mapping[str, Any]) -> Block:
    if held.get("redactedContent") is not None:
        return Block("redacted", held["redactedContent"])
    said = held["reasoningText"]
    return Block("reasoning", said["text"], signature=said.get("signature"))


def check_signature(block: Block, family: Family, spot: str) -> None:
    """Refuse signed thinking whose signature we did not issue for its text."""
    if block.type != "reasoning" or not family.signs:
        return
    if block.signature is None:
        raise refuse_by_model(f"{spot}.thinking.signature: Field required")
    if not is_signed(block.text, block.signature):
        raise refuse_by_model(f"{spot}: Invalid `signature` in `thinking` block")


def read_document(held: Mapping[str, Any], family: Family, spot: str) -> Block:
    """Check a document: its name above all. Raises Refused."""
    name = held["name"]
    if not _NAME.fullmatch(name) or "  " in name:
        raise refuse(
            "The document file name can only contain alphanumeric characters, whitespace "
            "characters, hyphens, parentheses, and square brackets. The name can't contain more "
            "than one consecutive whitespace character. Check that the file name conforms to these "
            "restrictions and retry your request."
        )
    if not family.documents:
        raise _refuse_kind("document")
    source = held["source"]
    if source.get("text") is not None:
        return Block("document", source["text"], name=name)
    if source.get("content") is not None:
        said = "\n".join(part["text"] for part in source["content"])
        return Block("document", said, name=name)
    if source.get("s3Location") is not None:
        return Block("document", media=(_read_bucket(source, "document", family),), name=name)
    data = base64.b64decode(source["bytes"])
    extension = held.get("format", "txt")
    if extension == "pdf" and sniff_type(data) != "application/pdf":
        raise refuse_by_model(f"{spot}: The PDF specified was not valid.")
    media_type = _DOCUMENT_TYPES.get(extension, f"application/{extension}")
    return Block("document", media=(Media("document", media_type, data),), name=name)


def _read_media(held: Mapping[str, Any], kind: str, family: Family, spot: str) -> Block:
    allowed = family.images if kind == "image" else family.video
    if not allowed:
        raise _refuse_kind(kind)
    source = held["source"]
    if source.get("s3Location") is not None:
        return Block(kind, media=(_read_bucket(source, kind, family),))
    data = base64.b64decode(source["bytes"])
    declared = f"{kind}/{held['format']}"
    if kind != "image":
        return Block(kind, media=(Media(kind, declared, data),))
    found = sniff_type(data)
    if found not in _IMAGE_TYPES:
        raise refuse_by_model(f"{spot}.image.source: Could not process image")
    if found != declared:
        raise refuse_by_model(
            f"{spot}.image.source.base64: The image was specified using the {declared} media type, "
            f"but the image appears to be a {found} image"
        )
    return Block("image", media=(Media("image", declared, data),))


def _read_bucket(source: Mapping[str, Any], kind: str, family: Family) -> Media:
    if not family.buckets:
        raise refuse("This model doesn't support the s3Uri field. Remove s3Uri and try again.")
    return Media(kind, "", place=source["s3Location"]["uri"])


def _refuse_kind(kind: str) -> Refused:
    return refuse(
        f"This model doesn't support the {kind} content block that you provided. "
        "Update the content block and try again."
    )


def _compact(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
