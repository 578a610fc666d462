"""Bedrock's format as the sandbox speaks it: Converse, ConverseStream, InvokeModel, model lists.

Below `/bedrock` lies the region us-east-1; `/bedrock/eu-west-1` and the like are other regions. Written
from the service models of `bedrock-runtime` and `bedrock` (botocore 1.44.5) and the user guide at
docs.aws.amazon.com (2026).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import orjson
from msgspec import Struct, structs

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCache, PromptCounts, make_unit
from gateway.sandbox.formats.base import (
    CHAT,
    Answer,
    Frame,
    Refused,
    Reply,
    encode_headers,
    parse_object,
)
from gateway.sandbox.formats.bedrock import refusals, signature
from gateway.sandbox.formats.bedrock.blocks import Block, check_signature
from gateway.sandbox.formats.bedrock.contract import CONVERSE, CONVERSE_STREAM
from gateway.sandbox.formats.bedrock.conversation import CheckBlock, Conversation
from gateway.sandbox.formats.bedrock.families import family_behind, needs_profile
from gateway.sandbox.formats.bedrock.frames import STREAM_TYPE, write_exception, write_garbled
from gateway.sandbox.formats.bedrock.invoke import invoke
from gateway.sandbox.formats.bedrock.models import describe, list_models, list_profiles
from gateway.sandbox.formats.bedrock.parameters import (
    Tools,
    allows_parallel,
    check_inference,
    check_marks,
    read_schema,
    read_thinking,
    read_tools,
)
from gateway.sandbox.formats.bedrock.shapes import Findings
from gateway.sandbox.formats.bedrock.writing import stream_frames, write_whole
from gateway.sandbox.ids import make_hex_id
from gateway.sandbox.journal import fingerprint
from gateway.sandbox.prompt import Prompt, Unit
from gateway.sandbox.scenes import MISSING, is_playable
from gateway.sandbox.script import Failure
from gateway.sandbox.tokens import MEDIA_TOKENS

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_OPERATIONS = {"converse": CHAT, "converse-stream": CHAT, "invoke": "embeddings"}
_MAX_ID = 2048


class _Place(Struct, frozen=True):
    """Where a call goes: a region, an operation of a model, or a list."""

    region: str
    operation: str
    model: str = ""


def _locate(call: Call) -> _Place:
    """Read the path as it was on the wire: a model's id may hold encoded slashes."""
    raw = call.raw_path.partition("/bedrock/")[2] or call.path.lstrip("/")
    parts = [unquote(part) for part in raw.split("/")]
    region = signature.HOME_REGION
    if _REGION.fullmatch(parts[0]):
        region, *parts = parts
    match call.method, *parts:
        case "POST", "model", model, operation:
            return _Place(region, operation, model)
        case "GET", ("foundation-models" | "inference-profiles") as what:
            return _Place(region, what)
        case "GET", "foundation-models", model:
            return _Place(region, "foundation-model", model)
        case _:
            return _Place(region, "")


class Converse:
    """See `gateway.sandbox.formats.base.Format`."""

    name = "bedrock"
    stream_type = STREAM_TYPE

    def __init__(self, check_block: CheckBlock = check_signature) -> None:
        """`check_block` judges signatures; a test of recorded requests cannot have ours."""
        self._check_block = check_block

    def make_request_id(self) -> str:
        """Return a UUID."""
        parts = (make_hex_id("", length) for length in (8, 4, 3, 3, 12))
        first, second, third, fourth, fifth = parts
        return f"{first}-{second}-4{third}-b{fourth}-{fifth}"

    def route(self, call: Call) -> str:
        """Know Converse in both its forms, InvokeModel and the model lists."""
        operation = _locate(call).operation
        if operation in _OPERATIONS:
            return _OPERATIONS[operation]
        if operation in ("foundation-models", "foundation-model", "inference-profiles"):
            return operation
        raise refusals.refuse_path()

    def identify(self, call: Call) -> str:
        """Recompute the signature, or take an API key; one that begins with `bad` is refused."""
        return signature.identify(call, _locate(call).region)

    def read(self, call: Call) -> Prompt:
        """Read and check a Converse request."""
        place = _locate(call)
        stream = place.operation == "converse-stream"
        request = _parse(call)
        _check_shape(request, stream=stream)
        _check_model(place.model)
        family = family_behind(place.model)
        talk = Conversation(request.get("messages") or [], family, self._check_block)
        tools = read_tools(request, family, stream=stream)
        if talk.uses_tools and request.get("toolConfig") is None:
            raise refusals.refuse(
                "The toolConfig field must be defined when using toolUse and toolResult content "
                "blocks."
            )
        check_inference(request, family)
        thinking = read_thinking(request, family)
        if thinking.manual:
            talk.check_thinking_leads()
        system = _read_system(request)
        units = _count_units(tools, system, talk)
        check_marks([unit.mark for unit in units if unit.mark is not None], family)
        inference = request.get("inferenceConfig") or {}
        return Prompt(
            model=place.model,
            turns=talk.turns(),
            units=units,
            system=tuple(block.text for block in system if block.type != "cachePoint"),
            tools=tuple(offer for offer, _ in tools.offers),
            choice=tools.choice,
            parallel=allows_parallel(request),
            schema=read_schema(request),
            max_tokens=inference.get("maxTokens"),
            stops=tuple(inference.get("stopSequences") or ()),
            thinks=thinking.on,
            shows_thinking=thinking.shown,
            stream=stream,
        )

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer embeddings and model lists."""
        place = _locate(call)
        match operation:
            case "foundation-models":
                return Answer(orjson.dumps(list_models(call.query, place.region)))
            case "inference-profiles":
                return Answer(orjson.dumps(list_profiles(place.region)))
            case "foundation-model":
                row = describe(place.model, place.region)
                if row is None:
                    raise refusals.refuse_model(place.model)
                return Answer(orjson.dumps({"modelDetails": row}))
            case _:
                _check_model(place.model)
                if place.model.startswith(MISSING):
                    raise refusals.refuse_model(place.model)
                return invoke(place.model, _parse(call))

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Cache what the cache points ask for."""
        account = f"bedrock/{fingerprint(key)}/{prompt.model}"
        floor = family_behind(prompt.model).cache_floor or 0
        return cache.settle_marked(account, prompt.units, floor, now)

    def render(self, reply: Reply) -> bytes:
        """Write a reply."""
        return write_whole(reply)

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write the frames of a reply."""
        return stream_frames(reply)

    def break_event(self) -> bytes:
        """Return a frame whose checksum does not fit: a reader that checks none takes its word."""
        return write_garbled()

    def error_event(self, request_id: str) -> bytes:
        """Return an exception frame."""
        del request_id
        return write_exception("internalServerException", {"message": refusals.UNEXPECTED})

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into Bedrock's words, which never name a wait."""
        del retry_after
        return refusals.put(failure, prompt)

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write an error body."""
        del request_id
        return orjson.dumps(refused.error)

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return the request id: there is nothing else."""
        del counts, now
        return encode_headers([("x-amzn-requestid", request_id)])


def _parse(call: Call) -> dict[str, Any]:
    request = parse_object(call.body)
    if request is None:
        raise refusals.refuse_unreadable("The request body is not a JSON object")
    return request


def _check_shape(request: Mapping[str, Any], *, stream: bool) -> None:
    findings = Findings()
    (CONVERSE_STREAM if stream else CONVERSE)(request, (), findings)
    verdict = findings.verdict()
    if verdict is not None:
        raise verdict


def _check_model(model: str) -> None:
    if not 0 < len(model) <= _MAX_ID or not is_playable(model):
        raise refusals.refuse_model(model)
    if needs_profile(model):
        raise refusals.refuse(
            f"Invocation of model ID {model} with on-demand throughput isn\u2019t supported. Retry your "
            "request with the ID or ARN of an inference profile that contains this model."
        )


def _read_system(request: Mapping[str, Any]) -> tuple[Block, ...]:
    blocks = []
    for at, one in enumerate(request.get("system") or ()):
        if one.get("cachePoint") is not None:
            blocks.append(Block("cachePoint", mark=one["cachePoint"].get("ttl") or "5m"))
            continue
        text = one.get("text")
        if text is None:
            text = orjson.dumps(one["guardContent"]).decode()
        elif not text.strip():
            raise refusals.refuse(
                f"The text field in the SystemContentBlock object at system.{at} is blank. "
                "Add text to the text field, and try again."
            )
        blocks.append(Block("text", text))
    return tuple(blocks)


def _count_units(tools: Tools, system: tuple[Block, ...], talk: Conversation) -> tuple[Unit, ...]:
    """Count tools, system and messages, in that order, and place the cache points."""
    units = [
        make_unit("tool", offer.name + orjson.dumps(offer.schema).decode(), mark)
        for offer, mark in tools.offers
    ]
    for role, blocks in (("system", system), *talk.messages):
        for block in blocks:
            if block.type == "cachePoint":
                if units:
                    units[-1] = structs.replace(units[-1], mark=block.mark)
            else:
                units += _block_units(role, block)
    return tuple(units)


def _block_units(role: str, block: Block) -> list[Unit]:
    units = [make_unit(role, block.text)] if block.text or not block.media else []
    for media in block.media:
        name = fingerprint(media.place if media.data is None else media.data)
        units.append(Unit(f"{role}: {name}".encode(), MEDIA_TOKENS))
    return units
