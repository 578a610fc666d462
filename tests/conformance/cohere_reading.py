"""An independent reading of Cohere's replies and requests: shares nothing with the gateway.

Replies are read straight from the recorded JSON or stream; requests are put into OpenAI's words,
so that translating them back can be compared with what was really sent.
"""

import json
from typing import Any

Json = dict[str, Any]

FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}


def stream_events(body: bytes) -> list[Json]:
    """Return the data of a stream's events, without the end marker."""
    lines = [line[5:].strip() for line in body.decode().splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def reply_of(body: bytes) -> Json:
    """Return a reply as it would have come in one piece."""
    if body.lstrip().startswith(b"{"):
        whole: Json = json.loads(body)
        return whole
    message: Json = {"role": "assistant", "tool_plan": ""}
    message |= {"content": [], "tool_calls": [], "citations": []}
    reply: Json = {"message": message}
    for event in stream_events(body):
        match event["type"]:
            case "message-start":
                reply["id"] = event["id"]
            case "message-end":
                reply |= event["delta"]
            case kind:
                _grow(message, kind, event)
    return reply


def _grow(message: Json, kind: str, event: Json) -> None:
    inner = event.get("delta", {}).get("message", {})
    match kind:
        case "content-start":
            message["content"].append(dict(inner["content"]))
        case "content-delta":
            for name, piece in inner["content"].items():
                message["content"][event["index"]][name] += piece
        case "tool-plan-delta":
            message["tool_plan"] += inner["tool_plan"]
        case "tool-call-start":
            message["tool_calls"].append(inner["tool_calls"])
        case "tool-call-delta":
            more = inner["tool_calls"]["function"]["arguments"]
            message["tool_calls"][event["index"]]["function"]["arguments"] += more
        case "citation-start":
            message["citations"].append(inner["citations"])
        case _:
            pass


def expected(reply: Json) -> Json:
    """Return what a client has to be told of a reply."""
    message, usage = reply["message"], reply["usage"]
    content = message.get("content") or []
    tokens = usage["tokens"]
    thoughts = [part["thinking"] for part in content if part["type"] == "thinking"]
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
        for call in message.get("tool_calls") or []
    ]
    return {
        "id": "chatcmpl-" + reply["id"],
        "content": "".join(part["text"] for part in content if part["type"] == "text"),
        "reasoning": (message.get("tool_plan") or "") + "".join(thoughts),
        "calls": calls,
        "citations": message.get("citations") or [],
        "finish": FINISH[reply["finish_reason"]],
        "usage": (
            tokens["input_tokens"] + tokens.get("image_tokens", 0),
            usage.get("cached_tokens", 0),
            tokens["output_tokens"],
            tokens.get("reasoning_tokens", 0),
        ),
        "billed": usage["billed_units"],
    }


def openai_words(request: Json) -> Json:
    """Say a recorded request as a client of OpenAI's format would."""
    renamed = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
    body = {renamed.get(name, name): value for name, value in request.items() if value is not None}
    choices = {"REQUIRED": "required", "NONE": "none"}
    if "tool_choice" in body:
        body["tool_choice"] = choices[body["tool_choice"]]
    schema = (body.get("response_format") or {}).get("json_schema")
    if schema is not None:
        named = {"name": "answer", "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    if "thinking" in body:
        budget = body["thinking"].get("token_budget")
        told = {"token_budget": budget} if budget is not None else {}
        body["thinking"] = {"type": body["thinking"]["type"], **told}
    body["messages"] = [_openai_message(message) for message in request["messages"]]
    return body


def _openai_message(message: Json) -> Json:
    told = dict(message)
    content = message.get("content")
    if isinstance(content, list) and message["role"] == "assistant":
        told["content"] = [part for part in content if part["type"] == "text"] or None
        thoughts = [part["thinking"] for part in content if part["type"] == "thinking"]
        if thoughts:
            told["reasoning_content"] = "".join(thoughts)
    return told


def normal(request: Json) -> Json:
    """Return a recorded request in the one spelling that the gateway writes."""
    body = {name: value for name, value in request.items() if value is not None}
    body["stream"] = bool(body.get("stream"))
    body["messages"] = [_normal_message(message) for message in request["messages"]]
    return body


def _normal_message(message: Json) -> Json:
    body = {name: value for name, value in message.items() if value is not None}
    if body["role"] == "assistant":
        content = body.get("content")
        if isinstance(content, list):
            body["content"] = [part for part in content if part.get("text") != ""]
        if not body.get("content"):
            body.pop("content", None)
    return body
