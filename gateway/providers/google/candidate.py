"""One candidate of a reply, part by part: Google's fragments become our events.

How it ended is held back until the reply is over: old models name a reason in every chunk.
"""

from collections.abc import Iterator

from gateway.providers.anthropic.calls import CUSTOM_INPUT
from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.providers.google.call_ids import CallIds
from gateway.providers.google.finish import beside_members, finish_reason, native_reason, slip
from gateway.providers.google.grounding import annotations
from gateway.providers.google.json_text import dump, storable
from gateway.providers.google.logprobs import read_logprobs
from gateway.providers.google.native import NATIVE_CONTENT, NativeContent
from gateway.providers.google.partial_args import PartialArgs
from gateway.providers.google.plan import Plan
from gateway.providers.google.signatures import (
    SIGNATURE,
    call_detail,
    call_members,
    text_detail,
    thought_detail,
)
from gateway.providers.google.speech import Speech, picture
from gateway.types import events as ev
from gateway.types.json import JsonObject


class _Call:
    """A call whose arguments come piece by piece."""

    def __init__(self, part: JsonObject) -> None:
        self.part = part
        self.call = as_object(part.get("functionCall"))
        self.args = PartialArgs()


class CandidateSteps:
    """The state of one candidate. `reason` is Google's word for its end, once it was named."""

    def __init__(self, index: int, plan: Plan, ids: CallIds) -> None:
        self.reason: str | None = None
        self._index = index
        self._plan = plan
        self._ids = ids
        self._native = NativeContent()
        self._speech = Speech()
        self._said: list[str] = []
        self._characters = 0
        self._calls = 0
        self._unsigned_call: str | None = None  # the first call, while no signature came for it
        self._partial: _Call | None = None
        self._has_output = False
        self._beside: JsonObject = {}

    def take(self, candidate: JsonObject) -> Iterator[ev.Event]:
        """Take a fragment and yield our events."""
        for part in as_list(as_object(candidate.get("content")).get("parts")):
            if isinstance(part, dict):
                yield from self._part(part)
        if "logprobsResult" in candidate:
            logprobs = read_logprobs(as_object(candidate["logprobsResult"]))
            if logprobs is not None:
                yield ev.Logprobs(self._index, logprobs)
        self._beside.update(beside_members(candidate))
        self.reason = native_reason(candidate.get("finishReason")) or self.reason

    def finish(self) -> Iterator[ev.Event]:
        """The reply is over: yield the last events.

        Raises UpstreamError(BAD_REPLY) where the model slipped and gave nothing.
        """
        if self._partial is not None:
            yield from self._end_partial(self._partial)
        rest = self._speech.finish()
        if rest is not None:
            yield ev.Audio(self._index, rest)
        message = as_text(self._beside.get("finish_message"))
        fault = None if self._has_output else slip(self.reason, message)
        if fault is not None:
            raise fault
        grounding = as_object(self._beside.get("grounding_metadata"))
        yield from annotations(self._index, grounding, "".join(self._said))
        reason = finish_reason(self.reason, has_calls=self._calls > 0, has_output=self._has_output)
        if reason == "content_filter" and message and not self._has_output:
            yield ev.Refusal(self._index, message)
        content = self._native.member
        if content is not None:
            yield ev.Extra(self._index, {NATIVE_CONTENT: storable(content)})
        if self._beside:
            yield ev.Extra(self._index, storable(self._beside), beside=True)
        yield ev.Finish(self._index, reason, self.reason)

    def _part(self, part: JsonObject) -> Iterator[ev.Event]:
        if "functionCall" in part:
            yield from self._call(part)
            return
        if part.keys() == {SIGNATURE}:  # a signature of the silence at the end
            part = {"text": "", **part}
        blob = as_object(part.get("inlineData"))
        if part.get("thought") is True:
            yield from self._thought(part)
        elif isinstance(part.get("text"), str):
            yield from self._text(part)
        elif blob:
            yield from self._blob(part, blob)
        else:
            self._has_output = True
        self._native.add(part)

    def _text(self, part: JsonObject) -> Iterator[ev.Event]:
        text, signature = part["text"], part.get(SIGNATURE)
        start = self._characters
        if text:
            self._has_output = True
            self._said.append(text)
            self._characters += len(text)
            yield ev.Text(self._index, text)
        if not isinstance(signature, str) or not signature:
            return
        if not text and self._unsigned_call is not None:
            # A signature that trails behind belongs to the call it came too late for.
            yield ev.ReasoningOpaque(self._index, call_detail(self._unsigned_call, signature))
            self._unsigned_call = None
        else:
            detail = text_detail(signature, start, self._characters)
            yield ev.ReasoningOpaque(self._index, detail)

    def _thought(self, part: JsonObject) -> Iterator[ev.Event]:
        text, signature = as_text(part.get("text")), part.get(SIGNATURE)
        if text:
            yield ev.Reasoning(self._index, text)
        if isinstance(signature, str) and signature:
            yield ev.ReasoningOpaque(self._index, thought_detail(text, signature))

    def _blob(self, part: JsonObject, blob: JsonObject) -> Iterator[ev.Event]:
        kind = as_text(blob.get("mimeType"))
        self._has_output = True
        if kind.startswith("audio/"):
            piece = self._speech.take(blob)
            if piece is not None:
                yield ev.Audio(self._index, piece)
        else:
            yield ev.Extra(self._index, {"images": [picture(part, blob)]})

    def _call(self, part: JsonObject) -> Iterator[ev.Event]:
        call = as_object(part["functionCall"])
        if self._partial is None and not (call.get("willContinue") or "partialArgs" in call):
            yield from self._whole_call(part, call, call.get("args"))
            return
        if self._partial is not None and call.get("name"):  # the next call begins
            yield from self._end_partial(self._partial)
        partial = self._partial = self._partial or _Call(part)
        partial.args.add(call.get("partialArgs"))
        partial.args.value.update(as_object(call.get("args")))
        if SIGNATURE in part:
            partial.part.setdefault(SIGNATURE, part[SIGNATURE])
        if not call.get("willContinue"):
            yield from self._end_partial(partial)

    def _end_partial(self, partial: _Call) -> Iterator[ev.Event]:
        self._partial = None
        yield from self._whole_call(partial.part, partial.call, partial.args.value)

    def _whole_call(self, part: JsonObject, call: JsonObject, args: object) -> Iterator[ev.Event]:
        name, values = as_text(call.get("name")), as_object(args)
        call_id = as_text(call.get("id")) or self._ids.next(name, values)
        signature = part.get(SIGNATURE)
        is_signed = isinstance(signature, str) and bool(signature)
        place = self._calls
        self._calls += 1
        self._has_output = True
        if is_signed:
            detail = call_detail(call_id, str(signature))
            yield ev.ReasoningOpaque(self._index, detail)
        elif place == 0:
            self._unsigned_call = call_id
        is_custom = name in self._plan.custom
        told = call_members(str(signature)) if is_signed else {}
        client_name = self._plan.names.client(name)
        yield ev.ToolStart(self._index, place, call_id, client_name, custom=is_custom, extra=told)
        free = values.get(CUSTOM_INPUT)
        text = free if is_custom and isinstance(free, str) else dump(values)
        yield ev.ToolArgs(self._index, place, text)
        yield ev.ToolEnd(self._index, place)
        written = {"id": call_id, "name": name, "args": values}
        self._native.add({**part, "functionCall": written})
