"""Writes the events of a reply as an OpenAI chat stream: one call per event, bytes out."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.errors import GatewayError
from gateway.types import events as ev
from gateway.types.chat import NO_EXTRA, ChatRequest, Extra
from gateway.types.json import JsonObject
from gateway.wire.chat_shape import (
    ReasoningDetails,
    args_delta,
    call_delta,
    public_id,
    public_reason,
    top_level,
    usage_object,
)
from gateway.wire.errors import error_body
from gateway.wire.sse import encode_event

DONE = b"data: [DONE]\n\n"


class _Choice:
    """What the stream has said of one choice so far."""

    def __init__(self, *, role_sent: bool) -> None:
        self.role_sent = role_sent
        self.has_body = role_sent  # content, a call, a refusal or audio: something to show
        self.custom: dict[int, bool] = {}  # the calls that were opened: is it a custom tool's?
        self.without_args: set[int] = set()
        self.annotations: list[Mapping[str, Any]] = []
        self.details = ReasoningDetails()
        self.told: JsonObject = {}  # members of the message that the format does not know
        self.beside: JsonObject = {}  # members of the choice, waiting for its next chunk


class StreamWriter:
    """Turns events into server-sent chunks, by the chunk rules of OpenAI's chat API.

    `id` and `created` are the gateway's own, for providers that give none; `model` is the upstream
    model until the reply names one. The usage chunk is written only if `usage_wanted`. What is
    known only at the end (cost, …) is set as `usage_extra` before `End`, or given to `usage_chunk`.
    """

    def __init__(
        self,
        chat: ChatRequest,
        *,
        id: str,  # noqa: A002  # the member's name in every chunk
        created: int,
        model: str,
        usage_wanted: bool,
    ) -> None:
        self.usage_extra: JsonObject | None = None
        self._legacy = chat.legacy_functions
        self._id = id
        self._created = created
        self._model = model
        self._usage_wanted = usage_wanted
        self._start: ev.Start | None = None
        self._head = b""
        self._tail = b'],"usage":null}\n\n' if usage_wanted else b"]}\n\n"
        self._choices: dict[int, _Choice] = {}
        self._passing = False  # bytes of the provider went by, and with them the roles
        self._top: JsonObject = {}
        self._usage: ev.Usage | None = None
        self._usage_written = False

    def write(self, event: ev.Event) -> bytes:
        """Return the bytes that an event adds to the stream; none for many of them.

        An `Error` writes nothing: the caller decides what the client is told, with `error`.
        """
        if type(event) is ev.Verbatim:
            self._passing = True
            return event.data
        return _WRITERS[type(event)](self, event)

    def error(self, error: GatewayError) -> bytes:
        """Return the frame that official SDKs raise as an error. Nothing may follow it."""
        return encode_event(error_body(error))

    def usage_chunk(self, event: ev.Usage, gateway: JsonObject | None = None) -> bytes:
        """Return the usage chunk, once; nothing if the client did not ask for it.

        `gateway` is attached as the member of that name.
        """
        if not self._usage_wanted or self._usage_written:
            return b""
        return self._write_usage(usage_object(event), gateway)

    def _write_usage(self, usage: Mapping[str, Any] | None, gateway: JsonObject | None) -> bytes:
        self._usage_written = True
        members: JsonObject = {**self._top, "usage": usage}
        if gateway is not None:
            members["gateway"] = gateway
        self._top = {}
        return self._chunk_head() + b"]," + orjson.dumps(members)[1:] + b"\n\n"

    def _on_start(self, event: ev.Start) -> bytes:
        if self._start is None:
            self._start = event
        return b""

    def _on_text(self, event: ev.Text) -> bytes:
        if not event.text:
            return b""
        choice, lead = self._open(event.choice, "")
        choice.has_body = True
        return lead + self._delta(event.choice, choice, {"content": event.text})

    def _on_reasoning(self, event: ev.Reasoning) -> bytes:
        if not event.text:
            return b""
        choice, lead = self._open(event.choice, None)
        return lead + self._delta(event.choice, choice, {"reasoning_content": event.text})

    def _on_reasoning_opaque(self, event: ev.ReasoningOpaque) -> bytes:
        choice, lead = self._open(event.choice, None)
        detail = choice.details.add(event.detail)
        return lead + self._delta(event.choice, choice, {"reasoning_details": [detail]})

    def _on_refusal(self, event: ev.Refusal) -> bytes:
        if not event.text:
            return b""
        choice, lead = self._open(event.choice, None)
        choice.has_body = True
        return lead + self._delta(event.choice, choice, {"refusal": event.text})

    def _on_tool_start(self, event: ev.ToolStart) -> bytes:
        choice = self._choice(event.choice)
        first = {} if choice.role_sent else {"role": "assistant", "content": None, "refusal": None}
        choice.role_sent = choice.has_body = True
        choice.custom[event.call] = event.custom
        if not event.custom:
            choice.without_args.add(event.call)
        delta = {**first, **call_delta(event, legacy=self._legacy)}
        return self._delta(event.choice, choice, delta) if delta else b""

    def _on_tool_args(self, event: ev.ToolArgs) -> bytes:
        if not event.text:
            return b""
        choice = self._choice(event.choice)
        choice.without_args.discard(event.call)
        custom = choice.custom.get(event.call, False)
        delta = args_delta(event, custom=custom, legacy=self._legacy)
        return self._delta(event.choice, choice, delta) if delta else b""

    def _on_tool_end(self, event: ev.ToolEnd) -> bytes:
        if event.call not in self._choice(event.choice).without_args:
            return b""
        # A call without arguments is one with none: clients parse them as JSON.
        return self._on_tool_args(ev.ToolArgs(event.choice, event.call, "{}"))

    def _on_annotation(self, event: ev.Annotation) -> bytes:
        # Sent together at the end, as OpenAI does: SDKs cannot join such lists across chunks.
        self._choice(event.choice).annotations.append(event.annotation)
        return b""

    def _on_logprobs(self, event: ev.Logprobs) -> bytes:
        choice, lead = self._open(event.choice, "")
        return lead + self._delta(event.choice, choice, {}, logprobs=event.logprobs)

    def _on_audio(self, event: ev.Audio) -> bytes:
        choice, lead = self._open(event.choice, None)
        choice.has_body = True
        return lead + self._delta(event.choice, choice, {"audio": event.audio})

    def _on_extra(self, event: ev.Extra) -> bytes:
        if event.choice is None:
            self._top |= top_level(event.members)
            return b""
        if event.beside:
            self._choice(event.choice).beside |= event.members
            return b""
        told = self._choice(event.choice).told
        news = {name: v for name, v in event.members.items() if told.get(name) != v}
        if not news:
            return b""
        told |= news
        choice, lead = self._open(event.choice, None)
        return lead + self._delta(event.choice, choice, news)

    def _on_finish(self, event: ev.Finish) -> bytes:
        choice, out = self._open(event.choice, "")
        if not (
            choice.has_body or out or self._passing
        ):  # only thoughts so far: clients expect a string
            out = self._delta(event.choice, choice, {"content": ""})
        for call in sorted(choice.without_args):
            out += self._on_tool_args(ev.ToolArgs(event.choice, call, "{}"))
        if choice.annotations:
            out += self._delta(event.choice, choice, {"annotations": choice.annotations})
        reason = public_reason(event.reason, legacy=self._legacy)
        if event.native and event.native != event.reason:
            choice.beside.setdefault("native_finish_reason", event.native)
        return out + self._delta(event.choice, choice, {}, finish=reason)

    def _on_usage(self, event: ev.Usage) -> bytes:
        self._usage = event
        return b""

    def _on_end(self, _event: ev.End) -> bytes:
        known = self._usage is not None or self.usage_extra is not None
        if not self._usage_wanted or self._usage_written or not known:
            return DONE
        usage = None if self._usage is None else usage_object(self._usage)
        return self._write_usage(usage, self.usage_extra) + DONE

    def _on_error(self, _event: ev.Error) -> bytes:
        return b""

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(role_sent=self._passing)
        return choice

    def _open(self, index: int, content: str | None) -> tuple[_Choice, bytes]:
        """Return the choice, and its role chunk if that is still due; `content` goes with it."""
        choice = self._choice(index)
        if choice.role_sent:
            return choice, b""
        choice.role_sent = True
        delta = {"role": "assistant", "content": content, "refusal": None}
        return choice, self._delta(index, choice, delta)

    def _delta(
        self,
        index: int,
        choice: _Choice,
        delta: JsonObject,
        *,
        finish: str | None = None,
        logprobs: Mapping[str, Any] | None = None,
    ) -> bytes:
        beside: Extra = NO_EXTRA
        if choice.beside:
            beside, choice.beside = choice.beside, {}
        body = orjson.dumps(
            {
                **beside,
                "index": index,
                "delta": delta,
                "logprobs": logprobs,
                "finish_reason": finish,
            }
        )
        if not self._top:
            return (self._head or self._chunk_head()) + body + self._tail
        top, self._top = orjson.dumps(self._top), {}
        return self._chunk_head() + body + b"]," + top[1:-1] + self._tail.replace(b"]", b"", 1)

    def _chunk_head(self) -> bytes:
        if not self._head:
            start = self._start
            created = start.created if start is not None else None
            members = {
                "id": public_id(self._id, start),
                "object": "chat.completion.chunk",
                "created": self._created if created is None else created,
                "model": (start.model if start is not None else "") or self._model,
                **(top_level(start.extra) if start is not None else {}),
            }
            self._head = b"data: " + orjson.dumps(members)[:-1] + b',"choices":['
        return self._head


_WRITERS: Mapping[type, Callable[[StreamWriter, Any], bytes]] = {
    ev.Start: StreamWriter._on_start,
    ev.Text: StreamWriter._on_text,
    ev.Reasoning: StreamWriter._on_reasoning,
    ev.ReasoningOpaque: StreamWriter._on_reasoning_opaque,
    ev.Refusal: StreamWriter._on_refusal,
    ev.ToolStart: StreamWriter._on_tool_start,
    ev.ToolArgs: StreamWriter._on_tool_args,
    ev.ToolEnd: StreamWriter._on_tool_end,
    ev.Annotation: StreamWriter._on_annotation,
    ev.Logprobs: StreamWriter._on_logprobs,
    ev.Audio: StreamWriter._on_audio,
    ev.Extra: StreamWriter._on_extra,
    ev.Finish: StreamWriter._on_finish,
    ev.Usage: StreamWriter._on_usage,
    ev.Error: StreamWriter._on_error,
    ev.End: StreamWriter._on_end,
}
