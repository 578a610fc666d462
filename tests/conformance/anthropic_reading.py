"""An independent reading of Anthropic's replies and requests: shares nothing with the gateway.

Replies are read straight from the recorded JSON or stream; requests are put into OpenAI's words by
a small converter, so that translating them back can be compared with what was really sent.
"""

import json
from typing import Any

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def stream_events(body: bytes) -> list[dict[str, Any]]:
    """Return the data of a stream's events."""
    lines = body.decode().splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith("data:")]


def message_of(body: bytes) -> dict[str, Any]:
    """Return the message of a reply, put together by hand where it was streamed."""
    if body.lstrip().startswith(b"{"):
        whole: dict[str, Any] = json.loads(body)
        return whole
    message: dict[str, Any] = {}
    inputs: dict[int, str] = {}
    for event in stream_events(body):
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            _grow(message["content"][event["index"]], event["delta"], event["index"], inputs)
        elif event["type"] == "message_delta":
            message |= event["delta"]
            message |= {k: v for k, v in event.items() if k not in ("type", "delta", "usage")}
            news = {k: v for k, v in event["usage"].items() if v is not None}
            message["usage"] |= news
    for index, text in inputs.items():
        message["content"][index]["input"] = json.loads(text or "{}")
    return message


def _grow(block: dict[str, Any], delta: dict[str, Any], index: int, inputs: dict[int, str]) -> None:
    kind = delta["type"]
    if kind == "text_delta":
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        block["signature"] += delta["signature"]
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    elif kind == "input_json_delta":
        inputs[index] = inputs.get(index, "") + delta["partial_json"]


def expected(message: dict[str, Any]) -> dict[str, Any]:
    """Say what a chat completion of this message must hold."""
    blocks = message["content"]
    usage = message["usage"]
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    prompt = usage["input_tokens"] + read + written
    return {
        "id": "chatcmpl-" + message["id"],
        "model": message["model"],
        "content": "".join(b["text"] for b in blocks if b["type"] == "text"),
        "reasoning": "".join(b["thinking"] for b in blocks if b["type"] == "thinking"),
        "calls": [(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"],
        "cited": [
            c["url"]
            for b in blocks
            for c in b.get("citations") or ()
            if c["type"] == "web_search_result_location"
        ],
        "finish": FINISH.get(message["stop_reason"], "stop"),
        "usage": (
            prompt,
            read,
            written,
            usage["output_tokens"],
            (usage.get("output_tokens_details") or {}).get("thinking_tokens", 0),
            prompt + usage["output_tokens"],
        ),
    }


def as_replayed(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a reply's blocks as they may be sent back: without empty text and default members.

    Texts that follow each other are joined, as they are in a chat message.
    """
    found: list[dict[str, Any]] = []
    for block in blocks:
        members = {name: value for name, value in block.items() if value not in (None, [])}
        if members.get("caller") == {"type": "direct"}:
            del members["caller"]
        if members["type"] == "text" and not members["text"]:
            continue
        plain = members.keys() == {"type", "text"}
        if plain and found and found[-1].keys() == {"type", "text"}:
            found[-1] = {"type": "text", "text": found[-1]["text"] + members["text"]}
        else:
            found.append(members)
    return found
