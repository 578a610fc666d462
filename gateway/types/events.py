"""The steps of a reply, whatever provider it comes from.

A reply parser turns native bytes into these; a writer (`wire/chat_write.py`) turns them into the
client's format, streamed or as one body. `choice` is the index of the choice, `call` the index of a
tool call within its choice, counted 0, 1, 2 …
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.errors import UpstreamError
from gateway.types.chat import NO_EXTRA, Extra as Members
from gateway.types.usage import Usage as UsageCounts


class Start(Struct, frozen=True):
    """The reply has begun. `id` and `created` are None where the provider gives none.

    `openai_id`: the id comes from an OpenAI-shaped provider and is shown as it is; any other is
    given the prefix that clients expect.
    """

    model: str
    id: str | None = None
    created: int | None = None
    extra: Members = NO_EXTRA  # top-level members of the client's format (system_fingerprint, …)
    openai_id: bool = False


class Text(Struct, frozen=True):
    """A piece of the answer's text."""

    choice: int
    text: str


class Reasoning(Struct, frozen=True):
    """A piece of readable reasoning."""

    choice: int
    text: str


class ReasoningOpaque(Struct, frozen=True):
    """A block for `reasoning_details`: to be echoed by the client, unread, to the same vendor.

    A detail that names an `index` seen before continues that block: its `text`, `summary` and
    `data` are appended. One without an `index` is a block of its own.
    """

    choice: int
    detail: Mapping[str, Any]


class Refusal(Struct, frozen=True):
    """A piece of refusal text."""

    choice: int
    text: str


class ToolStart(Struct, frozen=True):
    """A tool call opens. `extra` rides on the call (`extra_content`)."""

    choice: int
    call: int
    id: str
    name: str
    custom: bool = False
    extra: Members = NO_EXTRA


class ToolArgs(Struct, frozen=True):
    """A piece of a call's arguments (raw JSON text)."""

    choice: int
    call: int
    text: str


class ToolEnd(Struct, frozen=True):
    """A tool call is complete."""

    choice: int
    call: int


class Annotation(Struct, frozen=True):
    """A citation, in the shape of OpenAI's `annotations`."""

    choice: int
    annotation: Mapping[str, Any]


class Logprobs(Struct, frozen=True):
    """Log probabilities, in the shape of OpenAI's `choices[].logprobs`."""

    choice: int
    logprobs: Mapping[str, Any]


class Audio(Struct, frozen=True):
    """A piece of audio output, in the shape of OpenAI's `message.audio`."""

    choice: int
    audio: Mapping[str, Any]


class Extra(Struct, frozen=True):
    """Members the client's format has no place for. `choice` None: top level of the reply.

    `beside`: they stand in the choice, beside its message, not in the message.
    """

    choice: int | None
    members: Mapping[str, Any]
    beside: bool = False


class Finish(Struct, frozen=True):
    """A choice is complete. `reason` is one of OpenAI's five; `native` the provider's own word."""

    choice: int
    reason: str
    native: str | None = None


class Usage(Struct, frozen=True):
    """Token counts; cumulative, the last one wins. `raw` is set where it is already OpenAI's shape.

    `billed` is what the provider charges for, where that is not what was read and written (Cohere).
    `service` is how the request was served, where that has a price of its own. `cost_nano` is what
    the provider says it charged (nano-dollars), `searches` how many it made that cost extra.
    """

    usage: UsageCounts
    raw: Mapping[str, Any] | None = None
    billed: UsageCounts | None = None
    service: str | None = None
    cost_nano: int | None = None
    searches: int = 0


class Error(Struct, frozen=True):
    """The provider reported an error inside a 200 reply."""

    error: UpstreamError


class End(Struct, frozen=True):
    """The reply is complete: the provider said so."""


class Verbatim(Struct, frozen=True):
    """Bytes already in the client's format, to be passed unchanged.

    In a stream: whole SSE frames; otherwise the whole JSON body. `deltas` is how many frames carry
    content (text, reasoning, tool arguments, …): 0 means that nothing meaningful has come yet.
    """

    data: bytes
    deltas: int


Event = (
    Start
    | Text
    | Reasoning
    | ReasoningOpaque
    | Refusal
    | ToolStart
    | ToolArgs
    | ToolEnd
    | Annotation
    | Logprobs
    | Audio
    | Extra
    | Finish
    | Usage
    | Error
    | End
    | Verbatim
)


def is_meaningful(event: Event) -> bool:
    """Whether an event commits us: before the first such event a fallback is still possible."""
    if isinstance(event, Verbatim):
        return event.deltas > 0
    return not isinstance(event, Start | Usage | Extra)
