"""An independent reading of Google's replies: shares nothing with the gateway.

Replies are read straight from the recorded JSON, put together by hand where they were streamed.
"""

from typing import Any

Json = dict[str, Any]

FILTERED = ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "MODEL_ARMOR")


def whole(fragments: list[Json]) -> Json:
    """Put the fragments of a reply together into one that says the same."""
    joined: Json = {"parts": [], "usage": {}, "grounding": {}, "finish": None}
    for fragment in fragments:
        for name in ("responseId", "modelVersion", "createTime", "promptFeedback"):
            if name in fragment:
                joined.setdefault(name, fragment[name])
        joined["usage"] |= fragment.get("usageMetadata", {})
        for candidate in fragment.get("candidates", []):
            joined["parts"] += (candidate.get("content") or {}).get("parts", [])
            joined["finish"] = candidate.get("finishReason") or joined["finish"]
            joined["grounding"] = candidate.get("groundingMetadata") or joined["grounding"]
            joined["message"] = candidate.get("finishMessage") or joined.get("message")
    return joined


def expected(reply: Json) -> Json:
    """Say what a chat completion of this reply must hold."""
    parts = reply["parts"]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
    return {
        "id": "chatcmpl-" + reply.get("responseId", "own"),
        "model": reply["modelVersion"],
        "content": text,
        "reasoning": "".join(p.get("text", "") for p in parts if p.get("thought")),
        "calls": [(call["name"], call.get("args", {})) for call in calls],
        "ids": [call["id"] for call in calls if "id" in call],
        "signatures": [p.get("thoughtSignature") for p in parts if "functionCall" in p],
        "cited": _cited(reply["grounding"]),
        "finish": _finish(reply["finish"], calls, parts),
        "usage": _usage(reply["usage"]),
    }


def _finish(reason: Any, calls: list[Json], parts: list[Json]) -> str:
    if reason in ("STOP", 1):
        return "tool_calls" if calls else "stop"
    if reason in ("MAX_TOKENS", 2):
        return "length"
    if reason in FILTERED:
        return "content_filter"
    assert parts, reason
    return "stop"


def _usage(usage: Json) -> tuple[int, ...]:
    prompt = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
    thought = usage.get("thoughtsTokenCount", 0)
    completion = usage.get("candidatesTokenCount", 0) + thought
    cached = usage.get("cachedContentTokenCount", 0)
    heard = sum(
        sign * detail["tokenCount"]
        for sign, name in ((1, "promptTokensDetails"), (-1, "cacheTokensDetails"))
        for detail in usage.get(name, [])
        if detail["modality"] == "AUDIO"
    )
    return (prompt, cached, heard, completion, thought, prompt + completion)


def _cited(grounding: Json) -> list[tuple[str, str]]:
    """Return each cited address with the text that stands on it."""
    chunks = grounding.get("groundingChunks", [])
    supports = grounding.get("groundingSupports", [])
    addresses = [next(iter(chunk.values())).get("uri") for chunk in chunks]
    if not supports:
        return [(uri, "") for uri in addresses if uri]
    return [
        (addresses[index], support["segment"]["text"])
        for support in supports
        for index in support.get("groundingChunkIndices", [])
        if addresses[index]
    ]
