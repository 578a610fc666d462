"""Anthropic's format as the sandbox speaks it: `/v1/messages`, `…/count_tokens`, `/v1/models`.

Written from the API reference and guides at platform.claude.com (2026).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from msgspec import structs

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCache, PromptCounts, make_unit
from gateway.sandbox.formats.anthropic import refusals
from gateway.sandbox.formats.anthropic.blocks import Block, check_signature
from gateway.sandbox.formats.anthropic.conversation import CheckBlock, Conversation, read_system
from gateway.sandbox.formats.anthropic.families import Family, family_of
from gateway.sandbox.formats.anthropic.models import describe, list_models
from gateway.sandbox.formats.anthropic.parameters import VERSIONS, check_parameters
from gateway.sandbox.formats.anthropic.rules import read_cache_mark
from gateway.sandbox.formats.anthropic.tools import Tool, read_choice, read_tools
from gateway.sandbox.formats.anthropic.writing import stream_events, write_error, write_whole
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
from gateway.sandbox.ids import make_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Prompt, Unit
from gateway.sandbox.scenes import MISSING, is_playable
from gateway.sandbox.script import Failure, Finish
from gateway.sandbox.tokens import MEDIA_TOKENS

_MESSAGES_PATH = "/v1/messages"
_COUNT_PATH = "/v1/messages/count_tokens"
_MODELS_PATH = "/v1/models"
_MAX_MARKS = 4
_LIMITS = (
    ("requests", 4_000),
    ("input-tokens", 2_000_000),
    ("output-tokens", 400_000),
    ("tokens", 2_400_000),
)


class Messages:
    """See `gateway.sandbox.formats.base.Format`."""

    name = "anthropic"
    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, check_block: CheckBlock = check_signature) -> None:
        """`check_block` judges signatures; a test of recorded requests cannot have ours."""
        self._check_block = check_block

    def make_request_id(self) -> str:
        """Return an id like `req_011C` and 20 letters and digits."""
        return make_id("req_011C", 20)

    def route(self, call: Call) -> str:
        """Know messages, token counting and the model list."""
        match call.method, call.path:
            case "POST", path if path == _MESSAGES_PATH:
                return CHAT
            case "POST", path if path == _COUNT_PATH:
                return "count_tokens"
            case "GET", path if path == _MODELS_PATH:
                return "models"
            case "GET", path if path.startswith(f"{_MODELS_PATH}/"):
                return "model"
            case _:
                raise refusals.refuse_path()

    def identify(self, call: Call) -> str:
        """Take `x-api-key` or a bearer key, and demand a version we know.

        A key that begins with `bad` is refused.
        """
        key = call.header("x-api-key") or bearer_token(call)
        if not key or key.startswith("bad"):
            raise refusals.refuse_key(missing=not key)
        version = call.header("anthropic-version")
        if not version:
            raise refusals.refuse("anthropic-version: header is required")
        if version not in VERSIONS:
            raise refusals.refuse(f'anthropic-version: "{version}" is not a valid version')
        return key

    def read(self, call: Call) -> Prompt:
        """Read and check a Messages request."""
        return self._read(_parse(call), call.header("anthropic-version"))

    def _read(self, request: dict[str, Any], version: str) -> Prompt:
        family = family_of(str(request.get("model")))
        check_parameters(request, family, version)
        model = request["model"]
        if not is_playable(model):
            raise refusals.refuse_model(model)
        tools = read_tools(request)
        choice, parallel = read_choice(request, tools)
        system = read_system(request.get("system"))
        talk = Conversation(request["messages"], family, self._check_block)
        thinking = request.get("thinking") or {}
        if thinking.get("type") == "enabled":
            talk.check_thinking_leads()
        later = [block for role, blocks in talk.messages if role == "system" for block in blocks]
        wanted = (request.get("output_config") or {}).get("format")
        return Prompt(
            model=model,
            turns=talk.turns(),
            units=_count_units(request, tools, system, talk),
            system=tuple(block.text for block in (*system, *later)),
            tools=tuple(tool.offer for tool in tools if tool.offer is not None),
            choice=choice,
            parallel=parallel,
            schema=wanted["schema"] if wanted else None,
            max_tokens=request["max_tokens"],
            stops=tuple(request.get("stop_sequences", ())),
            thinks=thinking.get("type") != "disabled",
            shows_thinking=_shows_thinking(thinking, family),
            stream=request.get("stream", False),
        )

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer token counts and model lists."""
        if operation == "models":
            return Answer(orjson.dumps(list_models(call.query)))
        if operation == "model":
            name = call.path.removeprefix(f"{_MODELS_PATH}/")
            if not is_playable(name) or name.startswith(MISSING):
                raise refusals.refuse_model(name)
            return Answer(orjson.dumps(describe(name)))
        request = _parse(call)
        for name in ("max_tokens", "stream", "temperature", "stop_sequences"):
            if name in request:
                raise refusals.refuse_extra(name)
        prompt = self._read({**request, "max_tokens": 1}, call.header("anthropic-version"))
        return Answer(orjson.dumps({"input_tokens": prompt.tokens}), prompt.model)

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache what the breakpoints ask for."""
        account = f"anthropic/{fingerprint(key)}/{prompt.model}"
        floor = family_of(prompt.model).cache_floor
        return cache.settle_marked(account, prompt.units, floor, now)

    def render(self, reply: Reply) -> bytes:
        """Write a message; one that a filter stopped is refused."""
        if reply.tape.finish is Finish.FILTER:
            raise refusals.refuse(refusals.BLOCKED)
        return write_whole(reply)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write the events of a message."""
        return stream_events(reply)

    def break_event(self) -> bytes:
        """Return a delta whose JSON stops in the middle."""
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n'

    def error_event(self, request_id: str) -> bytes:
        """Return an `error` event: the vendor is overloaded."""
        return write_error(refusals.error("overloaded_error", "Overloaded"), request_id)

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into Anthropic's words."""
        return refusals.put(failure, prompt, retry_after)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body."""
        return orjson.dumps({"type": "error", "error": refused.error, "request_id": request_id})

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return request id, organization and rate limits."""
        reset = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        pairs = [("request-id", request_id), ("anthropic-organization-id", "sandbox")]
        for name, limit in _LIMITS:
            used = 1 if name == "requests" else 0 if name == "output-tokens" else counts.total
            pairs.append((f"anthropic-ratelimit-{name}-limit", str(limit)))
            pairs.append((f"anthropic-ratelimit-{name}-remaining", str(max(0, limit - used))))
            pairs.append((f"anthropic-ratelimit-{name}-reset", reset))
        return encode_headers(pairs)


def _parse(call: Call) -> dict[str, Any]:
    request = parse_object(call.body)
    if request is None:
        raise refusals.refuse("The request body is not valid JSON")
    return request


def _shows_thinking(thinking: dict[str, Any], family: Family) -> bool:
    """Models without manual thinking keep their thoughts to themselves unless asked to sum them up."""
    if thinking.get("display") is not None:
        return bool(thinking["display"] == "summarized")
    return family.manual_thinking


def _count_units(
    request: dict[str, Any],
    tools: tuple[Tool, ...],
    system: tuple[Block, ...],
    talk: Conversation,
) -> tuple[Unit, ...]:
    """Count tools, system and messages, in that order, and place the cache breakpoints."""
    units = [make_unit("tool", _tool_text(tool), tool.mark) for tool in tools]
    units += [make_unit("system", block.text, block.mark) for block in system]
    first = len(units)
    for role, blocks in talk.messages:
        for block in blocks:
            units += _block_units(role, block)
    # Changing these invalidates cached messages, but not cached tools and system texts.
    settings = orjson.dumps([request.get("tool_choice"), request.get("thinking")])
    units[first:] = [structs.replace(unit, data=settings + unit.data) for unit in units[first:]]
    overall = read_cache_mark(request, "")
    if overall is not None and units and units[-1].mark is None:
        units[-1] = structs.replace(units[-1], mark=overall)
    _check_marks([unit.mark for unit in units if unit.mark is not None])
    return tuple(units)


def _block_units(role: str, block: Block) -> list[Unit]:
    units = [make_unit(role, block.text)] if block.text or not block.media else []
    for media in block.media:
        name = fingerprint(media.place if media.data is None else media.data)
        units.append(Unit(f"{role}: {name}".encode(), MEDIA_TOKENS))
    units[-1] = structs.replace(units[-1], mark=block.mark)
    return units


def _tool_text(tool: Tool) -> str:
    shown = {name: value for name, value in tool.raw.items() if name != "cache_control"}
    return orjson.dumps(shown, option=orjson.OPT_SORT_KEYS).decode()


def _check_marks(marks: list[str]) -> None:
    if len(marks) > _MAX_MARKS:
        raise refusals.refuse(
            f"A maximum of {_MAX_MARKS} blocks with cache_control may be provided. "
            f"Found {len(marks)}."
        )
    if "5m" in marks and "1h" in marks[marks.index("5m") :]:
        raise refusals.refuse(
            "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
            "cache_control block. Note that blocks are processed in the following order: "
            "`tools`, `system`, `messages`."
        )
