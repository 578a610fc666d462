"""What the stream writer and the completion writer share: ids, finish reasons, usage, details."""

from collections.abc import Mapping
from typing import Any

from gateway.types import events as ev
from gateway.types.chat import Extra
from gateway.types.json import JsonObject
from gateway.types.usage import Usage

ID_PREFIX = "chatcmpl-"
FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})

_RESERVED = frozenset({"id", "object", "created", "model", "choices", "usage", "error"})
_GROWING = frozenset({"text", "summary", "data"})  # members of a detail that come in pieces


def public_id(own: str, start: ev.Start | None) -> str:
    """Return the id clients see: an OpenAI-shaped provider's as it is, any other with the prefix.

    `own` is the gateway's, for providers that give none.
    """
    given = start.id if start is not None and start.id else own
    if (start is not None and start.openai_id and start.id) or given.startswith(ID_PREFIX):
        return given
    return ID_PREFIX + given


def public_reason(reason: str, *, legacy: bool) -> str:
    """Return one of OpenAI's five finish reasons, in the spelling of the client's request."""
    if reason not in FINISH_REASONS:
        return "stop"
    if reason in ("tool_calls", "function_call"):
        return "function_call" if legacy else "tool_calls"
    return reason


def top_level(members: Extra) -> JsonObject:
    """Return members for the top level of a reply, without those that are ours to write."""
    return {name: value for name, value in members.items() if name not in _RESERVED}


def usage_object(event: ev.Usage) -> Mapping[str, Any]:
    """Return OpenAI's `usage`: the provider's own where it has that shape, else from the buckets."""
    return event.raw if event.raw is not None else _from_buckets(event.usage)


def _from_buckets(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read + usage.audio_cache_read,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
            "audio_tokens": usage.audio_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
        },
    }


def call_delta(event: ev.ToolStart, *, legacy: bool) -> JsonObject:
    """Return the delta that opens a call; empty where the deprecated format has no room for it."""
    function = {"name": event.name, "arguments": ""}
    if legacy:
        return {"function_call": function} if event.call == 0 else {}
    call: JsonObject = {**event.extra, "index": event.call, "id": event.id}
    if event.custom:
        call |= {"type": "custom", "custom": {"name": event.name, "input": ""}}
    else:
        call |= {"type": "function", "function": function}
    return {"tool_calls": [call]}


def args_delta(event: ev.ToolArgs, *, custom: bool, legacy: bool) -> JsonObject:
    """Return the delta that goes on with a call; empty as for `call_delta`."""
    if legacy:
        return {"function_call": {"arguments": event.text}} if event.call == 0 else {}
    inner = {"custom": {"input": event.text}} if custom else {"function": {"arguments": event.text}}
    return {"tool_calls": [{"index": event.call, **inner}]}


class ReasoningDetails:
    """Collects `reasoning_details` and numbers them 0, 1, 2 …, which accumulating clients need.

    SDKs join the fragments of a block by its `index` and append every string they meet, so a
    fragment repeats nothing that was said before.
    """

    def __init__(self) -> None:
        self.blocks: list[JsonObject] = []
        self._places: dict[tuple[int, str], int] = {}

    def add(self, detail: Mapping[str, Any]) -> JsonObject:
        """Take a block or a fragment, and return what a stream says of it."""
        source = detail.get("index")
        key = (source, str(detail.get("type"))) if isinstance(source, int) else None
        place = self._places.get(key) if key is not None else None
        if place is None:
            block = {**detail, "index": len(self.blocks)}
            if key is not None:
                self._places[key] = block["index"]
            self.blocks.append(block)
            return dict(block)
        block = self.blocks[place]
        news: JsonObject = {"index": place}
        for name, value in detail.items():
            if name == "index" or value is None or (name not in _GROWING and _is_told(block, name)):
                continue
            news[name] = value
            before = block.get(name)
            joined = isinstance(before, str) and isinstance(value, str)
            block[name] = before + value if joined else value
        return news


def _is_told(block: JsonObject, name: str) -> bool:
    return block.get(name) is not None
