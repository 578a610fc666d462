"""Gathers the events of a reply into one OpenAI chat completion."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.types import events as ev
from gateway.types.chat import ChatRequest, Extra
from gateway.types.json import JsonObject
from gateway.wire.chat_shape import (
    ReasoningDetails,
    public_id,
    public_reason,
    top_level,
    usage_object,
)


class _Call:
    """A tool call being gathered."""

    def __init__(self, event: ev.ToolStart) -> None:
        self.start = event
        self.args: list[str] = []

    def body(self) -> JsonObject:
        text = "".join(self.args)
        call: JsonObject = {**self.start.extra, "id": self.start.id}
        if self.start.custom:
            return {**call, "type": "custom", "custom": {"name": self.start.name, "input": text}}
        return {**call, "type": "function", "function": self.function()}

    def function(self) -> JsonObject:
        return {"name": self.start.name, "arguments": "".join(self.args) or "{}"}


class _Choice:
    """One choice being gathered."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.details = ReasoningDetails()
        self.calls: dict[int, _Call] = {}
        self.annotations: list[Mapping[str, Any]] = []
        self.logprobs: JsonObject | None = None
        self.audio: JsonObject = {}
        self.extra: JsonObject = {}
        self.beside: JsonObject = {}
        self.finish: ev.Finish | None = None

    def add_logprobs(self, logprobs: Mapping[str, Any]) -> None:
        if self.logprobs is None:
            self.logprobs = {}
        for name, value in logprobs.items():
            before = self.logprobs.get(name)
            if isinstance(before, list) and isinstance(value, list):
                self.logprobs[name] = before + value
            elif before is None or value:
                self.logprobs[name] = value

    def add_audio(self, audio: Mapping[str, Any]) -> None:
        for name, value in audio.items():
            before = self.audio.get(name) if name in ("data", "transcript") else None
            both = isinstance(before, str) and isinstance(value, str)
            self.audio[name] = f"{before}{value}" if both else value

    def body(self, index: int, *, legacy: bool) -> JsonObject:
        finish = self.finish
        if finish is not None and finish.native and finish.native != finish.reason:
            self.beside.setdefault("native_finish_reason", finish.native)
        reason = None if finish is None else public_reason(finish.reason, legacy=legacy)
        return {
            **self.beside,
            "index": index,
            "message": self._message(legacy=legacy),
            "logprobs": self.logprobs,
            "finish_reason": reason,
        }

    def _message(self, *, legacy: bool) -> JsonObject:
        content: str | None = "".join(self.text)
        if not content and (self.calls or self.refusal or self.audio):
            content = None
        message: JsonObject = {
            **self.extra,
            "role": "assistant",
            "content": content,
            "refusal": "".join(self.refusal) or None,
        }
        calls = [self.calls[place] for place in sorted(self.calls)]
        if calls and legacy:
            message["function_call"] = calls[0].function()
        elif calls:
            message["tool_calls"] = [call.body() for call in calls]
        if self.annotations:
            message["annotations"] = self.annotations
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.details.blocks:
            message["reasoning_details"] = self.details.blocks
        if self.audio:
            message["audio"] = self.audio
        return message


class CompletionWriter:
    """Turns events into one JSON body; the arguments are those of `StreamWriter`.

    A stream and a completion of the same events say the same. `usage_extra`, where set, becomes
    the member `gateway`.
    """

    def __init__(
        self,
        chat: ChatRequest,
        *,
        id: str,  # noqa: A002  # the member's name in the body
        created: int,
        model: str,
    ) -> None:
        self.usage_extra: JsonObject | None = None
        self._legacy = chat.legacy_functions
        self._id = id
        self._created = created
        self._model = model
        self._start: ev.Start | None = None
        self._choices: dict[int, _Choice] = {}
        self._top: JsonObject = {}
        self._usage: ev.Usage | None = None
        self._verbatim: bytes | None = None

    def add(self, event: ev.Event) -> None:  # noqa: C901, PLR0912  # one line for each kind of event
        """Take the next event. An `Error` adds nothing: the caller answers with it instead."""
        match event:
            case ev.Text(choice, text):
                self._choice(choice).text.append(text)
            case ev.ToolArgs(choice, call, text):
                self._call(choice, call).args.append(text)
            case ev.Reasoning(choice, text):
                self._choice(choice).reasoning.append(text)
            case ev.ReasoningOpaque(choice, detail):
                self._choice(choice).details.add(detail)
            case ev.Refusal(choice, text):
                self._choice(choice).refusal.append(text)
            case ev.ToolStart(choice, call):
                self._choice(choice).calls[call] = _Call(event)
            case ev.Annotation(choice, annotation):
                self._choice(choice).annotations.append(annotation)
            case ev.Logprobs(choice, logprobs):
                self._choice(choice).add_logprobs(logprobs)
            case ev.Audio(choice, audio):
                self._choice(choice).add_audio(audio)
            case ev.Finish(choice):
                self._choice(choice).finish = event
            case ev.Extra():
                self._add_extra(event)
            case ev.Start():
                self._start = self._start or event
            case ev.Usage():
                self._usage = event
            case ev.Verbatim(data):
                self._verbatim = data
            case ev.ToolEnd() | ev.Error() | ev.End():
                pass

    def body(self, gateway: JsonObject | None = None) -> bytes:
        """Return the completion; a provider's own body unchanged where it was passed on.

        `gateway` (or `usage_extra`) is attached as the member of that name.
        """
        late = gateway if gateway is not None else self.usage_extra
        if self._verbatim is not None:
            if late is None:
                return self._verbatim
            return self._verbatim.rstrip()[:-1] + b',"gateway":' + orjson.dumps(late) + b"}"
        members = self._members()
        if late is not None:
            members["gateway"] = late
        return orjson.dumps(members)

    def _members(self) -> JsonObject:
        start = self._start
        created = start.created if start is not None else None
        extra: Extra = {} if start is None else start.extra
        members: JsonObject = {
            "id": public_id(self._id, start),
            "object": "chat.completion",
            "created": self._created if created is None else created,
            "model": (start.model if start is not None else "") or self._model,
            **top_level(extra),
            **self._top,
            "choices": [
                self._choices[index].body(index, legacy=self._legacy)
                for index in sorted(self._choices)
            ],
        }
        if self._usage is not None:
            members["usage"] = usage_object(self._usage)
        return members

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _call(self, index: int, call: int) -> _Call:
        return self._choice(index).calls[call]

    def _add_extra(self, event: ev.Extra) -> None:
        if event.choice is None:
            self._top |= top_level(event.members)
        elif event.beside:
            self._choice(event.choice).beside |= event.members
        else:
            extra = self._choice(event.choice).extra
            for name, value in event.members.items():
                before = extra.get(name)
                if isinstance(before, list) and isinstance(value, list):
                    extra[name] = before + value
                else:
                    extra[name] = value
