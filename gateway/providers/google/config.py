"""`generationConfig`: sampling, limits, thinking, the form of the answer.

Facts are from the API references of both services and from recorded traffic (2026-11).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.providers.google.plan import JsonWay, Plan
from gateway.providers.google.schema import answer_schema
from gateway.providers.google.subset import subset_schema
from gateway.types.chat import ChatRequest

_SEEDS = 2**31
_BELOW_TWO = 1.99  # penalties end just below 2 here, at 2 with OpenAI
_MODALITIES: Mapping[str, str] = {"text": "TEXT", "image": "IMAGE", "audio": "AUDIO"}


def build_config(
    chat: ChatRequest, plan: Plan, thinking: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Write the config; values the client did not set are left out."""
    config: dict[str, Any] = {name: v for name, v in _sampling(chat, plan) if v is not None}
    if chat.max_tokens is not None:
        config["maxOutputTokens"] = chat.max_tokens
    stops = [stop for stop in chat.sampling.stop if stop]
    if stops:
        config["stopSequences"] = stops
    config.update(_choices(chat))
    config.update(_answer_form(chat, plan))
    config.update(_modalities(chat))
    if thinking is not None:
        config["thinkingConfig"] = dict(thinking)
    return config


def json_words(chat: ChatRequest, plan: Plan) -> str | None:
    """Write the instruction to answer in JSON, None where something stricter does it."""
    if plan.json is not JsonWay.WORDS or chat.output is None:
        return None
    words = "Answer with one JSON object and nothing else: no prose before or after, no code fence."
    if chat.output.schema is None:
        return words
    schema = orjson.dumps(chat.output.schema).decode()
    return f"{words} The object must be valid against this JSON Schema:\n{schema}"


def tell_changes(chat: ChatRequest, plan: Plan) -> Iterator[str]:
    """Yield a line for each wish that the config does not carry as the client put it."""
    given = chat.sampling
    for name in (*plan.generation.ignored, *plan.generation.refused):
        if getattr(given, name) is not None:
            yield f"dropped: {name}"
    if plan.json is JsonWay.WORDS:
        yield "changed: response_format (asked for in words)"
    if given.seed is not None and not 0 <= given.seed < _SEEDS:
        yield f"changed: seed (to {given.seed % _SEEDS})"


def _sampling(chat: ChatRequest, plan: Plan) -> Iterator[tuple[str, Any]]:
    given = chat.sampling
    silent = {*plan.generation.ignored, *plan.generation.refused}
    values = {
        "temperature": given.temperature,
        "top_p": given.top_p,
        "top_k": given.top_k,
        "frequency_penalty": _penalty(given.frequency_penalty),
        "presence_penalty": _penalty(given.presence_penalty),
    }
    for name, value in values.items():
        if name not in silent:
            yield _CONFIG_NAMES[name], value
    yield "seed", None if given.seed is None else given.seed % _SEEDS


_CONFIG_NAMES: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}


def _penalty(value: float | None) -> float | None:
    return None if value is None else min(value, _BELOW_TWO)


def _choices(chat: ChatRequest) -> Iterator[tuple[str, Any]]:
    if "n" in chat.extra:
        yield "candidateCount", chat.extra["n"]
    if chat.extra.get("logprobs") is True:
        yield "responseLogprobs", True
        most = chat.extra.get("top_logprobs")
        if isinstance(most, int) and most > 0:
            yield "logprobs", most


def _answer_form(chat: ChatRequest, plan: Plan) -> Iterator[tuple[str, Any]]:
    if plan.json is not JsonWay.NATIVE or chat.output is None:
        return
    yield "responseMimeType", "application/json"
    schema = chat.output.schema
    if schema is None:
        return
    if plan.generation.json_schema:
        yield "responseJsonSchema", answer_schema(schema)
    else:
        yield "responseSchema", subset_schema(schema)


def _modalities(chat: ChatRequest) -> Iterator[tuple[str, Any]]:
    """Yield what the answer is to be made of. Models that speak give sound and nothing else."""
    words = [_MODALITIES.get(word, word.upper()) for word in _words(chat.extra.get("modalities"))]
    if "AUDIO" in words:
        yield "responseModalities", ["AUDIO"]
    elif words:
        yield "responseModalities", words
    audio = chat.extra.get("audio")
    voice = audio.get("voice") if isinstance(audio, Mapping) else None
    if "AUDIO" in words and isinstance(voice, str):
        yield "speechConfig", {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}


def _words(value: object) -> list[str]:
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []
