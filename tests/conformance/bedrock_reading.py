"""An independent reading of Bedrock's replies: shares nothing with the gateway.

Streams are taken apart with `struct` straight from the description of the framing; replies are put
together by hand, so that what the gateway makes of them can be compared.
"""

import base64
import json
import struct
import zlib
from typing import Any

Json = dict[str, Any]

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def frames(body: bytes) -> list[bytes]:
    """Cut a stream into its frames by their lengths."""
    found = []
    while body:
        (total,) = struct.unpack(">I", body[:4])
        found.append(body[:total])
        body = body[total:]
    return found


def read_frame(frame: bytes) -> tuple[dict[str, str], Json]:
    """Check a frame and return its headers and its payload; every recorded header is a string."""
    total, size, front = struct.unpack(">III", frame[:12])
    assert total == len(frame)
    assert zlib.crc32(frame[:8]) == front
    assert zlib.crc32(frame[:-4]) == struct.unpack(">I", frame[-4:])[0]
    headers: dict[str, str] = {}
    rest = frame[12 : 12 + size]
    while rest:
        name_end = 1 + rest[0]
        name = rest[1:name_end].decode()
        assert rest[name_end] == 7
        (length,) = struct.unpack(">H", rest[name_end + 1 : name_end + 3])
        headers[name] = rest[name_end + 3 : name_end + 3 + length].decode()
        rest = rest[name_end + 3 + length :]
    return headers, json.loads(frame[12 + size : -4])


def reply_of(body: bytes) -> Json:
    """Return a reply as `converse` gives it, put together by hand where it was streamed."""
    if body.lstrip().startswith(b"{"):
        whole: Json = json.loads(body)
        return whole
    reply: Json = {"output": {"message": {"content": []}}}
    blocks: dict[int, Json] = {}
    for headers, payload in map(read_frame, frames(body)):
        kind = headers[":event-type"]
        if kind == "contentBlockStart":
            blocks[payload["contentBlockIndex"]] = payload["start"]
        elif kind == "contentBlockDelta":
            _grow(blocks.setdefault(payload["contentBlockIndex"], {}), payload["delta"])
        elif kind in ("messageStop", "metadata"):
            reply |= {name: value for name, value in payload.items() if name != "p"}
    for _, block in sorted(blocks.items()):
        reply["output"]["message"]["content"].append(_closed(block))
    return reply


def _grow(block: Json, delta: Json) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "citation" in delta:
        block.setdefault("citations", []).append(delta["citation"])
    if "toolUse" in delta:
        block["toolUse"]["json"] = block["toolUse"].get("json", "") + delta["toolUse"]["input"]
    if "toolResult" in delta:
        block["toolResult"].setdefault("content", []).extend(delta["toolResult"])
    thought = delta.get("reasoningContent", {})
    for name in ("text", "signature"):
        if name in thought:
            inner = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
            inner[name] = inner.get(name, "") + thought[name]
    if "redactedContent" in thought:
        block["reasoningContent"] = thought


def _closed(block: Json) -> Json:
    if "citations" in block:
        said = {"content": [{"text": block["text"]}]} if "text" in block else {}
        return {"citationsContent": {**said, "citations": block["citations"]}}
    if "toolUse" in block:
        use = block["toolUse"]
        use["input"] = json.loads(use.pop("json", "") or "{}")
    return block


def expected(reply: Json) -> Json:
    """Say what a chat completion of this reply must hold."""
    blocks = reply["output"]["message"]["content"]
    calls = [use for use in (b.get("toolUse") for b in blocks) if use and _is_ours(use)]
    usage = reply["usage"]
    read = usage.get("cacheReadInputTokens", 0)
    written = usage.get("cacheWriteInputTokens", 0)
    prompt = usage["inputTokens"] + read + written
    stop = FINISH.get(reply["stopReason"], "stop")
    assert prompt + usage["outputTokens"] == usage["totalTokens"]
    return {
        "content": "".join(map(text_of, blocks)),
        "reasoning": "".join(
            b.get("reasoningContent", {}).get("reasoningText", {}).get("text", "") for b in blocks
        ),
        "proofs": [proof for proof in map(_proof, blocks) if proof],
        "calls": [(use["toolUseId"], use["name"], use["input"]) for use in calls],
        "cited": [
            citation["location"]["web"]["url"]
            for b in blocks
            for citation in b.get("citationsContent", {}).get("citations", ())
            if "web" in citation["location"]
        ],
        "finish": "stop" if stop == "tool_calls" and not calls else stop,
        "usage": (prompt, read, written, usage["outputTokens"], usage["totalTokens"]),
    }


def text_of(block: Json) -> str:
    """Return what a block adds to the answer."""
    cited = block.get("citationsContent", {}).get("content", ())
    return str(block.get("text", "")) + "".join(part["text"] for part in cited)


def _proof(block: Json) -> str:
    thought = block.get("reasoningContent", {})
    redacted = thought.get("redactedContent", "")
    assert base64.b64encode(base64.b64decode(redacted)).decode() == redacted
    return str(thought.get("reasoningText", {}).get("signature") or redacted)


def _is_ours(use: Json) -> bool:
    return bool(use.get("type") != "server_tool_use")


def as_replayed(blocks: list[Json], *, signs: bool) -> list[Json]:
    """Return a reply's blocks as they may be sent back.

    Without blank text, without the type that only replies have, and without thinking that has no
    proof (or that the model does not take back). Where a chat message can hold them, texts are one.
    """
    found = []
    for block in blocks:
        if "text" in block and not block["text"].strip():
            continue
        if "reasoningContent" in block and not (signs and _proof(block)):
            continue
        if "toolUse" in block and _is_ours(block["toolUse"]):
            use = {name: v for name, v in block["toolUse"].items() if name != "type"}
            block = {"toolUse": use}
        found.append(block)
    places = {"reasoningContent": 0, "text": 1, "toolUse": 2}
    order = [
        -1 if "toolUse" in b and not _is_ours(b["toolUse"]) else places.get(next(iter(b)), -1)
        for b in found
    ]
    if -1 in order or order != sorted(order):
        return found
    text = "".join(block.get("text", "") for block in blocks)
    return [
        *(b for b in found if "reasoningContent" in b),
        *([{"text": text}] if text.strip() else []),
        *(b for b in found if "toolUse" in b),
    ]
