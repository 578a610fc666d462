"""Writes a reply, whole: the members a real one has, in their order, on either surface."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from msgspec import Struct

from gateway.sandbox.formats.base import Reply
from gateway.sandbox.formats.google.families import DATED, family_of
from gateway.sandbox.formats.google.signatures import TEXT, call_subject, sign
from gateway.sandbox.ids import make_id
from gateway.sandbox.script import Finish
from gateway.sandbox.tape import Beat, Kind
from gateway.sandbox.tokens import MEDIA_TOKENS, count_tokens

_FINISH = {
    Finish.STOP: "STOP",
    Finish.STOP_SEQUENCE: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOLS: "STOP",  # there is no reason of its own for calls
    Finish.FILTER: "SAFETY",
}
_CALLED = "Model generated function call(s)."
_RATING = {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH"}
_MODALITIES: Mapping[str, str] = {"image": "IMAGE", "audio": "AUDIO", "document": "DOCUMENT"}
_LOGPROB = -0.1


class Pen(Struct, frozen=True):
    """Writes the pieces of one reply. `vertex`: in that surface's manner."""

    reply: Reply
    vertex: bool

    def usage(self, output: int, reasoning: int) -> dict[str, Any]:
        """Return the usage: the prompt with what was cached, the answer without thoughts."""
        counts = self.reply.counts
        usage: dict[str, Any] = {"promptTokenCount": counts.total}
        if output:
            usage["candidatesTokenCount"] = output
        usage["totalTokenCount"] = counts.total + output + reasoning
        if counts.cache_read:
            usage["cachedContentTokenCount"] = counts.cache_read
        if self.vertex:
            usage["trafficType"] = "ON_DEMAND"
        usage["promptTokensDetails"] = self._modalities(counts.total)
        if counts.cache_read:
            usage["cacheTokensDetails"] = [_detail("TEXT", counts.cache_read)]
        if output and self.vertex:
            usage["candidatesTokensDetails"] = [_detail("TEXT", output)]
        if reasoning:
            usage["thoughtsTokenCount"] = reasoning
        return usage if self.vertex else {**usage, "serviceTier": "standard"}

    def _modalities(self, total: int) -> list[dict[str, Any]]:
        found: dict[str, int] = {}
        for turn in self.reply.prompt.turns:
            for media in turn.media:
                name = _MODALITIES[media.kind]
                found[name] = found.get(name, 0) + MEDIA_TOKENS
        text = total - sum(found.values())
        return [_detail("TEXT", text), *(_detail(name, size) for name, size in found.items())]

    def envelope(
        self, candidates: list[dict[str, Any]] | None, usage: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return a whole response around its candidates; None: the prompt was blocked."""
        model = self.reply.prompt.model
        made: dict[str, Any] = {}
        if candidates is None:
            made["promptFeedback"] = self._feedback()
        else:
            made["candidates"] = candidates
        if usage is not None and self.reply.usage:
            made["usageMetadata"] = usage
        made["modelVersion"] = DATED.get(model, model)
        if self.vertex:
            made["createTime"] = self._time()
        return {**made, "responseId": self.reply.request_id}

    def _time(self) -> str:
        return datetime.fromtimestamp(self.reply.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _feedback(self) -> dict[str, Any]:
        made: dict[str, Any] = {"blockReason": "SAFETY"}
        if self.vertex:
            made["blockReasonMessage"] = "The prompt was blocked for its dangerous content."
        return {**made, "safetyRatings": [_RATING]}

    def candidate(
        self, parts: list[dict[str, Any]] | None, index: int, *, ends: bool
    ) -> dict[str, Any]:
        """Return a candidate; None: it has no content, [] content without parts."""
        made: dict[str, Any] = {}
        if parts is not None:
            role = {"role": "model"}
            spoken = {"parts": parts} if parts else {}
            made["content"] = role | spoken if self.vertex else spoken | role
        if ends:
            made |= self._ending()
        if not self.vertex or index:
            made["index"] = index
        return made

    def _ending(self) -> dict[str, Any]:
        finish = self.reply.tape.finish
        if finish is Finish.REFUSAL:
            said = "".join(beat.text for beat in self.reply.tape.beats if beat.kind is Kind.REFUSE)
            word = "MODEL_ARMOR" if self.vertex else "PROHIBITED_CONTENT"
            return {"finishReason": word, "finishMessage": said}
        made: dict[str, Any] = {"finishReason": _FINISH[finish]}
        if finish is Finish.FILTER:
            made["safetyRatings"] = [{**_RATING, "blocked": True}]
        if finish is Finish.TOOLS and not self.vertex:
            made["finishMessage"] = _CALLED
        if self.vertex:
            made["avgLogprobs"] = _LOGPROB
        return made

    def call(self, beats: list[Beat], *, first: bool) -> dict[str, Any] | None:
        """Return the part of a call, signed if it is the first; None for one that was cut short."""
        args = parse_args("".join(beat.text for beat in beats[1:]))
        if args is None:
            return None
        name, family = beats[0].text, family_of(self.reply.prompt.model)
        made: dict[str, Any] = {"name": name, "args": args}
        if family.names_calls and not self.vertex:
            made["id"] = make_id("", 8)
        part: dict[str, Any] = {"functionCall": made}
        if first and family.signs:
            part["thoughtSignature"] = sign(call_subject(name, args))
        return part

    def logprobs(self, beats: list[Beat]) -> dict[str, Any]:
        """Return the log probabilities of what was said."""
        chosen = [
            {"token": beat.text, "tokenId": count_tokens(beat.text), "logProbability": _LOGPROB}
            for beat in beats
        ]
        return {
            "topCandidates": [{"candidates": [one]} for one in chosen],
            "chosenCandidates": chosen,
        }


def _detail(modality: str, tokens: int) -> dict[str, Any]:
    return {"modality": modality, "tokenCount": tokens}


def parse_args(text: str) -> dict[str, Any] | None:
    """Return a call's arguments, None where they were cut short."""
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def blocks_of(reply: Reply) -> list[list[Beat]]:
    """Return the beats of each step."""
    blocks: dict[int, list[Beat]] = {}
    for beat in reply.tape.beats:
        blocks.setdefault(beat.block, []).append(beat)
    return list(blocks.values())


def write_whole(reply: Reply, *, vertex: bool) -> bytes:
    """Return the body of a reply; the vendor indents it."""
    pen, tape, times = Pen(reply, vertex), reply.tape, reply.prompt.choices
    usage = pen.usage(tape.output * times, tape.reasoning * times)
    candidates = None
    if tape.finish is not Finish.BLOCKED:
        candidates = [_write_candidate(pen, index) for index in range(times)]
    body = pen.envelope(candidates, usage)
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _write_candidate(pen: Pen, index: int) -> dict[str, Any]:
    reply = pen.reply
    if reply.tape.finish in (Finish.REFUSAL, Finish.FILTER):
        return pen.candidate(None, index, ends=True)
    candidate = pen.candidate(_write_parts(pen), index, ends=True)
    spoken = [beat for beat in reply.tape.beats if beat.kind is Kind.SAY]
    if reply.prompt.logprobs and spoken:
        candidate |= {"avgLogprobs": _LOGPROB, "logprobsResult": pen.logprobs(spoken)}
    return candidate


def _write_parts(pen: Pen) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    called = False
    for beats in blocks_of(pen.reply):
        text = "".join(beat.text for beat in beats)
        match beats[0].kind:
            case Kind.THINK if pen.reply.prompt.shows_thinking:
                parts.append({"text": text, "thought": True})
            case Kind.SAY if text:
                parts.append({"text": text})
            case Kind.CALL:
                part = pen.call(beats, first=not called)
                parts += [part] if part else []
                called = called or part is not None
            case _:
                pass  # thoughts that are not shown are only counted
    spoken = [part for part in parts if "text" in part and "thought" not in part]
    if pen.reply.tape.reasoning and spoken and not called:
        spoken[-1]["thoughtSignature"] = sign(TEXT)
    return parts
