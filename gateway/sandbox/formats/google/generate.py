"""`generateContent` and its company, as both of Google's surfaces have it.

Written from the references at ai.google.dev and docs.cloud.google.com (2026).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCache, PromptCounts, make_unit
from gateway.sandbox.formats.base import Frame, Refused, Reply, encode_headers
from gateway.sandbox.formats.google import refusals
from gateway.sandbox.formats.google.conversation import (
    Content,
    check_signatures,
    make_turns,
    read_contents,
    read_system,
)
from gateway.sandbox.formats.google.embeddings import is_embedder
from gateway.sandbox.formats.google.families import family_of
from gateway.sandbox.formats.google.parsing import parse_message
from gateway.sandbox.formats.google.parts import CheckSignature, PartReader
from gateway.sandbox.formats.google.protos import Protos
from gateway.sandbox.formats.google.settings import (
    Thinking,
    check_settings,
    read_schema,
    read_thinking,
)
from gateway.sandbox.formats.google.signatures import is_signed
from gateway.sandbox.formats.google.streaming import stream_reply, write_event, write_item
from gateway.sandbox.formats.google.tools import check_company, read_choice, read_tools
from gateway.sandbox.formats.google.writing import write_whole
from gateway.sandbox.ids import make_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Prompt, Unit
from gateway.sandbox.scenes import is_playable
from gateway.sandbox.script import Failure, Finish
from gateway.sandbox.tokens import MEDIA_TOKENS

STREAM = "streamGenerateContent"
_REQUEST = "GenerateContentRequest"


class Target(Struct, frozen=True):
    """What a path asks for: a method of a model, and the definitions that hold there.

    `place` is the path before the model's name.
    """

    model: str
    method: str
    protos: Protos
    place: str = ""


class Surface:
    """What both surfaces share of `gateway.sandbox.formats.base.Format`.

    `array` and `sse` say how a stream, or a stream's refusal, is written.
    """

    name = "google"
    vertex = False

    def __init__(
        self, check_signature: CheckSignature = is_signed, *, array: bool = False, sse: bool = False
    ) -> None:
        self._reader = PartReader(buckets=self.vertex, check_signature=check_signature)
        self._array = array
        self._sse = sse
        self.stream_type = "application/json; charset=UTF-8" if array else "text/event-stream"

    @property
    def error_type(self) -> str:
        """Refusals of an event stream are JSON all the same, under the stream's content type."""
        return "text/event-stream" if self._sse else "application/json; charset=UTF-8"

    def make_request_id(self) -> str:
        """Return the id of a response; there is no id of the request."""
        return make_id("", 22)

    def find(self, call: Call) -> Target:
        """Return what a path asks for. Raises Refused."""
        raise NotImplementedError

    def refuse_model(self, target: Target) -> Refused:
        """Return the 404 of a model that does not exist, or does not do this."""
        raise NotImplementedError

    def read(self, call: Call) -> Prompt:
        """Read and check a request for content."""
        target = self.find(call)
        request = parse_message(target.protos, _REQUEST, call.body)
        return self.read_request(request, target)

    def read_request(self, request: Mapping[str, Any], target: Target) -> Prompt:
        """Check a parsed request. Raises Refused."""
        model, family = target.model, family_of(target.model)
        if is_embedder(model) or not is_playable(model):
            raise self.refuse_model(target)
        config = request.get("generation_config", {})
        check_settings(config)
        offers = read_tools(request)
        choice = read_choice(request, offers)
        check_company(request, offers, family, has_flag=not self.vertex)
        system = read_system(request.get("system_instruction"), self._reader)
        contents = read_contents(request.get("contents", ()), self._reader, needs_role=self.vertex)
        check_signatures(contents, family)
        schema, wants_json = read_schema(config)
        thinking = read_thinking(config, family)
        if request.get("cached_content"):
            raise refusals.refuse("CachedContent not found (or permission denied)", 403)
        return Prompt(
            model=model,
            turns=make_turns(contents),
            units=_count_units(request, system, contents),
            system=system,
            tools=choice.offers,
            choice=choice.word,
            schema=schema,
            wants_json=wants_json,
            stream=target.method == STREAM,
            **_sampling(config, thinking),
        )

    def read_count(self, request: Mapping[str, Any], target: Target) -> int:
        """Return how many tokens the contents of a `countTokens` request have. Raises Refused."""
        inner = request.get("generate_content_request")
        if inner is not None and request.get("contents"):
            raise refusals.refuse("Set either contents or generate_content_request, not both.")
        return self.read_request(inner if inner is not None else request, target).tokens

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache prefixes unasked."""
        account = f"{self.name}/{fingerprint(key)}/{prompt.model}"
        return cache.settle_automatic(account, prompt.units, now)

    def render(self, reply: Reply) -> bytes:
        """Write a whole reply."""
        return write_whole(reply, vertex=self.vertex)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write a reply piece by piece."""
        return stream_reply(reply, vertex=self.vertex, array=self._array)

    def break_event(self) -> bytes:
        """Return a piece whose JSON stops in the middle."""
        broken = b'{"candidates": [{"content": {"parts": [{"te'
        return b",\r\n" + broken if self._array else b"data: " + broken + b"\r\n\r\n"

    def error_event(self, request_id: str) -> bytes:
        """Return a piece with an error instead of candidates."""
        del request_id
        value = {"error": refusals.error(503, refusals.OVERLOADED)}
        return write_item(value, first=False) + b"\n]" if self._array else write_event(value)

    def soften(self, failure: Failure) -> Finish | None:
        """A blocked prompt is a proper reply without candidates."""
        return Finish.BLOCKED if failure is Failure.CONTENT_FILTER else None

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body; where a stream would be an array, so is its refusal."""
        del request_id
        body: Any = {"error": refused.error}
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps([body] if self._array else body, option=option)

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return what Google's front end adds: no request id, no rate limits."""
        del request_id, counts, now
        return encode_headers(
            (
                ("vary", "Origin, X-Origin, Referer"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "SAMEORIGIN"),
                ("server-timing", "gfet4t7; dur=12"),
            )
        )


def _sampling(config: Mapping[str, Any], thinking: Thinking) -> dict[str, Any]:
    return {
        "max_tokens": config.get("max_output_tokens"),
        "stops": tuple(config.get("stop_sequences", ())),
        "thinks": thinking.is_on,
        "shows_thinking": thinking.is_shown,
        "choices": config.get("candidate_count", 1),
        "logprobs": config.get("response_logprobs", False),
    }


def _count_units(
    request: Mapping[str, Any], system: tuple[str, ...], contents: tuple[Content, ...]
) -> tuple[Unit, ...]:
    """Count system texts, tools, the schema and the contents: the order the model reads them in."""
    units = [make_unit("system", text) for text in system]
    for tool in request.get("tools", ()):
        units += [
            make_unit("tool", _compact(one))
            for one in (tool or {}).get("function_declarations", ())
        ]
    config = request.get("generation_config", {})
    for name in ("response_schema", "response_json_schema", "_response_json_schema"):
        if config.get(name):
            units.append(make_unit("schema", _compact(config[name])))
    for content in contents:
        for part in content.parts:
            if part.text or not part.media:
                units.append(make_unit(content.role, part.text))
            for media in part.media:
                name = fingerprint(media.place if media.data is None else media.data)
                units.append(Unit(f"{content.role}: {name}".encode(), MEDIA_TOKENS))
    return tuple(units)


def _compact(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
