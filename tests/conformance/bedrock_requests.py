"""Puts recorded Converse requests into OpenAI's words, by hand, for round trips."""

import copy
import json
import re
from typing import Any

Json = dict[str, Any]

_AS_THEY_ARE = ("guardrailConfig", "performanceConfig", "requestMetadata", "serviceTier")
_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html",
    "md": "text/markdown",
    "txt": "text/plain",
}
_NATIVE = ("guardContent", "searchResult", "json")
_PLACES = {"reasoningContent": 0, "text": 1, "toolUse": 2}


class NotExpressible(Exception):
    """The request uses something that this converter, or the gateway by design, does not carry."""


def to_openai(request: Json, model: str) -> Json:
    """Return the chat request that says the same."""
    body: Json = {"model": "m", "messages": []}
    body |= {name: request[name] for name in _AS_THEY_ARE if name in request}
    for block in _marked(request.get("system", ())):
        body["messages"].append({"role": "system", "content": [_part(block)]})
    for message in request["messages"]:
        body["messages"] += _messages(message)
    body |= _inference(request.get("inferenceConfig", {}))
    body |= _fields(request.get("additionalModelRequestFields") or {})
    if "toolConfig" in request:
        body |= _tools(request["toolConfig"])
    if "outputConfig" in request:
        if "claude-3" in model:
            raise NotExpressible("a made-up recording: this model has no structured output")
        definition = request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        wanted = {**definition, "schema": json.loads(definition["schema"])}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return body


def normal(request: Json) -> Json:
    """Return the native request in the one spelling that the gateway writes."""
    found = {name: value for name, value in copy.deepcopy(request).items() if value not in ({}, [])}
    turns: list[Json] = []
    for message in found["messages"]:
        content = [_plain(block) for block in message["content"] if not _is_blank(block)]
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += content
        else:
            turns.append({"role": message["role"], "content": content})
    found["messages"] = turns
    config = found.get("inferenceConfig", {})
    if not config.get("stopSequences", ["x"]):
        del config["stopSequences"]
    if "outputConfig" in found:
        definition = found["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        definition["schema"] = json.loads(definition["schema"])
    return found


def parsed_schema(built: Json) -> Json:
    """Parse the schema of a built request, whose spelling is nobody's business."""
    if "outputConfig" in built:
        definition = built["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        definition["schema"] = json.loads(definition["schema"])
    return built


def _plain(block: Json) -> Json:
    if "document" in block:
        block["document"]["name"] = _legal(block["document"]["name"])
    if "toolUse" in block and block["toolUse"].get("type") == "tool_use":
        del block["toolUse"]["type"]
    for inner in block.get("toolResult", {}).get("content", ()):
        _plain(inner)
    return block


def _legal(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9 ()\[\]-]+", "-", name)


def _is_blank(block: Json) -> bool:
    """Blank text is left out, but where it keeps a cache point away from a document."""
    return "text" in block and not block["text"].strip() and block["text"] != "\n"


def _marked(blocks: Any) -> list[Json]:
    """Fold each cache point into the block before it, as a marker."""
    found: list[Json] = []
    for block in blocks:
        if "cachePoint" in block:
            point = {k: v for k, v in block["cachePoint"].items() if k == "ttl"}
            if found and found[-1].get("text") == "\n":
                found.pop()  # the gateway puts it there itself
            found[-1] = {**found[-1], "marker": {"type": "ephemeral", **point}}
        else:
            found.append(block)
    return found


def _part(block: Json) -> Json:
    mark = {"cache_control": block["marker"]} if "marker" in block else {}
    if "text" in block:
        return {"type": "text", "text": block["text"], **mark}
    if "image" in block:
        return {"type": "image_url", "image_url": {"url": _url(block["image"], "image")}, **mark}
    if "video" in block:
        if "/" in block["video"]["format"]:
            raise NotExpressible("a format that does not exist")
        return {"type": "video_url", "video_url": {"url": _url(block["video"], "video")}}
    if "document" in block:
        return {**_document(block["document"]), **mark}
    [kind] = [name for name in _NATIVE if name in block]
    return {"type": kind, kind: block[kind]}


def _url(media: Json, kind: str) -> str:
    source = media["source"]
    if "s3Location" in source:
        return str(source["s3Location"]["uri"])
    return f"data:{kind}/{media['format']};base64,{source['bytes']}"


def _document(document: Json) -> Json:
    source = document["source"]
    if "bytes" not in source:
        return {"type": "document", "document": document}
    data = f"data:{_TYPES[document['format']]};base64,{source['bytes']}"
    beside: Json = {k: document[k] for k in ("citations", "context") if k in document}
    filename = f"{document['name']}.{document['format']}"
    return {"type": "file", "file": {"file_data": data, "filename": filename}, **beside}


def _messages(message: Json) -> list[Json]:
    content = _marked(message["content"])
    if message["role"] == "assistant":
        return [_assistant(content)]
    results = [_result(block) for block in content if "toolResult" in block]
    rest = [_part(block) for block in content if "toolResult" not in block]
    return results + ([{"role": "user", "content": rest}] if rest else [])


def _result(block: Json) -> Json:
    result = block["toolResult"]
    mark = {"cache_control": block["marker"]} if "marker" in block else {}
    beside = {"status": result["status"]} if "status" in result else {}
    return {
        "role": "tool",
        "tool_call_id": result["toolUseId"],
        "content": [_part(inner) for inner in result["content"]],
        **beside,
        **mark,
    }


def _assistant(content: list[Json]) -> Json:
    texts = [block for block in content if "text" in block]
    message: Json = {"role": "assistant", "content": [_part(block) for block in texts] or None}
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    calls = [_call(use) for use in uses if use.get("type") != "server_tool_use"]
    if calls:
        message["tool_calls"] = calls
    thoughts = [_detail(b["reasoningContent"]) for b in content if "reasoningContent" in b]
    if thoughts:
        message["reasoning_details"] = thoughts
    places = [_PLACES.get(next(iter(block)), -1) for block in content]
    served = any(use.get("type") == "server_tool_use" for use in uses)
    if places != sorted(places) or -1 in places or served:
        cited = [c for b in content for c in b.get("citationsContent", {}).get("content", ())]
        said = "".join(b["text"] for b in content if "text" in b)
        whole = "".join(
            "".join(c["text"] for c in b["citationsContent"].get("content", ()))
            if "citationsContent" in b
            else b.get("text", "")
            for b in content
        )
        message["content"] = whole if cited else said or None
        message["provider_content"] = {"format": "bedrock", "content": content}
    return message


def _detail(thought: Json) -> Json:
    if "redactedContent" in thought:
        return {"type": "redacted", "data": thought["redactedContent"], "format": "bedrock"}
    return {"type": "thinking", "format": "bedrock", **thought["reasoningText"]}


def _call(use: Json) -> Json:
    function = {"name": use["name"], "arguments": json.dumps(use["input"])}
    return {"id": use["toolUseId"], "type": "function", "function": function}


def _inference(config: Json) -> Json:
    names = {"maxTokens": "max_tokens", "topP": "top_p", "stopSequences": "stop"}
    return {names.get(name, name): value for name, value in config.items() if value != []}


def _fields(fields: Json) -> Json:
    body: Json = {}
    rest = dict(fields)
    for name in ("top_k", "thinking", "reasoning_effort"):
        if name in rest:
            body[name] = rest.pop(name)
    if "topK" in rest.get("inferenceConfig", {}):
        body["top_k"] = rest.pop("inferenceConfig")["topK"]
    if "reasoningConfig" in rest:
        body["reasoning_effort"] = rest.pop("reasoningConfig")["maxReasoningEffort"]
    if "output_config" in rest:
        body["reasoning_effort"] = rest.pop("output_config")["effort"]
    return body | ({"additionalModelRequestFields": rest} if rest else {})


def _tools(config: Json) -> Json:
    body: Json = {"tools": [_tool(tool) for tool in _marked(config["tools"])]}
    choice = config.get("toolChoice")
    if choice is not None:
        words = {"auto": "auto", "any": "required"}
        [(kind, inner)] = choice.items()
        named = {"type": "function", "function": {"name": inner.get("name")}}
        body["tool_choice"] = words.get(kind, named)
    return body


def _tool(tool: Json) -> Json:
    mark = {"cache_control": tool["marker"]} if "marker" in tool else {}
    if "systemTool" in tool:
        return {"type": "systemTool", "systemTool": tool["systemTool"]}
    spec = tool["toolSpec"]
    function = {k: v for k, v in spec.items() if k in ("name", "description", "strict")}
    function["parameters"] = spec["inputSchema"]["json"]
    return {"type": "function", "function": function, **mark}
