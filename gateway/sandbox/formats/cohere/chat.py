"""Cohere's format as the sandbox speaks it: `/v2/chat`, `/v2/embed`, `/v1/models`.

Written from the API reference and guides at docs.cohere.com (2026).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCache, PromptCounts, make_unit
from gateway.sandbox.formats.base import (
    CHAT,
    Answer,
    Frame,
    Refused,
    Reply,
    bearer_token,
    encode_headers,
    parse_object,
)
from gateway.sandbox.formats.cohere import refusals
from gateway.sandbox.formats.cohere.embed import embed
from gateway.sandbox.formats.cohere.messages import Reading, read_document
from gateway.sandbox.formats.cohere.models import describe, list_models
from gateway.sandbox.formats.cohere.parameters import check_parameters, is_thinking_model
from gateway.sandbox.formats.cohere.tools import read_choice, read_schema, read_tools
from gateway.sandbox.formats.cohere.writing import (
    PREAMBLE_TOKENS,
    make_uuid,
    stream_events,
    write_error,
    write_whole,
)
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Media, Prompt, ToolOffer, Unit
from gateway.sandbox.scenes import MISSING, is_playable
from gateway.sandbox.script import Failure
from gateway.sandbox.tokens import MEDIA_TOKENS

_CHAT_PATH = "/v2/chat"
_EMBED_PATH = "/v2/embed"
_MODELS_PATH = "/v1/models"
_CACHE_BLOCK = 64
_PREAMBLE = Unit(b"#" * (4 * PREAMBLE_TOKENS), PREAMBLE_TOKENS)


class Chat:
    """See `gateway.sandbox.formats.base.Format`."""

    name = "cohere"
    stream_type = "text/event-stream"

    def make_request_id(self) -> str:
        """Return a trace id: 32 hexadecimal digits."""
        return make_hex_id("", 32)

    def route(self, call: Call) -> str:
        """Know chat, embed and the model list."""
        match call.method, call.path:
            case "POST", path if path == _CHAT_PATH:
                return CHAT
            case "POST", path if path == _EMBED_PATH:
                return "embeddings"
            case "GET", path if path == _MODELS_PATH:
                return "models"
            case "GET", path if path.startswith(f"{_MODELS_PATH}/"):
                return "model"
            case _:
                raise refusals.refuse_path(call.path)

    def identify(self, call: Call) -> str:
        """Take a bearer key; one that begins with `bad` is refused."""
        key = bearer_token(call)
        if not key or key.startswith("bad"):
            raise refusals.refuse_key(missing=not key)
        return key

    def read(self, call: Call) -> Prompt:
        """Read and check a chat request."""
        request = _parse(call)
        check_parameters(request)
        model = request["model"]
        if not is_playable(model):
            raise refusals.refuse_model(model)
        offers = read_tools(request)
        schema, wants_json = read_schema(request)
        reading = Reading(model)
        reading.read_all(request["messages"])
        documents = [read_document(one) for one in request.get("documents") or ()]
        disabled = (request.get("thinking") or {}).get("type") == "disabled"
        return Prompt(
            model=model,
            turns=tuple(reading.turns),
            units=_count_units(reading, offers, schema, documents),
            system=tuple(reading.system),
            tools=offers,
            choice=read_choice(request),
            schema=schema,
            wants_json=wants_json,
            max_tokens=request.get("max_tokens"),
            stops=tuple(request.get("stop_sequences") or ()),
            thinks=is_thinking_model(model) and not disabled,
            stream=bool(request.get("stream")),
            logprobs=bool(request.get("logprobs")),
        )

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer embeddings and model lists."""
        if operation == "models":
            return Answer(orjson.dumps(list_models(call.query)))
        if operation == "model":
            name = call.path.removeprefix(f"{_MODELS_PATH}/")
            if not is_playable(name) or name.startswith(MISSING):
                raise refusals.refuse_model(name)
            return Answer(orjson.dumps(describe(name)))
        return embed(_parse(call))

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache prefixes unasked; replies show multiples of 16 tokens, this makes steps of 64."""
        account = f"cohere/{fingerprint(key)}/{prompt.model}"
        return cache.settle_automatic(
            account, prompt.units, now, floor=_CACHE_BLOCK, step=_CACHE_BLOCK
        )

    def render(self, reply: Reply) -> bytes:
        """Write a chat reply."""
        return write_whole(reply)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write the events of a chat reply."""
        return stream_events(reply)

    def break_event(self) -> bytes:
        """Return a delta whose JSON stops in the middle."""
        return b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"mes\n\n'

    def error_event(self, request_id: str) -> bytes:
        """Return a `message-end` that says the stream broke."""
        del request_id
        return write_error()

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into Cohere's words, which never name a wait."""
        del retry_after
        return refusals.put(failure, prompt)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body."""
        del request_id
        return orjson.dumps({"id": make_uuid(), **refused.error})

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return the trace id, what is left of a trial key's calls, and what was counted."""
        del now
        pairs = [
            ("x-debug-trace-id", request_id),
            ("x-endpoint-monthly-call-limit", "1000"),
            ("x-trial-endpoint-call-limit", "40"),
            ("x-trial-endpoint-call-remaining", "39"),
            ("num_tokens", str(counts.total)),
            ("num_chars", str(4 * counts.total)),
        ]
        return encode_headers(pairs)


def _parse(call: Call) -> dict[str, Any]:
    request = parse_object(call.body)
    if request is None:
        raise refusals.refuse("invalid json syntax: expected an object")
    return request


def _count_units(
    reading: Reading,
    offers: tuple[ToolOffer, ...],
    schema: Mapping[str, Any] | None,
    documents: list[str],
) -> tuple[Unit, ...]:
    """Count the preamble, tools, schema and documents, then the messages."""
    units = [_PREAMBLE]
    units += [make_unit("tool", offer.name + _compact(offer.schema)) for offer in offers]
    if schema:
        units.append(make_unit("schema", _compact(schema)))
    units += [make_unit("document", text) for text in documents]
    for role, part in reading.parts:
        if isinstance(part, Media):
            name = fingerprint(part.place if part.data is None else part.data)
            units.append(Unit(f"{role}: {name}".encode(), MEDIA_TOKENS))
        else:
            units.append(make_unit(role, part))
    return tuple(units)


def _compact(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
