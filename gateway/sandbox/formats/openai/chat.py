"""OpenAI's format as the sandbox speaks it: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`.

Written from the API reference and guides at platform.openai.com (2026).
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
from gateway.sandbox.formats.openai import refusals
from gateway.sandbox.formats.openai.embeddings import embed
from gateway.sandbox.formats.openai.messages import Reading
from gateway.sandbox.formats.openai.models import describe, list_models
from gateway.sandbox.formats.openai.parameters import check_parameters, is_reasoning_model
from gateway.sandbox.formats.openai.rules import refuse_missing
from gateway.sandbox.formats.openai.tools import read_choice, read_response_format, read_tools
from gateway.sandbox.formats.openai.writing import stream_chunks, write_event, write_whole
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Media, Prompt, ToolOffer, Unit
from gateway.sandbox.scenes import MISSING, is_playable
from gateway.sandbox.script import Failure
from gateway.sandbox.tokens import MEDIA_TOKENS

_CHAT_PATH = "/v1/chat/completions"
_EMBEDDINGS_PATH = "/v1/embeddings"
_MODELS_PATH = "/v1/models"
_LIMIT_REQUESTS = 10_000
_LIMIT_TOKENS = 2_000_000


class Chat:
    """See `gateway.sandbox.formats.base.Format`."""

    name = "openai"
    stream_type = "text/event-stream; charset=utf-8"

    def make_request_id(self) -> str:
        """Return an id like `req_` and 32 hexadecimal digits."""
        return make_hex_id("req_", 32)

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
                raise refusals.refuse_path(call.method, call.path)

    def identify(self, call: Call) -> str:
        """Take a bearer key; one that begins with `bad` is refused."""
        key = bearer_token(call)
        if not key:
            raise refusals.refuse_no_key()
        if key.startswith("bad"):
            raise refusals.refuse_key(key)
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
        schema, wants_json = read_response_format(request)
        options = request.get("stream_options") or {}
        stops = request.get("stop") or ()
        effort = request.get("reasoning_effort")
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
            max_tokens=request.get("max_completion_tokens") or request.get("max_tokens"),
            stops=(stops,) if isinstance(stops, str) else tuple(stops),
            thinks=(model.startswith("sandbox") or is_reasoning_model(model)) and effort != "none",
            stream=bool(request.get("stream")),
            include_usage=bool(options.get("include_usage")),
            choices=request.get("n") or 1,
            logprobs=bool(request.get("logprobs")),
            legacy_functions=bool(request.get("functions")),
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
        request = _parse(call)
        model = request.get("model")
        if model is None:
            raise refuse_missing("model")
        if not isinstance(model, str) or model.startswith(MISSING):
            raise refusals.refuse_model(str(model))
        return embed(request)

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache prefixes unasked."""
        account = f"openai/{fingerprint(key)}/{prompt.model}"
        return cache.settle_automatic(account, prompt.units, now)

    def render(self, reply: Reply) -> bytes:
        """Write a chat completion."""
        return write_whole(reply)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write the chunks of a chat completion."""
        return stream_chunks(reply)

    def break_event(self) -> bytes:
        """Return a chunk whose JSON stops in the middle."""
        return (
            b'data: {"id":"chatcmpl-broken","object":"chat.completion.chunk","choices":[{"ind\n\n'
        )

    def error_event(self, request_id: str) -> bytes:
        """Return a data line with an error instead of choices."""
        del request_id
        return write_event({"error": refusals.stream_error()})

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into OpenAI's words."""
        return refusals.put(failure, prompt, retry_after)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body: OpenAI indents it."""
        del request_id
        return orjson.dumps({"error": refused.error}, option=orjson.OPT_INDENT_2)

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return request id, version, processing time and rate limits."""
        del now
        pairs = [
            ("x-request-id", request_id),
            ("openai-version", "2020-10-01"),
            ("openai-organization", "sandbox"),
            ("openai-processing-ms", "12"),
            ("x-ratelimit-limit-requests", str(_LIMIT_REQUESTS)),
            ("x-ratelimit-limit-tokens", str(_LIMIT_TOKENS)),
            ("x-ratelimit-remaining-requests", str(_LIMIT_REQUESTS - 1)),
            ("x-ratelimit-remaining-tokens", str(max(0, _LIMIT_TOKENS - counts.total))),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-reset-tokens", f"{counts.total * 60_000 // _LIMIT_TOKENS}ms"),
        ]
        return encode_headers(pairs)


def _parse(call: Call) -> dict[str, Any]:
    request = parse_object(call.body)
    if request is None:
        text = (
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly.)"
        )
        raise refusals.refuse(text)
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
