"""Turns the chunks of an OpenAI-shaped stream into events, passing on what needs no repair."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import UpstreamError
from gateway.providers.errors import read_error, upstream_error
from gateway.providers.openai.citations import has_citations, read_citations
from gateway.providers.openai.finish import failure_of, finish_reason
from gateway.providers.openai.message import ChoiceReader
from gateway.providers.openai.passable import REPAIR, judge_delta
from gateway.providers.openai.quirks import Quirks
from gateway.providers.openai.template import ChunkTemplate, learn
from gateway.providers.openai.usage import read_usage
from gateway.types import events as ev
from gateway.types.json import JsonObject
from gateway.types.upstream import ReplyHead

CHUNK = "chat.completion.chunk"
_START = ("system_fingerprint", "service_tier", "provider")  # small, and the same in every chunk
_YEAR_5000 = 100_000_000_000  # Unix seconds; a time beyond it is none
_KNOWN = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "error", "obfuscation", "x_groq"}
)
_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})


class ChunkReader:
    """What one reply has said so far. `passing`: the client wants a stream, so chunks may pass.

    Whole replies are read with it too: their `message` counts as one big delta.
    """

    def __init__(
        self, model: str, head: ReplyHead, quirks: Quirks, *, passing: bool, choices: int
    ) -> None:
        self.choices: dict[int, ChoiceReader] = {}
        self.started = False
        self._model = model
        self._head = head
        self._quirks = quirks
        self._passing = passing
        self._expected = choices
        self._id = ""
        self._told: JsonObject = {}
        self._held: JsonObject = {}  # top-level members that came before the first choice

    @property
    def finished(self) -> bool:
        """Whether every choice that was asked for, or has begun, has ended."""
        done = sum(choice.finished for choice in self.choices.values())
        return done == len(self.choices) and done >= self._expected

    def judge(self, chunk: JsonObject) -> int:
        """Return how many choices of a chunk that may pass bear content, else `REPAIR`."""
        nodes = chunk.get("choices")
        if type(nodes) is not list or not nodes or not self._is_plain(chunk):
            return REPAIR
        bearing = 0
        for node in nodes:
            index = node.get("index") if type(node) is dict else None
            if type(index) is not int:
                return REPAIR
            verdict = judge_delta(node, self._choice(index), self._quirks)
            if verdict == REPAIR:
                return REPAIR
            bearing += verdict
        return bearing

    def _is_plain(self, chunk: JsonObject) -> bool:
        """Whether a chunk's top level is as a client expects it, and says nothing meant for us."""
        if not self._passing or self._held or chunk.get("object") != CHUNK:
            return False
        given = chunk.get("id")
        if not given or given != (self._id or given) or not chunk.get("model"):
            return False
        if self._quirks.citations and has_citations(chunk):
            return False
        return not (chunk.get("usage") or chunk.get("error") or _groq_usage(chunk))

    def start(self, chunk: JsonObject) -> ev.Start:
        """Return the start of the reply, as its first chunk (or its body) tells it."""
        self.started = True
        given, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
        self._id = given if isinstance(given, str) else ""
        for choice in self.choices.values():
            choice.reply_id = self._id
        return ev.Start(
            model if isinstance(model, str) and model else self._model,
            self._id or None,
            int(created) if isinstance(created, int | float) and 0 < created < _YEAR_5000 else None,
            {name: chunk[name] for name in _START if chunk.get(name)},
            openai_id=True,
        )

    def note(self, chunk: JsonObject) -> Iterator[ev.Event]:
        """Take note of a chunk that passes; yields the start before the first one."""
        if not self.started:
            yield self.start(chunk)
        for node in chunk["choices"]:
            choice = self._choice(node["index"])
            choice.role_seen = True
            for call in node["delta"].get("tool_calls") or ():
                if not choice.knows_call(call["index"]):
                    choice.note_call(call["index"], call["id"])
            choice.finished = node.get("finish_reason") is not None

    def template(self, data: bytes, chunk: JsonObject) -> ChunkTemplate | None:
        """Return how to know the like of a chunk that passes, None if it is a special one."""
        return learn(data, chunk, self._choice(chunk["choices"][0]["index"]))

    def read(self, chunk: JsonObject, *, whole: bool = False) -> Iterator[ev.Event]:
        """Yield the events of a chunk that is taken apart, or of a `whole` reply.

        Raises UpstreamError for an error inside it.
        """
        usage = read_usage(chunk.get("usage"), self._quirks.charge)
        usage = usage or read_usage(_groq_usage(chunk))
        if chunk.get("error") or chunk.get("object") == "error":
            if usage is not None:  # a failed answer is paid for too (OpenRouter, recorded)
                yield usage
            raise upstream_error(self._head, read_error(chunk), 0.0)
        nodes = chunk.get("choices")
        nodes = nodes if isinstance(nodes, list) else []
        extra = self._top_level(chunk)
        if not nodes and usage is None:  # Azure's first chunk: no id, no choice
            self._held |= extra
            return
        if not self.started:
            yield self.start(chunk)
        extra = {**self._held, **extra}
        self._held = {}
        if extra:
            yield ev.Extra(None, extra)
        if usage is not None and whole:  # headers are written before the content
            yield usage
        for place, node in enumerate(nodes):
            if isinstance(node, dict):
                yield from self._choice_events(node, place, chunk, whole=whole)
        if usage is not None and not whole:
            yield usage

    def end(self) -> Iterator[ev.Event]:
        """Yield what is due when the provider says that the reply is complete."""
        for choice in self.choices.values():
            if not choice.finished:
                yield from self._finish(choice, None)
        yield ev.End()

    def _choice(self, index: int) -> ChoiceReader:
        choice = self.choices.get(index)
        if choice is None:
            choice = self.choices[index] = ChoiceReader(index, self._id)
        return choice

    def _top_level(self, chunk: JsonObject) -> JsonObject:
        """Return members of the reply itself that are new, or say something new."""
        news = {
            name: value
            for name, value in chunk.items()
            if name not in _KNOWN
            and name not in _START
            and value is not None
            and self._told.get(name) != value
        }
        self._told |= news
        return news

    def _choice_events(
        self, node: JsonObject, place: int, chunk: JsonObject, *, whole: bool
    ) -> Iterator[ev.Event]:
        index = node.get("index")
        choice = self._choice(index if isinstance(index, int) else place)
        message = node.get("message" if whole or "delta" not in node else "delta")
        for event in choice.read(message, whole=whole) if isinstance(message, dict) else ():
            choice.role_seen = choice.role_seen or not isinstance(event, ev.Annotation)
            yield event
        logprobs = node.get("logprobs")
        if isinstance(logprobs, dict) and any(logprobs.values()):
            yield ev.Logprobs(choice.choice, logprobs)
        beside = {n: v for n, v in node.items() if n not in _CHOICE and v is not None}
        if beside and not choice.finished:
            yield ev.Extra(choice.choice, beside, beside=True)
        reason = node.get("finish_reason")
        if whole or (isinstance(reason, str) and reason and not choice.finished):
            if self._quirks.citations:
                yield from read_citations(choice.choice, chunk)
            yield from self._finish(choice, reason if isinstance(reason, str) else None)

    def _finish(self, choice: ChoiceReader, native: str | None) -> Iterator[ev.Event]:
        failure = failure_of(native) if native else None
        if failure is not None:
            raise UpstreamError(failure, f"The provider ended the answer with '{native}'.")
        yield from choice.end()
        choice.finished = choice.role_seen = True
        called = choice.call_count > 0
        reason = finish_reason(native, called=called, repair=self._quirks.repair_finish)
        yield ev.Finish(choice.choice, reason, native)


def _groq_usage(chunk: Mapping[str, Any]) -> Any:
    """Groq reports usage inside `x_groq` of the last chunk (recorded)."""
    groq = chunk.get("x_groq")
    return groq.get("usage") if isinstance(groq, dict) else None
