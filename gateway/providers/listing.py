"""A provider's own list of models: which request gets it, and what its reply says.

The probe that proves a key is nearly always a request for that list, cut down to be cheap. Shapes
are as the vendors' API references and SDK types have them, 2026-11:

    {"data": [{"id"}]}       OpenAI and everything compatible; Anthropic; Mistral
    [{"id"}]                 Together
    {"models": [{"name"}]}   Gemini (`models/x`), Cohere, Ollama's own API
    {"modelSummaries": [{"modelId"}]}   Bedrock
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from msgspec import Struct
from msgspec.structs import replace

from gateway.types.upstream import UpstreamRequest

MOST_MODELS = 2_000
_LONGEST_ID = 200
_LARGEST_NUMBER = 2**53
_GEMINI_PREFIX = "models/"

# Page sizes under the names vendors give them; 1,000 is the most that Anthropic, Gemini and Cohere
# allow. A filter has no place in a list.
_PAGE_SIZES = ("limit", "pageSize", "page_size")
_WHOLE_PAGE = "1000"
_FILTERS = ("byProvider",)  # Bedrock

NAMED_BY_CUSTOMER = frozenset(("azure",))
"""Wire formats whose models go by names that customers give: neither the vendor's list, which is
of what could be deployed, nor the catalogue tells what a key can call."""

# OpenRouter's list is public, so it proves nothing and its probe asks for the key's own page.
_ANOTHER_PATH = MappingProxyType({"openrouter": ("/key", "/models")})

_LISTS = ("data", "models", "modelSummaries")
_IDS = ("id", "modelId", "name", "model")
_CONTEXT_WINDOWS = (
    "context_window",  # Groq
    "context_length",  # Together, OpenRouter, Cohere
    "max_context_length",  # Mistral, LM Studio
    "max_model_len",  # vLLM
    "max_input_tokens",  # Anthropic
    "inputTokenLimit",  # Gemini
)
_MAX_OUTPUTS = (
    "max_completion_tokens",
    "outputTokenLimit",
    "max_tokens",
)  # Groq, Gemini, Anthropic

# What a row says its model is for; a row that says nothing may be for chat.
_JOBS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "supportedGenerationMethods": frozenset(("generateContent", "embedContent")),  # Gemini
        "endpoints": frozenset(("chat", "embed")),  # Cohere
        "inferenceTypesSupported": frozenset(("ON_DEMAND",)),  # Bedrock: else through a profile
    }
)
_OTHER_TYPES = frozenset(("image", "video", "audio", "moderation", "rerank", "transcribe"))
# OpenAI's list, and Groq's, hold models of all their APIs and say nothing of their use.
_OTHER_NAMES = re.compile(
    r"^(?:whisper|tts-|dall-e|sora|(?:chat)?gpt-image|(?:omni|text)-moderation|babbage-|davinci-)"
    r"|-(?:realtime|transcribe|tts|instruct-0914)(?:-|$)|^gpt-realtime|^gpt-3\.5-turbo-instruct"
)


class ListedModel(Struct, frozen=True):
    """One model of a provider's own list. `created` is in Unix seconds, 0 where nothing is said."""

    id: str
    created: int = 0
    context_window: int | None = None
    max_output: int | None = None


def whole_list(probe: UpstreamRequest) -> UpstreamRequest:
    """Return the probe with its page made as large as vendors allow; it still proves the key."""
    parts = urlsplit(probe.url)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    wanted = [
        (name, _WHOLE_PAGE if name in _PAGE_SIZES else value)
        for name, value in asked
        if name not in _FILTERS
    ]
    if wanted == asked:
        return probe  # as it was written: encoding it anew might change what needs no change
    return replace(probe, url=urlunsplit(parts._replace(query=urlencode(wanted))))


def list_request(kind: str, probe: UpstreamRequest) -> UpstreamRequest | None:
    """Return the request for the list of a provider of this wire format, made from its probe.

    None where there is none: the probe is a chat, or its list is of something else.
    """
    if probe.method != "GET" or kind in NAMED_BY_CUSTOMER:
        return None
    probe_path, list_path = _ANOTHER_PATH.get(kind, ("", ""))
    parts = urlsplit(probe.url)
    if probe_path and parts.path.endswith(probe_path):
        path = parts.path.removesuffix(probe_path) + list_path
        probe = replace(probe, url=urlunsplit(parts._replace(path=path)))
    return whole_list(probe)


def read_list(body: bytes) -> tuple[ListedModel, ...]:
    """Read the models that chat or embed, each once, at most `MOST_MODELS`; anything else is ().

    The body may come from an endpoint that a user chose: nothing in it is taken on trust.
    """
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    found: dict[str, ListedModel] = {}
    for row in _rows(reply):
        model = _read_row(row)
        if model is not None:
            found.setdefault(model.id, model)
        if len(found) == MOST_MODELS:
            break
    return tuple(found.values())


def _rows(reply: Any) -> Iterator[Mapping[str, Any]]:
    lists: Sequence[Any] = [reply]
    if isinstance(reply, dict):
        lists = [reply.get(name) for name in _LISTS]
    rows = next((rows for rows in lists if isinstance(rows, list)), [])
    yield from (row for row in rows if isinstance(row, dict))


def _read_row(row: Mapping[str, Any]) -> ListedModel | None:
    name = next((row[member] for member in _IDS if isinstance(row.get(member), str)), "")
    name = name.removeprefix(_GEMINI_PREFIX)
    fits = 0 < len(name) <= _LONGEST_ID and name.isprintable() and " " not in name
    if not fits or not _is_for_us(name, row):
        return None
    return ListedModel(
        id=name,
        created=_read_time(row),
        context_window=_first_number(row, _CONTEXT_WINDOWS),
        max_output=_first_number(row, _MAX_OUTPUTS),
    )


def _is_for_us(name: str, row: Mapping[str, Any]) -> bool:
    """Whether a model chats or embeds, as far as its row and its name say."""
    for member, wanted in _JOBS.items():
        said = row.get(member)
        if (
            isinstance(said, list)
            and said
            and not any(job in wanted for job in said if _is_text(job))
        ):
            return False
    kind = row.get("type")
    if _is_text(kind) and kind in _OTHER_TYPES:
        return False
    return _OTHER_NAMES.search(name) is None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _read_time(row: Mapping[str, Any]) -> int:
    created = row.get("created")
    if isinstance(created, int | float) and 0 <= created < _LARGEST_NUMBER:
        return int(created)
    written = row.get("created_at")  # Anthropic: RFC 3339
    if not isinstance(written, str):
        return 0
    try:
        moment = datetime.fromisoformat(written)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(aware.timestamp()))
    except (ValueError, OverflowError):
        return 0


def _first_number(row: Mapping[str, Any], members: Sequence[str]) -> int | None:
    for member in members:
        value = row.get(member)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_NUMBER:
            return value
    return None
