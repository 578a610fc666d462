"""An independent reading of OpenAI-format replies and requests: shares nothing with the gateway.

Replies are read straight from the recorded JSON or stream, by the plainest code that works, and
dialects are told apart by provider name; the gateway must arrive at the same answer its own way.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FINISH = {"eos": "stop", "function_call": "tool_calls", "": None}
OWN = ("openai", "azure")
"""Providers whose finish reason is shown as it is; others say "stop" after tool calls."""


@dataclass
class Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class Choice:
    text: str = ""
    reasoning: str = ""
    details: str = ""  # the same thoughts, where a provider gives them only so
    refusal: str = ""
    calls: list[Call] = field(default_factory=list)
    finish: str | None = None


@dataclass
class Answer:
    choices: dict[int, Choice] = field(default_factory=dict)
    usage: dict[str, Any] | None = None
    error: bool = False
    model: str = ""
    id: str = ""

    def choice(self, index: int) -> Choice:
        return self.choices.setdefault(index, Choice())


def frames(body: bytes) -> list[bytes]:
    """Return the frames of a stream, each with the blank line that ends it."""
    text = body.replace(b"\r\n", b"\n")
    return [frame + b"\n\n" for frame in text.split(b"\n\n") if frame.strip()]


def chunks(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the parsed chunks of a stream, without comments and the end marker."""
    for line in body.decode().splitlines():
        if line.startswith("data:") and line[5:].strip() not in ("", "[DONE]"):
            yield json.loads(line[5:])


def read_answer(body: bytes, provider: str) -> Answer:
    """Read a reply, stream or not."""
    answer = Answer()
    whole = body.lstrip().startswith(b"{")
    for chunk in [json.loads(body)] if whole else chunks(body):
        answer.error = answer.error or bool(chunk.get("error"))
        answer.model = answer.model or chunk.get("model") or ""
        answer.id = answer.id or chunk.get("id") or ""
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        if usage and usage.get("completion_tokens") is not None:
            answer.usage = usage
        for node in chunk.get("choices") or []:
            choice = answer.choice(node.get("index", 0))
            if whole or "delta" in node:
                grow(choice, node["message" if whole else "delta"], whole=whole)
            reason = FINISH.get(node.get("finish_reason"), node.get("finish_reason"))
            choice.finish = choice.finish or reason
    for choice in answer.choices.values():
        conclude(choice, provider)
    return answer


def grow(choice: Choice, message: dict[str, Any], *, whole: bool) -> None:
    content = message.get("content")
    if isinstance(content, dict):
        choice.text += json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    elif isinstance(content, list):
        for part in content:
            if part["type"] == "text":
                choice.text += part["text"]
            elif part["type"] == "thinking":
                choice.reasoning += "".join(piece["text"] for piece in part["thinking"])
    else:
        choice.text += content or ""
    choice.reasoning += message.get("reasoning_content") or message.get("reasoning") or ""
    for detail in message.get("reasoning_details") or []:
        choice.details += detail.get("text") or detail.get("summary") or ""
    choice.refusal += message.get("refusal") or ""
    for node in message.get("tool_calls") or []:
        add_call(choice, node, whole=whole)
    legacy = message.get("function_call") or {}
    if legacy.get("name"):
        choice.calls.append(Call("", legacy["name"], legacy.get("arguments") or ""))
    elif legacy.get("arguments"):
        choice.calls[-1].arguments += legacy["arguments"]


def add_call(choice: Choice, node: dict[str, Any], *, whole: bool) -> None:
    custom = node.get("type") == "custom" or "function" not in node
    inner = node["custom" if custom else "function"]
    arguments = inner.get("input" if custom else "arguments") or ""
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, separators=(",", ":"))
    number = node.get("index")
    if whole or number is None or number >= len(choice.calls):
        choice.calls.append(Call(node.get("id") or "", inner.get("name") or "", arguments))
    else:
        choice.calls[number].arguments += arguments


def conclude(choice: Choice, provider: str) -> None:
    """Say how the choice ended, in OpenAI's words."""
    if choice.calls and provider not in OWN and choice.finish in (None, "stop"):
        choice.finish = "tool_calls"
    choice.finish = choice.finish or "stop"
    choice.reasoning = choice.reasoning or choice.details
    for call in choice.calls:
        call.arguments = call.arguments or "{}"


def bare_request(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request without what the gateway writes differently on purpose.

    Null is absent, and so is an empty list of tools, calls or stops; a single stop string is a list of one; earlier reasoning, markers and call
    indexes are no part of OpenAI's format; usage is always asked for on streams.
    """
    bare = {name: value for name, value in body.items() if value is not None}
    bare["messages"] = [bare_message(message) for message in body["messages"]]
    bare["tools"] = [bare_tool(tool) for tool in bare.get("tools") or []]
    if isinstance(bare.get("stop"), str):
        bare["stop"] = [bare["stop"]]
    bare["stop"] = bare.get("stop") or []
    if bare.get("tool_choice") == "any":
        bare["tool_choice"] = "required"
    if bare.pop("stream", False):
        bare["stream"] = True
        bare["stream_options"] = {**(bare.get("stream_options") or {}), "include_usage": True}
    else:
        bare.pop("stream_options", None)
    for name in ("max_tokens", "max_completion_tokens"):
        if name in bare:
            bare["limit"] = bare.pop(name)
    bare.pop("thinking", None)
    bare.pop("reasoning", None)
    return bare


def bare_message(message: dict[str, Any]) -> dict[str, Any]:
    dropped = ("reasoning", "reasoning_content", "reasoning_details", "cache_control")
    bare = {n: v for n, v in message.items() if v is not None and n not in dropped}
    if not bare.get("tool_calls"):
        bare.pop("tool_calls", None)
    bare.setdefault("content", None)
    if isinstance(bare["content"], list):
        bare["content"] = [bare_part(part) for part in bare["content"]]
    if "tool_calls" in bare:
        bare["tool_calls"] = [bare_call(call) for call in bare["tool_calls"]]
    if bare["role"] == "developer":
        bare["role"] = "system"
    return bare


def bare_part(part: dict[str, Any]) -> dict[str, Any]:
    bare = {n: v for n, v in part.items() if v is not None and n != "cache_control"}
    if isinstance(bare.get("image_url"), str):
        bare["image_url"] = {"url": bare["image_url"]}
    return bare


def bare_call(call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", **{n: v for n, v in call.items() if n != "index"}}


def bare_tool(tool: dict[str, Any]) -> dict[str, Any]:
    bare = {n: v for n, v in tool.items() if n != "cache_control"}
    if "function" in bare:
        function = {n: v for n, v in bare["function"].items() if v is not None}
        bare = {"type": "function", **bare, "function": function}
    return bare
