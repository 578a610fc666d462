"""Puts recorded Anthropic requests into OpenAI's words, by hand, for round trips."""

import copy
import itertools
import json
from typing import Any

Json = dict[str, Any]

_AS_THEY_ARE = (
    "cache_control",
    "container",
    "context_management",
    "max_tokens",
    "mcp_servers",
    "model",
    "stream",
    "temperature",
    "thinking",
    "top_k",
    "top_p",
)
EMPTY = {"type": "text", "text": ""}
_PLACES = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}


class NotExpressible(Exception):
    """The request uses something that this converter, or the gateway by design, does not carry."""


def to_openai(request: Json) -> Json:
    """Return the chat request that says the same."""
    body: Json = {name: request[name] for name in _AS_THEY_ARE if name in request}
    system = request.get("system") or []
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    body["messages"] = [{"role": "system", "content": [block]} for block in blocks]
    for message in request["messages"]:
        body["messages"] += _messages(message)
    if "stop_sequences" in request:
        body["stop"] = request["stop_sequences"]
    if request.get("tools"):
        body["tools"] = [_tool(tool) for tool in request["tools"]]
    if "tool_choice" in request:
        body |= _choice(request["tool_choice"])
    config = dict(request.get("output_config") or {})
    if "format" in config:
        schema = {"name": "n", "schema": config.pop("format")["schema"]}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if config:
        body["output_config"] = config
    if "user_id" in request.get("metadata", {}):
        body["user"] = request["metadata"]["user_id"]
    return body


def normal(request: Json) -> Json:
    """Return the native request in the one spelling that the gateway writes."""
    found = {name: v for name, v in request.items() if v is not None and v is not False}
    if isinstance(found.get("system"), str):
        found["system"] = [{"type": "text", "text": found["system"]}]
    for name in [name for name, value in found.items() if value in ([], {}, [EMPTY])]:
        del found[name]
    turns: list[Json] = []
    for message in copy.deepcopy(request["messages"]):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message["role"], "content": list(blocks)})
    _pair_ids(turns)
    found["messages"] = turns
    if "tools" in found:
        found["tools"] = [_without_type(tool) for tool in found["tools"]]
    if found["max_tokens"] > 21_333:
        found["stream"] = True  # too long to wait for in one piece
    if found.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        found.pop("temperature", None)  # at its default, or the recording would be a 400
    return found


def _pair_ids(turns: list[Json]) -> None:
    """Give results the ids of the calls before them where a recording has mixed them up."""
    for before, turn in itertools.pairwise(turns):
        calls = [block["id"] for block in before["content"] if block["type"] == "tool_use"]
        results = [block for block in turn["content"] if block["type"] == "tool_result"]
        if len(results) == len(calls) and {r["tool_use_id"] for r in results}.isdisjoint(calls):
            for block, call_id in zip(results, calls, strict=True):
                block["tool_use_id"] = call_id


def _without_type(tool: Json) -> Json:
    plain = tool.get("type") in (None, "custom")
    return {name: value for name, value in tool.items() if not (plain and name == "type")}


def _messages(message: Json) -> list[Json]:
    content = message["content"]
    if message["role"] == "system":
        raise NotExpressible("a system message in mid-conversation")
    if message["role"] == "assistant":
        return [_assistant(content)]
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results = [_result(block) for block in content if block["type"] == "tool_result"]
    rest = [_part(block) for block in content if block["type"] != "tool_result"]
    return results + ([{"role": "user", "content": rest}] if rest else [])


def _result(block: Json) -> Json:
    content = block["content"]
    parts = content if isinstance(content, str) else [_part(inner) for inner in content]
    beside: Json = {n: block[n] for n in ("is_error", "cache_control") if n in block}
    return {"role": "tool", "tool_call_id": block["tool_use_id"], "content": parts, **beside}


def _part(block: Json) -> Json:
    mark = {"cache_control": block["cache_control"]} if "cache_control" in block else {}
    source = block.get("source", {})
    if block["type"] == "image" and source["type"] == "base64":
        url = f"data:{source['media_type']};base64,{source['data']}"
        return {"type": "image_url", "image_url": {"url": url}, **mark}
    if block["type"] == "image" and source["type"] == "url":
        return {"type": "image_url", "image_url": {"url": source["url"]}, **mark}
    if block["type"] == "image" and source["type"] == "file":
        file = {"file_id": source["file_id"], "format": "image/png"}
        return {"type": "file", "file": file, **mark}
    if block["type"] == "document" and source["type"] == "base64":
        file = {"file_data": f"data:{source['media_type']};base64,{source['data']}"}
        named = {"filename": block["title"]} if "title" in block else {}
        return {"type": "file", "file": file | named, **mark}
    if block["type"] == "document" and source["type"] == "file":
        return {"type": "file", "file": {"file_id": source["file_id"]}, **mark}
    return block


def _assistant(content: str | list[Json]) -> Json:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    texts = [block for block in content if block["type"] == "text"]
    message: Json = {"role": "assistant", "content": texts or None}
    calls = [block for block in content if block["type"] == "tool_use"]
    if calls:
        message["tool_calls"] = [_call(block) for block in calls]
    thoughts = [_detail(block) for block in content if "thinking" in block["type"]]
    if thoughts:
        message["reasoning_details"] = thoughts
    places = [_PLACES.get(block["type"], -1) for block in content]
    if places != sorted(places) or -1 in places or any("citations" in block for block in content):
        message["content"] = "".join(block["text"] for block in texts)
        message["provider_content"] = {"format": "anthropic", "content": content}
    return message


def _detail(block: Json) -> Json:
    if block["type"] == "redacted_thinking":
        return {"type": "redacted", "data": block["data"], "format": "anthropic"}
    return {
        "type": "thinking",
        "text": block["thinking"],
        "signature": block["signature"],
        "format": "anthropic",
    }


def _call(block: Json) -> Json:
    function = {"name": block["name"], "arguments": json.dumps(block["input"])}
    own = {
        k: v for k, v in block.items() if k not in ("type", "id", "name", "input", "cache_control")
    }
    extra = {"extra_content": {"anthropic": own}} if own else {}
    return {"id": block["id"], "type": "function", "function": function, **extra}


def _tool(tool: Json) -> Json:
    if tool.get("type") not in (None, "custom"):
        return tool
    function = {
        {"input_schema": "parameters"}.get(name, name): value
        for name, value in tool.items()
        if name not in ("type", "cache_control")
    }
    mark = {"cache_control": tool["cache_control"]} if "cache_control" in tool else {}
    return {"type": "function", "function": function, **mark}


def _choice(choice: Json) -> Json:
    words = {"auto": "auto", "any": "required", "none": "none"}
    named = {"type": "function", "function": {"name": choice.get("name")}}
    found: Json = {"tool_choice": words.get(choice["type"], named)}
    if choice.get("disable_parallel_tool_use"):
        found["parallel_tool_calls"] = False
    return found
