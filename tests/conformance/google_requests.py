"""Puts recorded Gemini requests into OpenAI's words, by hand, for round trips."""

import base64
import copy
import json
import re
from typing import Any

Json = dict[str, Any]

SKIPS_VALIDATION = base64.b64encode(b"skip_thought_signature_validator").decode()
_STRUCTURE = (
    "allowed_function_names", "code_execution", "file_data", "file_search", "file_uri",
    "function_call", "function_calling_config", "function_declarations", "function_response",
    "google_search", "inline_data", "mime_type", "parameters_json_schema", "response_json_schema",
    "response_mime_type", "response_schema", "stop_sequences", "thought_signature", "url_context",
)  # fmt: skip
_AS_THEY_ARE = ("cachedContent", "labels", "modelArmorConfig", "safetySettings")
_CONFIG = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "candidateCount": "n",
    "stopSequences": "stop",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
_OWN_CONFIG = ("responseSchema", "thinkingConfig")
_OPAQUE = ("args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema")
_PLAIN = ("text", "functionCall")
_STARTS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "JVBERi": "application/pdf"}


class NotExpressible(Exception):
    """The request uses something that OpenAI's format has no words for."""


def normal(request: Json, model: str) -> Json:
    """Return the native request in the one spelling that the gateway writes."""
    found: Json = _camel(copy.deepcopy(request))
    contents = found["contents"]
    turns = _numbered(contents if isinstance(contents, list) else [contents])
    found["contents"] = _merged(turns, signs=_signs(model))
    if "systemInstruction" in found:
        found["systemInstruction"] = {"parts": found["systemInstruction"]["parts"]}
    if "tools" in found:
        found["tools"] = _tools(found["tools"])
    calling = found.get("toolConfig", {}).get("functionCallingConfig")
    if calling is not None:
        calling["mode"] = calling["mode"].upper()
        if "allowedFunctionNames" in calling:
            calling["allowedFunctionNames"].sort()
    found["generationConfig"] = {
        name: value
        for name, value in found.get("generationConfig", {}).items()
        if value not in (None, [], {})
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def to_openai(native: Json, model: str) -> Json:
    """Return the chat request that says what a native request in its normal form says."""
    body: Json = {"model": model, "messages": []}
    for part in native.get("systemInstruction", {}).get("parts", []):
        body["messages"].append({"role": "system", "content": [_part(part)]})
    for turn in native["contents"]:
        body["messages"] += _messages(turn)
    for name, value in native.get("generationConfig", {}).items():
        body |= _setting(name, value)
    schema = native.get("generationConfig", {}).get("responseJsonSchema")
    if schema is not None:
        form = {"name": "n", "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    tools = native.get("tools", [])
    if tools:
        body["tools"] = [spelled for tool in tools for spelled in _openai_tools(tool)]
    body |= _choice(native.get("toolConfig", {}), body)
    body |= {name: native[name] for name in _AS_THEY_ARE if name in native}
    return body


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: Json = {}
    for name, member in value.items():
        respelled = _respelled(name) if name in _STRUCTURE else name
        found[respelled] = member if respelled in _OPAQUE else _camel(member)
    return found


def _respelled(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _numbered(turns: list[Json]) -> list[Json]:
    """Give each call without an id one, and its result the same, in order."""
    waiting: list[str] = []
    count = 0
    for turn in turns:
        turn.setdefault("role", "user")
        if turn["role"] not in ("user", "model"):
            raise NotExpressible("a role that is none")
        for part in turn["parts"]:
            if "functionCall" in part:
                count += 1
                waiting.append(part["functionCall"].setdefault("id", f"call_{count}"))
            if "functionResponse" in part:
                given = part["functionResponse"].setdefault("id", waiting[0])
                waiting.remove(given)
            if "inlineData" in part:
                _canonical(part["inlineData"])
            for inner in part.get("functionResponse", {}).get("parts", []):
                _canonical(inner.get("inlineData", {}))
    return turns


def _canonical(blob: Json) -> None:
    if "data" in blob:
        data = base64.urlsafe_b64decode(blob["data"].replace("+", "-").replace("/", "_"))
        blob["data"] = base64.b64encode(data).decode()
        kinds = (kind for start, kind in _STARTS.items() if blob["data"].startswith(start))
        blob["mimeType"] = next(kinds, blob["mimeType"])  # the bytes decide over the label


def _merged(turns: list[Json], *, signs: bool) -> list[Json]:
    """Merge turns of one role; the results of calls are a turn of their own."""
    found: list[Json] = []
    for turn in turns:
        parts = turn["parts"]
        if turn["role"] == "model":
            groups = [("model", said(parts, signs=signs))]
        else:
            results = [part for part in parts if "functionResponse" in part]
            groups = [("results", results), ("user", [p for p in parts if p not in results])]
        for kind, group in groups:
            if group and found and found[-1]["kind"] == kind:
                found[-1]["parts"] += group
            elif group:
                found.append({"kind": kind, "parts": group})
    return [
        {"role": "model" if turn["kind"] == "model" else "user", "parts": turn["parts"]}
        for turn in found
    ]


def said(parts: list[Json], *, signs: bool) -> list[Json]:
    """Return what an answer says to the model: no unsigned thoughts, no unsigned silence."""
    found: list[Json] = []
    for part in parts:
        if part.get("thoughtSignature") == SKIPS_VALIDATION and not signs:
            del part["thoughtSignature"]  # older models have nothing to validate
        signed = "thoughtSignature" in part
        if not signed and (part.get("thought") or part.get("text") == ""):
            continue
        if found and part.keys() == found[-1].keys() == {"text"}:
            found[-1] = {"text": found[-1]["text"] + part["text"]}
        else:
            found.append(part)
    calls = [part for part in found if "functionCall" in part]
    if signs and calls:
        calls[0].setdefault("thoughtSignature", SKIPS_VALIDATION)
    return found


def _signs(model: str) -> bool:
    return not re.match(r"gemini-(1|2)|gemma", model)


def _tools(tools: Json | list[Json]) -> list[Json]:
    """Write one list of declarations, each with a JSON Schema."""
    found: list[Json] = []
    declared: list[Json] = []
    for tool in tools if isinstance(tools, list) else [tools]:
        for name, value in tool.items():
            if name != "functionDeclarations":
                found.append({name: value})
                continue
            if not declared:
                found.append({name: declared})
            declared += [_declaration(one) for one in value]
    return found


def _declaration(one: Json) -> Json:
    known = {name: value for name, value in one.items() if value is not None}
    if "parameters" in known:
        known["parametersJsonSchema"] = known.pop("parameters")
    return known


def _messages(turn: Json) -> list[Json]:
    parts = turn["parts"]
    if turn["role"] == "model":
        return [_assistant(group) for group in _steps(parts)]
    if "functionResponse" in parts[0]:
        return [_result(part["functionResponse"]) for part in parts]
    return [{"role": "user", "content": [_part(part) for part in parts]}]


def _steps(parts: list[Json]) -> list[list[Json]]:
    """Part what were several messages: each of them had its first call signed."""
    found: list[list[Json]] = [[]]
    for part in parts:
        follows_call = bool(found[-1]) and "functionCall" in found[-1][-1]
        if part.get("thoughtSignature") == SKIPS_VALIDATION and follows_call:
            found.append([])
        found[-1].append(part)
    return found


def _result(result: Json) -> Json:
    content: Any = json.dumps(result["response"])
    if "parts" in result:
        text = [{"type": "text", "text": content}] if result["response"] else []
        content = [*text, *(_part(part) for part in result["parts"])]
    return {"role": "tool", "tool_call_id": result["id"], "content": content}


def _part(part: Json) -> Json:
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "inlineData" in part:
        blob = part["inlineData"]
        url = f"data:{blob['mimeType']};base64,{blob['data']}"
        if blob["mimeType"].startswith("image/"):
            return {"type": "image_url", "image_url": {"url": url}}
        return {"type": "file", "file": {"file_data": url}}
    file = part["fileData"]
    named = {"format": file["mimeType"]} if "mimeType" in file else {}
    if "/files/" in file["fileUri"] or file["fileUri"].startswith("gs:"):
        return {"type": "file", "file": {"file_id": file["fileUri"], **named}}
    if named.get("format", "").startswith("image/"):
        return {"type": "image_url", "image_url": {"url": file["fileUri"], **named}}
    return {"type": "file", "file": {"file_data": file["fileUri"], **named}}


def _assistant(parts: list[Json]) -> Json:
    message: Json = {"role": "assistant", "content": ""}
    details: list[Json] = []
    calls: list[Json] = []
    for part in parts:
        signature = part.get("thoughtSignature")
        if "functionCall" in part:
            calls.append(_call(part["functionCall"], signature))
            continue
        text = part.get("text", "")
        if part.get("thought"):
            detail = {"type": "thinking", "text": text, "signature": signature}
            details.append({**detail, "format": "gemini"})
            continue
        start = len(message["content"])
        message["content"] += text
        if signature and "text" in part:
            place = {"text_start": start, "text_end": start + len(text)}
            detail = {"type": "encrypted", "data": signature, "format": "gemini"}
            details.append(detail | place)
    if any(not part.keys() & set(_PLAIN) for part in parts):
        message["provider_content"] = {"format": "gemini", "content": parts}
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    return message


def _call(call: Json, signature: str | None) -> Json:
    function = {"name": call["name"], "arguments": json.dumps(call.get("args", {}))}
    spelled: Json = {"id": call["id"], "type": "function", "function": function}
    if signature and signature != SKIPS_VALIDATION:
        spelled["extra_content"] = {"google": {"thought_signature": signature}}
    return spelled


def _setting(name: str, value: Any) -> Json:
    if name in _CONFIG:
        return {_CONFIG[name]: int(value) if name == "topK" else value}
    if name == "responseMimeType":
        return {"response_format": {"type": "json_object"}}
    if name == "responseModalities":
        return {"modalities": [word.lower() for word in value]}
    if name in _OWN_CONFIG:
        return {name: value}
    if name == "responseJsonSchema":
        return {}
    raise NotExpressible(name)


def _openai_tools(tool: Json) -> list[Json]:
    if "functionDeclarations" in tool:
        return [
            {"type": "function", "function": _function(f)} for f in tool["functionDeclarations"]
        ]
    [(name, settings)] = tool.items()
    kind = re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)
    return [{"type": kind, kind: settings}]


def _function(declared: Json) -> Json:
    names = {"parametersJsonSchema": "parameters"}
    return {names.get(name, name): value for name, value in declared.items()}


def _choice(config: Json, body: Json) -> Json:
    found: Json = {}
    own = {name: value for name, value in config.items() if name != "functionCallingConfig"}
    if own:
        found["tool_config"] = own
    calling = config.get("functionCallingConfig", {})
    names = calling.get("allowedFunctionNames")
    match calling.get("mode"):
        case "AUTO":
            found["tool_choice"] = "auto"
        case "NONE":
            found["tool_choice"] = "none"
        case "ANY" if names is None:
            found["tool_choice"] = "required"
        case "ANY":
            named = [{"type": "function", "function": {"name": name}} for name in names]
            allowed = {"mode": "required", "tools": named}
            choice = {"type": "allowed_tools", "allowed_tools": allowed}
            found["tool_choice"] = named[0] if len(named) == 1 else choice
        case "VALIDATED":
            for tool in body["tools"]:
                if tool["type"] == "function":
                    tool["function"]["strict"] = True
        case _:
            pass
    return found
