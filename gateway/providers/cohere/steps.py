"""One reply, step by step: Cohere's stream events become ours.

A reply that came in one piece is taken through the same steps (`reply.py`), so that a stream and a
whole reply cannot be read differently. Events of unknown types are no error.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.names import Names
from gateway.providers.cohere.errors import error_in_reply
from gateway.providers.cohere.messages import CITATIONS
from gateway.providers.cohere.usage import BILLED, read_usage
from gateway.types import events as ev
from gateway.types.json import JsonObject

_FINISH: Mapping[str, str] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
    "ERROR_LIMIT": "length",
}
_IN_TEXT = "TEXT_CONTENT"
_FAILURES: Mapping[str, Failure] = {"ERROR": Failure.SERVER, "TIMEOUT": Failure.TIMEOUT}


class ReplySteps:
    """The state of one reply. `has_ended` once the provider said that it is over, or failed."""

    def __init__(self, model: str, names: Names) -> None:
        self._model = model
        self._names = names
        self._has_started = False
        self._calls: dict[int, int] = {}  # Cohere's index of an open call: ours
        self._call_count = 0
        self._citations: list[JsonObject] = []
        self._characters = 0
        self._starts: dict[int, int] = {}  # where each part's text begins in the whole answer
        self.has_ended = False

    def take(self, event: JsonObject) -> list[ev.Event]:
        """Take one native event and return ours."""
        step = _STEPS.get(_text(event.get("type")))
        if step is None:
            broken = "type" not in event and isinstance(event.get("message"), str)
            step = ReplySteps._fail if broken else ReplySteps._ignore
        return list(step(self, event))

    def _start(self, event: JsonObject) -> Iterator[ev.Event]:
        if self._has_started:
            return
        self._has_started = True
        yield ev.Start(self._model, _text(event.get("id")) or None)
        yield from self._plan(event)

    def _begun(self) -> Iterator[ev.Event]:
        """Yield the start where the provider has left it out."""
        if not self._has_started:
            yield from self._start({})

    def _open_part(self, event: JsonObject) -> Iterator[ev.Event]:
        self._starts[_index(event)] = self._characters
        yield from self._content(event)

    def _content(self, event: JsonObject) -> Iterator[ev.Event]:
        yield from self._begun()
        content = _object(_message(event).get("content"))
        thought, text = _text(content.get("thinking")), _text(content.get("text"))
        if thought:
            yield ev.Reasoning(0, thought)
        if text:
            self._characters += len(text)
            yield ev.Text(0, text)
        logprobs = read_logprobs([event.get("logprobs")])
        if logprobs is not None:
            yield ev.Logprobs(0, logprobs)

    def _plan(self, event: JsonObject) -> Iterator[ev.Event]:
        yield from self._begun()
        plan = _text(_message(event).get("tool_plan"))
        if plan:
            yield ev.Reasoning(0, plan)

    def _open_call(self, event: JsonObject) -> Iterator[ev.Event]:
        yield from self._begun()
        call = _object(_message(event).get("tool_calls"))
        function = _object(call.get("function"))
        number = self._calls[_index(event)] = self._call_count
        self._call_count += 1
        name = self._names.client(_text(function.get("name")))
        yield ev.ToolStart(0, number, _text(call.get("id")) or f"{name}_{number}", name)
        yield from self._argue(event)

    def _argue(self, event: JsonObject) -> Iterator[ev.Event]:
        call = _object(_message(event).get("tool_calls"))
        text = _text(_object(call.get("function")).get("arguments"))
        number = self._calls.get(_index(event))
        if text and number is not None:
            yield ev.ToolArgs(0, number, text)

    def _close_call(self, event: JsonObject) -> Iterator[ev.Event]:
        number = self._calls.pop(_index(event), None)
        if number is not None:
            yield ev.ToolEnd(0, number)

    def _cite(self, event: JsonObject) -> Iterator[ev.Event]:
        yield from self._begun()
        cited = _message(event).get("citations")
        for citation in cited if isinstance(cited, list) else [cited]:
            if isinstance(citation, dict):
                self._citations.append(citation)
                yield from _annotations(citation, self._starts)

    def _end(self, event: JsonObject) -> Iterator[ev.Event]:
        yield from self._begun()
        delta = _object(event.get("delta"))
        for number in self._calls.values():
            yield ev.ToolEnd(0, number)
        self._calls.clear()
        self.has_ended = True
        usage = read_usage(delta.get("usage"))
        native = _text(delta.get("finish_reason"))
        failure = Failure.SERVER if delta.get("error") else _FAILURES.get(native)
        if failure is not None:
            if usage is not None:  # a failed answer is paid for too
                yield usage
            yield ev.Error(_failed(failure, native, delta.get("error")))
            return
        if self._citations:
            yield ev.Extra(0, {CITATIONS: self._citations})
        billed = _object(_object(delta.get("usage")).get(BILLED))
        if billed:
            yield ev.Extra(None, {BILLED: billed})
        reason = _FINISH.get(native, "stop")
        if reason == "stop" and self._call_count:
            reason = "tool_calls"
        yield ev.Finish(0, reason, native or None)
        if usage is not None:
            yield usage
        yield ev.End()

    def _fail(self, event: JsonObject) -> Iterator[ev.Event]:
        self.has_ended = True
        yield ev.Error(error_in_reply(event))

    def _ignore(self, _: JsonObject) -> Iterator[ev.Event]:
        yield from ()


_STEPS: Mapping[str, Callable[[ReplySteps, JsonObject], Iterator[ev.Event]]] = {
    "message-start": ReplySteps._start,
    "content-start": ReplySteps._open_part,
    "content-delta": ReplySteps._content,
    "tool-plan-delta": ReplySteps._plan,
    "tool-call-start": ReplySteps._open_call,
    "tool-call-delta": ReplySteps._argue,
    "tool-call-end": ReplySteps._close_call,
    "citation-start": ReplySteps._cite,
    "message-end": ReplySteps._end,
    "error": ReplySteps._fail,
}


def read_logprobs(items: list[Any]) -> JsonObject | None:
    """Return log probabilities in OpenAI's shape; None where there are none.

    Cohere lists the tokens of a piece of text together; the piece's own is their sum.
    """
    content = []
    for item in items:
        given = _object(item).get("logprobs")
        numbers = (
            [n for n in given if isinstance(n, int | float)] if isinstance(given, list) else []
        )
        if numbers:
            text = _text(_object(item).get("text"))
            entry: JsonObject = {"token": text, "logprob": sum(numbers)}
            content.append({**entry, "bytes": list(text.encode()), "top_logprobs": []})
    return {"content": content, "refusal": None} if content else None


def _annotations(citation: JsonObject, starts: Mapping[int, int]) -> Iterator[ev.Event]:
    """Yield the sources of a citation that have an address; the others are in `citations` only.

    Cohere counts within a part; only places in the answer's text have a place in OpenAI's shape.
    """
    if citation.get("type", _IN_TEXT) != _IN_TEXT:
        return
    first = starts.get(_number(citation.get("content_index")), 0)
    sources = citation.get("sources")
    for source in sources if isinstance(sources, list) else ():
        given = _object(source)
        about = _object(given.get("document")) or _object(given.get("tool_output"))
        url = _text(about.get("url"))
        if url:
            cited = {
                "url": url,
                "title": _text(about.get("title")) or url,
                "start_index": first + _number(citation.get("start")),
                "end_index": first + _number(citation.get("end")),
            }
            yield ev.Annotation(0, {"type": "url_citation", "url_citation": cited})


def _failed(failure: Failure, native: str, said: object) -> UpstreamError:
    message = said if isinstance(said, str) and said else f"The answer ended with '{native}'."
    return UpstreamError(failure, message[:500])


def _message(event: JsonObject) -> JsonObject:
    return _object(_object(event.get("delta")).get("message"))


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _index(event: JsonObject) -> int:
    return _number(event.get("index"))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
