"""One reply, block by block: Anthropic's stream events become ours.

A reply that came in one piece is taken through the same steps (`parse.py`), so that a stream and a
whole reply cannot be read differently. Blocks and events of unknown types are no error: Anthropic
adds them without a new version.
"""

from collections.abc import Callable, Mapping

import orjson

from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.anthropic.errors import error_in_reply
from gateway.providers.anthropic.finish import (
    annotations,
    call_extras,
    finish_reason,
    stop_extras,
    top_level_extras,
)
from gateway.providers.anthropic.lenient import as_index, as_list, as_object, as_text, parsed_object
from gateway.providers.anthropic.native import FORMAT, NATIVE_CONTENT, NativeContent
from gateway.providers.anthropic.plan import Plan
from gateway.providers.anthropic.usage import UsageTotals
from gateway.types import events as ev
from gateway.types.json import JsonObject

_TIERS: Mapping[str, str] = {"standard": "default", "priority": "priority"}


class _Block:
    """A content block in the making."""

    def __init__(self, raw: JsonObject) -> None:
        self.raw = raw
        self.kind = raw.get("type")
        self.pieces: list[str] = []
        self.start = 0  # where its text begins in the whole answer, in characters
        self.call = 0  # the index of its tool call
        self.is_custom = False
        self.is_answer = False  # the tool that carries a JSON answer


class ReplySteps:
    """The state of one reply. `has_ended` once the provider said that it is over, or failed."""

    def __init__(self, plan: Plan, model: str) -> None:
        self._plan = plan
        self._model = model
        self._open: dict[int, _Block] = {}
        self._native = NativeContent()
        self._usage = UsageTotals()
        self._characters = 0
        self._calls = 0
        self._thoughts = 0
        self._gave_answer = False
        self._has_started = False
        self._has_finished = False
        self.has_ended = False

    def take(self, event: JsonObject) -> list[ev.Event]:
        """Take one native event and return ours."""
        step = _STEPS.get(as_text(event.get("type")))
        if step is None:
            return []
        if self._has_started or step in _FIRST_STEPS:
            return step(self, event)
        return [*self._start({}), *step(self, event)]

    def _start(self, event: JsonObject) -> list[ev.Event]:
        if self._has_started:
            return []
        self._has_started = True
        message = as_object(event.get("message"))
        usage = as_object(message.get("usage"))
        self._usage.update(usage)
        tier = _TIERS.get(str(usage.get("service_tier")))
        start = ev.Start(
            str(message.get("model") or self._model),
            id=as_text(message.get("id")) or None,
            extra={"service_tier": tier} if tier else {},
        )
        extras = top_level_extras(message)
        found: list[ev.Event] = [start, *self._usage.events()]
        return [*found, ev.Extra(None, extras)] if extras else found

    def _open_block(self, event: JsonObject) -> list[ev.Event]:
        raw = as_object(event.get("content_block"))
        block = self._open[as_index(event.get("index"))] = _Block(raw)
        block.start = self._characters
        match block.kind:
            case "text":
                return self._say(block, as_text(raw.get("text")))
            case "thinking":
                return self._think(block, as_text(raw.get("thinking")))
            case "tool_use":
                return self._open_call(block)
            case _:
                return []

    def _open_call(self, block: _Block) -> list[ev.Event]:
        name = as_text(block.raw.get("name"))
        block.is_answer = name == self._plan.json_tool
        if block.is_answer:
            return []
        block.call = self._calls
        self._calls += 1
        block.is_custom = name in self._plan.custom
        return [
            ev.ToolStart(
                0,
                block.call,
                as_text(block.raw.get("id")) or f"toolu_{block.call}",
                self._plan.names.client(name),
                custom=block.is_custom,
                extra=call_extras(block.raw),
            )
        ]

    def _delta(self, event: JsonObject) -> list[ev.Event]:
        delta = as_object(event.get("delta"))
        kind = delta.get("type")
        index = as_index(event.get("index"))
        block = self._open.get(index)
        if block is None:  # a block that never opened: servers that imitate the format do this
            block = _implied_block(kind)
            if block is None:
                return []
            self._open[index] = block
            block.start = self._characters
        match kind:
            case "text_delta":
                return self._say(block, as_text(delta.get("text")))
            case "input_json_delta":
                return self._argue(block, as_text(delta.get("partial_json")))
            case "thinking_delta":
                return self._think(block, as_text(delta.get("thinking")))
            case "signature_delta":
                signature = as_text(block.raw.get("signature")) + as_text(delta.get("signature"))
                block.raw["signature"] = signature
            case "citations_delta":
                known = as_list(block.raw.get("citations"))
                block.raw["citations"] = [*known, delta.get("citation")]
            case _:
                _add_unknown(block.raw, delta)
        return []

    def _say(self, block: _Block, text: str) -> list[ev.Event]:
        if not text:
            return []
        block.pieces.append(text)
        self._characters += len(text)
        return [ev.Text(0, text)]

    def _think(self, block: _Block, text: str) -> list[ev.Event]:
        if not text:
            return []
        block.pieces.append(text)
        return [ev.Reasoning(0, text)]

    def _argue(self, block: _Block, text: str) -> list[ev.Event]:
        if not text:
            return []
        block.pieces.append(text)
        if block.kind != "tool_use" or block.is_custom:
            return []
        if block.is_answer:
            return [] if self._gave_answer else [ev.Text(0, text)]
        return [ev.ToolArgs(0, block.call, text)]

    def _close_block(self, event: JsonObject) -> list[ev.Event]:
        block = self._open.pop(as_index(event.get("index")), None)
        return self._close(block) if block is not None else []

    def _close(self, block: _Block) -> list[ev.Event]:
        joined = "".join(block.pieces)
        match block.kind:
            case "text":
                self._native.add({**block.raw, "text": joined})
                return annotations(block.raw, block.start, self._characters)
            case "thinking":
                self._native.add({**block.raw, "thinking": joined})
                return self._opaque(
                    type="thinking", text=joined, signature=as_text(block.raw.get("signature"))
                )
            case "redacted_thinking":
                self._native.add(block.raw)
                return self._opaque(type="redacted", data=as_text(block.raw.get("data")))
            case "tool_use":
                return self._close_call(block, joined)
            case _:
                if joined:  # the input of a tool that ran on the provider's side
                    block.raw["input"] = parsed_object(joined)
                self._native.add(block.raw)
                return []

    def _close_call(self, block: _Block, joined: str) -> list[ev.Event]:
        arguments = joined or orjson.dumps(block.raw.get("input") or {}).decode()
        if block.is_answer:
            late = not joined and not self._gave_answer
            self._gave_answer = True
            return [ev.Text(0, arguments)] if late else []
        if joined:
            block.raw["input"] = parsed_object(joined)
        self._native.add(block.raw)
        found: list[ev.Event] = []
        if block.is_custom:
            text = parsed_object(arguments).get(CUSTOM_INPUT)
            found.append(ev.ToolArgs(0, block.call, text if isinstance(text, str) else arguments))
        elif not joined:
            found.append(ev.ToolArgs(0, block.call, arguments))
        return [*found, ev.ToolEnd(0, block.call)]

    def _opaque(self, **members: str) -> list[ev.Event]:
        known = {name: value for name, value in members.items() if value}
        if known.keys() <= {"type"}:
            return []
        detail = {**known, "format": FORMAT, "index": self._thoughts}
        self._thoughts += 1
        return [ev.ReasoningOpaque(0, detail)]

    def _message_delta(self, event: JsonObject) -> list[ev.Event]:
        delta = as_object(event.get("delta"))
        self._usage.update(event.get("usage"))
        found: list[ev.Event] = []
        extras = top_level_extras({**event, **delta})
        if self._usage.server_tools:
            extras["server_tool_use"] = self._usage.server_tools
        if extras:
            found.append(ev.Extra(None, extras))
        native = delta.get("stop_reason")
        if isinstance(native, str) and not self._has_finished:
            found.extend(self._finish(native, delta))
        return [*found, *self._usage.events()]

    def _finish(self, native: str | None, delta: JsonObject) -> list[ev.Event]:
        found: list[ev.Event] = []
        for index in sorted(self._open):
            found.extend(self._close(self._open[index]))
        self._open.clear()
        self._has_finished = True
        refusal = as_text(as_object(delta.get("stop_details")).get("explanation"))
        if native == "refusal" and refusal:
            found.append(ev.Refusal(0, refusal))
        content = self._native.member
        if content is not None and not self._gave_answer:
            found.append(ev.Extra(0, {NATIVE_CONTENT: content}))
        extras = stop_extras(delta)
        if extras:
            found.append(ev.Extra(0, extras, beside=True))
        reason = finish_reason(native, has_calls=self._calls > 0, gave_answer=self._gave_answer)
        return [*found, ev.Finish(0, reason, native)]

    def _stop(self, _: JsonObject) -> list[ev.Event]:
        found = [] if self._has_finished else self._finish(None, {})
        self.has_ended = True
        return [*found, ev.End()]

    def _fail(self, event: JsonObject) -> list[ev.Event]:
        self.has_ended = True
        return [ev.Error(error_in_reply(event))]


_STEPS: Mapping[str, Callable[[ReplySteps, JsonObject], list[ev.Event]]] = {
    "message_start": ReplySteps._start,
    "content_block_start": ReplySteps._open_block,
    "content_block_delta": ReplySteps._delta,
    "content_block_stop": ReplySteps._close_block,
    "message_delta": ReplySteps._message_delta,
    "message_stop": ReplySteps._stop,
    "error": ReplySteps._fail,
}
_FIRST_STEPS = (ReplySteps._start, ReplySteps._fail)


def _implied_block(delta_kind: object) -> _Block | None:
    match delta_kind:
        case "text_delta":
            return _Block({"type": "text"})
        case "thinking_delta":
            return _Block({"type": "thinking"})
        case _:
            return None


def _add_unknown(raw: JsonObject, delta: JsonObject) -> None:
    """Apply a delta of an unknown type as the known ones work: text grows, the rest is set."""
    for name, value in delta.items():
        if name == "type":
            continue
        old = raw.get(name)
        raw[name] = old + value if isinstance(old, str) and isinstance(value, str) else value
