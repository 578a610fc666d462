"""One reply, block by block: Converse's stream events become ours.

A reply that came in one piece is taken through the same steps (`parse.py`), so that a stream and a
whole reply cannot be read differently. Text has no opening event, so a block is what its first
delta makes it. Events, blocks and deltas of unknown kinds are no error.
"""

import base64
from collections.abc import Callable, Mapping

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.anthropic.lenient import as_index, as_list, as_object, as_text, parsed_object
from gateway.providers.bedrock.finish import annotations, finish_reason, is_malformed, late_extras
from gateway.providers.bedrock.native import (
    FORMAT,
    NATIVE_CONTENT,
    REASONING,
    NativeContent,
    is_server_tool,
)
from gateway.providers.bedrock.pieces import OpenBlock, decoded, image_url, text_block
from gateway.providers.bedrock.plan import Plan
from gateway.providers.bedrock.usage import read_usage
from gateway.types import events as ev
from gateway.types.json import JsonObject


class ReplySteps:
    """The state of one reply.

    `has_stopped` once the model has finished, `has_ended` once nothing more is to come.
    """

    def __init__(self, plan: Plan, model: str, reply_id: str | None) -> None:
        self._plan = plan
        self._start_event = ev.Start(model, id=reply_id)
        self._open: dict[int, OpenBlock] = {}
        self._native = NativeContent(model)
        self._characters = 0
        self._calls = 0
        self._thoughts = 0
        self._gave_answer = False
        self._has_started = False
        self.has_stopped = False
        self.has_ended = False

    def take(self, name: str, payload: JsonObject) -> list[ev.Event]:
        """Take one native event, by its name, and return ours."""
        step = _STEPS.get(name)
        if step is None or self.has_ended:
            return []
        started = self._started()
        return [*started, *step(self, payload)]

    def fail(self, error: UpstreamError) -> list[ev.Event]:
        """The provider reported an error inside the reply."""
        self.has_ended = True
        return [ev.Error(error)]

    def close(self) -> list[ev.Event]:
        """The upstream closed after the model had finished."""
        self.has_ended = True
        return [ev.End()]

    def _started(self) -> list[ev.Event]:
        if self._has_started:
            return []
        self._has_started = True
        return [self._start_event]

    def _message_start(self, _: JsonObject) -> list[ev.Event]:
        return []

    def _open_block(self, payload: JsonObject) -> list[ev.Event]:
        found = self._close_block(payload)  # one that was never closed
        start = as_object(payload.get("start"))
        block = self._block(payload)
        block.kind = next(iter(start), "")
        block.raw = as_object(start.get(block.kind))
        if block.kind == "toolUse" and not is_server_tool(start):
            found += self._open_call(block)
        return found

    def _open_call(self, block: OpenBlock) -> list[ev.Event]:
        name = as_text(block.raw.get("name"))
        block.is_answer = name == self._plan.json_tool
        if block.is_answer:
            return []
        block.call = self._calls
        self._calls += 1
        block.is_custom = name in self._plan.custom
        call_id = as_text(block.raw.get("toolUseId")) or f"tooluse_{block.call}"
        name = self._plan.names.client(name)
        return [ev.ToolStart(0, block.call, call_id, name, custom=block.is_custom)]

    def _delta(self, payload: JsonObject) -> list[ev.Event]:
        delta = as_object(payload.get("delta"))
        block = self._block(payload)
        found: list[ev.Event] = []
        for name, value in delta.items():
            match name:
                case "text":
                    found += self._say(block, as_text(value))
                case "toolUse":
                    found += self._argue(block, as_text(as_object(value).get("input")))
                case "reasoningContent":
                    found += self._think(block, as_object(value))
                case "citation":
                    block.kind = block.kind or "text"
                    block.citations.append(value)
                case "toolResult":
                    block.results += as_list(value)
                case "image":
                    found += _image(block, as_object(value))
                case _:
                    pass
        return found

    def _block(self, payload: JsonObject) -> OpenBlock:
        index = as_index(payload.get("contentBlockIndex"))
        block = self._open.get(index)
        if block is None:
            block = self._open[index] = OpenBlock()
            block.start = self._characters
        return block

    def _say(self, block: OpenBlock, text: str) -> list[ev.Event]:
        block.kind = block.kind or "text"
        if not text:
            return []
        block.pieces.append(text)
        self._characters += len(text)
        return [ev.Text(0, text)]

    def _think(self, block: OpenBlock, thought: JsonObject) -> list[ev.Event]:
        block.kind = REASONING
        text = as_text(thought.get("text"))
        block.signature += as_text(thought.get("signature"))
        block.redacted += decoded(as_text(thought.get("redactedContent")))
        if not text:
            return []
        block.pieces.append(text)
        return [ev.Reasoning(0, text)]

    def _argue(self, block: OpenBlock, text: str) -> list[ev.Event]:
        if not text:
            return []
        block.pieces.append(text)
        if block.is_answer and not self._gave_answer:
            return [ev.Text(0, text)]
        if block.call is None or block.is_custom:
            return []
        return [ev.ToolArgs(0, block.call, text)]

    def _close_block(self, payload: JsonObject) -> list[ev.Event]:
        block = self._open.pop(as_index(payload.get("contentBlockIndex")), None)
        return self._close(block) if block is not None else []

    def _close(self, block: OpenBlock) -> list[ev.Event]:
        match block.kind:
            case "text":
                self._native.add(text_block(block))
                return annotations(block.citations, block.start, self._characters)
            case "reasoningContent":
                return self._close_thought(block)
            case "toolUse":
                return self._close_call(block)
            case "toolResult":
                self._native.add({"toolResult": {**block.raw, "content": block.results}})
            case "" | "image":
                pass  # never spoke, or was given out when it came
            case kind:
                self._native.add({kind: block.raw})
        return []

    def _close_thought(self, block: OpenBlock) -> list[ev.Event]:
        found: list[ev.Event] = []
        signed = {"signature": block.signature} if block.signature else {}
        thought = {"text": block.joined, **signed}
        if any(thought.values()):
            self._native.add({REASONING: {"reasoningText": thought}})
        if signed:  # without one nobody takes it back: then the text itself says it all
            found += self._opaque({"type": "thinking", **thought})
        if block.redacted:
            data = base64.b64encode(block.redacted).decode()
            self._native.add({REASONING: {"redactedContent": data}})
            found += self._opaque({"type": "redacted", "data": data})
        return found

    def _opaque(self, members: dict[str, str]) -> list[ev.Event]:
        detail = {**members, "format": FORMAT, "index": self._thoughts}
        self._thoughts += 1
        return [ev.ReasoningOpaque(0, detail)]

    def _close_call(self, block: OpenBlock) -> list[ev.Event]:
        arguments = block.joined or "{}"
        if block.is_answer:
            late = not block.joined and not self._gave_answer
            self._gave_answer = True
            return [ev.Text(0, arguments)] if late else []
        use = {**block.raw, "input": parsed_object(arguments)}
        if block.call is None:
            self._native.add({"toolUse": use})
            return []
        use.pop("type", None)  # "tool_use" in replies; requests know only "server_tool_use"
        self._native.add({"toolUse": use})
        found: list[ev.Event] = []
        if block.is_custom:
            text = parsed_object(arguments).get(CUSTOM_INPUT)
            found.append(ev.ToolArgs(0, block.call, text if isinstance(text, str) else arguments))
        elif not block.joined:
            found.append(ev.ToolArgs(0, block.call, arguments))
        return [*found, ev.ToolEnd(0, block.call)]

    def _message_stop(self, payload: JsonObject) -> list[ev.Event]:
        if self.has_stopped:
            return []
        self.has_stopped = True
        found: list[ev.Event] = []
        for index in sorted(self._open):
            found += self._close(self._open[index])
        self._open.clear()
        native = as_text(payload.get("stopReason")) or "end_turn"
        if is_malformed(native) and not (self._characters or self._calls or self._gave_answer):
            message = f"The model's output was malformed ({native}) and nothing of it is left."
            return self.fail(UpstreamError(Failure.SERVER, message, code=native))
        content = self._native.member
        if content is not None and not self._gave_answer:
            found.append(ev.Extra(0, {NATIVE_CONTENT: content}))
        fields = payload.get("additionalModelResponseFields")
        if fields:
            found.append(ev.Extra(None, {"additionalModelResponseFields": fields}))
        reason = finish_reason(native, has_calls=self._calls > 0)
        return [*found, ev.Finish(0, reason, native)]

    def _metadata(self, payload: JsonObject) -> list[ev.Event]:
        found: list[ev.Event] = []
        extras = late_extras(payload)
        if extras:
            found.append(ev.Extra(None, extras))
        usage = read_usage(payload.get("usage"))
        if usage is not None:
            found.append(ev.Usage(usage))
        return [*found, *(self.close() if self.has_stopped else ())]


_STEPS: Mapping[str, Callable[[ReplySteps, JsonObject], list[ev.Event]]] = {
    "messageStart": ReplySteps._message_start,
    "contentBlockStart": ReplySteps._open_block,
    "contentBlockDelta": ReplySteps._delta,
    "contentBlockStop": ReplySteps._close_block,
    "messageStop": ReplySteps._message_stop,
    "metadata": ReplySteps._metadata,
}


def _image(block: OpenBlock, delta: JsonObject) -> list[ev.Event]:
    """Give out a generated image in the member that OpenRouter's clients read."""
    url = image_url(block, delta)
    if url is None:
        return []
    return [ev.Extra(0, {"images": [{"type": "image_url", "image_url": {"url": url}}]})]
