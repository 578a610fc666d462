"""Mistral's format as the sandbox speaks it: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`.

Written from the API reference and guides at docs.mistral.ai (2026).
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
from gateway.sandbox.formats.mistral import refusals
from gateway.sandbox.formats.mistral.embeddings import embed
from gateway.sandbox.formats.mistral.messages import Reading
from gateway.sandbox.formats.mistral.models import describe, list_models
from gateway.sandbox.formats.mistral.parameters import check_parameters, is_reasoning_model
from gateway.sandbox.formats.mistral.tools import read_choice, read_schema, read_tools
from gateway.sandbox.formats.mistral.writing import stream_chunks, write_event, write_whole
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Media, Prompt, ToolOffer, Unit
from gateway.sandbox.scenes import MISSING, is_playable
from gateway.sandbox.script import Failure
from gateway.sandbox.tokens import MEDIA_TOKENS

_CHAT_PATH = "/v1/chat/completions"
_EMBEDDINGS_PATH = "/v1/embeddings"
_MODELS_PATH = "/v1/models"
_CACHE_BLOCK = 64
_LIMIT_REQUESTS = 360
_LIMIT_TOKENS = 2_000_000
_LIMIT_MONTH = 1_000_000_000


class Completions:
    """See `gateway.sandbox.formats.base.Format`."""

    name = "mistral"
    stream_type = "text/event-stream; charset=utf-8"

    def make_request_id(self) -> str:
        """Return a correlation id: a UUID, like those the vendor makes."""
        parts = (8, 3, 3, 3, 12)
        first, second, third, fourth, fifth = (make_hex_id("", part) for part in parts)
        return f"{first}-0{second}-7{third}-8{fourth}-{fifth}"

    def route(self, call: Call) -> str:
        """Know chat, embeddings and the model list."""
        match call.method, call.path:
            case "POST", path if path == _CHAT_PATH:
                return CHAT
            case "POST", path if path == _EMBEDDINGS_PATH:
                return "embeddings"
            case "GET", path if path == _MODELS_PATH:
                return "models"
            case "GET", path if path.startswith(f"{_MODELS_PATH}/"):
                return "model"
            case _:
                raise refusals.refuse_path()

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
        reading = Reading(model)
        reading.read_all(request["messages"])
        offers = read_tools(request)
        schema, wants_json = read_schema(request)
        stops = request.get("stop") or ()
        effort = request.get("reasoning_effort")
        thinks = is_reasoning_model(model) if effort is None else effort != "none"
        return Prompt(
            model=model,
            turns=tuple(reading.turns),
            units=_count_units(reading, offers, schema),
            system=tuple(reading.system),
            tools=offers,
            choice=read_choice(request, offers),
            parallel=request.get("parallel_tool_calls") is not False,
            schema=schema,
            wants_json=wants_json,
            max_tokens=request.get("max_tokens"),
            stops=(stops,) if isinstance(stops, str) else tuple(stops),
            thinks=thinks,
            stream=bool(request.get("stream")),
            choices=request.get("n") or 1,
        )

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer embeddings and model lists."""
        if operation == "models":
            return Answer(orjson.dumps({"object": "list", "data": list_models()}))
        if operation == "model":
            name = call.path.removeprefix(f"{_MODELS_PATH}/")
            if not is_playable(name) or name.startswith(MISSING):
                raise refusals.refuse_model(name)
            return Answer(orjson.dumps(describe(name)))
        return embed(_parse(call))

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache prefixes in blocks of 64 tokens (docs.mistral.ai, "Prompt caching", 2026)."""
        account = f"mistral/{fingerprint(key)}/{prompt.model}"
        return cache.settle_automatic(
            account, prompt.units, now, floor=_CACHE_BLOCK, step=_CACHE_BLOCK
        )

    def render(self, reply: Reply) -> bytes:
        """Write a chat completion."""
        return write_whole(reply)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write the chunks of a chat completion."""
        return stream_chunks(reply)

    def break_event(self) -> bytes:
        """Return a chunk whose JSON stops in the middle."""
        return b'data: {"id":"broken","object":"chat.completion.chunk","choices":[{"ind\n\n'

    def error_event(self, request_id: str) -> bytes:
        """Return a data line with an error object."""
        del request_id
        return write_event(refusals.stream_error())

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into Mistral's words."""
        return refusals.put(failure, prompt, retry_after)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body."""
        del request_id
        return orjson.dumps(refused.error)

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return the correlation id and rate limits."""
        del now
        used = counts.total
        pairs = [
            ("mistral-correlation-id", request_id),
            ("x-ratelimit-limit-req-minute", str(_LIMIT_REQUESTS)),
            ("x-ratelimit-remaining-req-minute", str(_LIMIT_REQUESTS - 1)),
            ("x-ratelimit-limit-tokens-minute", str(_LIMIT_TOKENS)),
            ("x-ratelimit-remaining-tokens-minute", str(max(0, _LIMIT_TOKENS - used))),
            ("x-ratelimit-limit-tokens-month", str(_LIMIT_MONTH)),
            ("x-ratelimit-remaining-tokens-month", str(max(0, _LIMIT_MONTH - used))),
            ("x-ratelimit-tokens-query-cost", str(used)),
        ]
        return encode_headers(pairs)


def _parse(call: Call) -> dict[str, Any]:
    request = parse_object(call.body)
    if request is None:
        fault = {
            "type": "json_invalid",
            "loc": ["body", 0],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": "Expecting value"},
        }
        raise refusals.refuse_faults([fault])
    return request


def _count_units(
    reading: Reading, offers: tuple[ToolOffer, ...], schema: Mapping[str, Any] | None
) -> tuple[Unit, ...]:
    """Count tools first, then the schema, then the messages: the order the model reads them in."""
    units = [make_unit("tool", offer.name + _compact(offer.schema)) for offer in offers]
    if schema:
        units.append(make_unit("schema", _compact(schema)))
    for role, part in reading.parts:
        if isinstance(part, Media):
            name = fingerprint(part.place if part.data is None else part.data)
            units.append(Unit(f"{role}: {name}".encode(), MEDIA_TOKENS))
        else:
            units.append(make_unit(role, part))
    return tuple(units)


def _compact(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
