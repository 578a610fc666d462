"""The typed middle of a chat request: what every reader produces and every provider builds from.

A reader (`wire/chat_read.py`) turns a client format into one `ChatRequest`; a provider turns it into
its native body. So N providers and M client formats cost N + M translators. Every node keeps members
it does not know in `extra`, so that a provider of the same format can write them back unchanged.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from msgspec import Struct

Extra = Mapping[str, Any]
NO_EXTRA: Extra = MappingProxyType({})


class Role(StrEnum):
    """Who speaks in a message. The deprecated `function` role is read as `tool`."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class CacheMarker(Struct, frozen=True):
    """The client's wish that the prompt is cached up to here (`cache_control`, Anthropic style).

    `ttl` is "5m", "1h" or None where the client named none.
    """

    ttl: str | None = None


class Text(Struct, frozen=True):
    """A text part."""

    text: str
    cache: CacheMarker | None = None
    extra: Extra = NO_EXTRA


class Image(Struct, frozen=True):
    """An image part: `url` is a data URI or an http(s) URL, exactly as the client sent it."""

    url: str
    detail: str | None = None
    cache: CacheMarker | None = None
    extra: Extra = NO_EXTRA


class Audio(Struct, frozen=True):
    """Input audio: base64 `data` in `format` ("wav", "mp3")."""

    data: str
    format: str
    cache: CacheMarker | None = None
    extra: Extra = NO_EXTRA


class File(Struct, frozen=True):
    """A document: a data URI (or bare base64) in `data`, or a provider's `file_id`."""

    data: str | None = None
    file_id: str | None = None
    filename: str | None = None
    cache: CacheMarker | None = None
    extra: Extra = NO_EXTRA


class Refusal(Struct, frozen=True):
    """An assistant's refusal, replayed as history."""

    text: str
    extra: Extra = NO_EXTRA


class UnknownPart(Struct, frozen=True):
    """A content part of a type we do not know: only a provider of the client's format may carry it."""

    raw: Mapping[str, Any]


Part = Text | Image | Audio | File | Refusal | UnknownPart


class ToolCall(Struct, frozen=True):
    """A call the assistant made. `arguments` is the raw JSON string (free text for custom tools)."""

    id: str
    name: str
    arguments: str
    custom: bool = False
    extra: Extra = NO_EXTRA  # `extra_content` (signatures) and unknown members


class ReasoningBlock(Struct, frozen=True):
    """One opaque block of an earlier answer's reasoning, as it came back in `reasoning_details`.

    `type` is "thinking" (text + signature), "redacted" or "encrypted" (data) or "summary".
    `format` names the vendor family that made it ("anthropic", "gemini", …); blocks go back only
    to the same family. `raw` is the whole member, so that nothing is lost.
    """

    type: str
    format: str | None
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    raw: Extra = NO_EXTRA


class Message(Struct, frozen=True):
    """One turn. `content` is a string, parts, or None where the client sent null or nothing.

    String and parts are kept apart because some compatible servers take only the former.
    """

    role: Role
    content: str | tuple[Part, ...] | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: tuple[ReasoningBlock, ...] = ()
    reasoning_text: str | None = None  # `reasoning_content`: text only, no signature
    cache: CacheMarker | None = None
    extra: Extra = NO_EXTRA

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as parts, whatever its spelling; empty for null and ""."""
        if isinstance(self.content, str):
            return (Text(self.content),) if self.content else ()
        return self.content or ()


class Tool(Struct, frozen=True):
    """A tool the model may call. `kind` is "function", "custom" or a provider-native type.

    `schema` is the JSON Schema of a function's arguments. Custom and native tools travel whole
    in `raw`.
    """

    kind: str
    name: str
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    cache: CacheMarker | None = None
    raw: Extra = NO_EXTRA


class ToolChoiceMode(StrEnum):
    """How far the model is free to call tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


class ToolChoice(Struct, frozen=True):
    """`name` belongs to NAMED; `allowed` restricts AUTO or REQUIRED to some tools (`allowed_tools`)."""

    mode: ToolChoiceMode
    name: str | None = None
    allowed: tuple[str, ...] | None = None
    raw: Any = None  # the client's own spelling


class OutputFormat(Struct, frozen=True):
    """`response_format`: `kind` is "text", "json_object" or "json_schema"."""

    kind: str
    name: str | None = None
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    raw: Extra = NO_EXTRA


class Reasoning(Struct, frozen=True):
    """How much the model should think. All None: the client said nothing.

    `effort` is none|minimal|low|medium|high|xhigh|max; `budget_tokens` an explicit budget;
    `raw_thinking` an Anthropic-style `thinking` object to pass on unchanged, `raw_reasoning` an
    OpenRouter-style `reasoning` object. The first two are filled from the raw objects where the
    client used those: `effort` is then "none" for "disabled".
    """

    effort: str | None = None
    budget_tokens: int | None = None
    raw_thinking: Mapping[str, Any] | None = None
    raw_reasoning: Mapping[str, Any] | None = None


class Sampling(Struct, frozen=True):
    """Sampling values; None means that the client did not set the value, so it is not sent."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()


class ChatRequest(Struct, frozen=True):
    """One chat request, validated, free of the gateway's own members.

    `extra` holds every other top-level member of the client's body by its name, known to OpenAI
    (`n`, `logprobs`, `user`, `metadata`, `service_tier`, …) or not. Members whose value is null
    are absent: unset and null mean the same.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    reasoning: Reasoning = Reasoning()
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    max_tokens_field: str = "max_tokens"  # which spelling the client used
    stream: bool = False
    include_usage: bool = False  # the client asked for `stream_options.include_usage`
    legacy_functions: bool = False  # the client used `functions`: answer with `function_call`
    extra: Extra = NO_EXTRA


def leading_system_count(messages: tuple[Message, ...]) -> int:
    """Return how many system or developer messages open the conversation."""
    count = 0
    for message in messages:
        if message.role not in (Role.SYSTEM, Role.DEVELOPER):
            break
        count += 1
    return count
