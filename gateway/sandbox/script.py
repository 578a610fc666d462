"""A scene: what the simulated model does, in no vendor's words."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Think(Struct, frozen=True):
    """Reasoning before the answer. Redacted: the reader sees only an opaque block."""

    text: str
    redacted: bool = False


class Say(Struct, frozen=True):
    """Answer text."""

    text: str


class Refuse(Struct, frozen=True):
    """A refusal, with its explanation."""

    text: str


class CallTool(Struct, frozen=True):
    """A tool call. `arguments` is an object, or the text for a free-text tool."""

    name: str
    arguments: Mapping[str, Any] | str


Step = Think | Say | Refuse | CallTool


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOLS = "tools"
    REFUSAL = "refusal"
    FILTER = "filter"
    BLOCKED = "blocked"  # nothing was answered: the prompt was blocked


class Failure(StrEnum):
    """A refusal of the whole request, put into the vendor's words by its format."""

    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    AUTH = "auth"
    BILLING = "billing"
    FORBIDDEN = "forbidden"
    MODEL_NOT_FOUND = "model_not_found"
    TIMEOUT = "timeout"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    SERVER = "server"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    GATEWAY_TIMEOUT = "gateway_timeout"
    OVERLOADED = "overloaded"


class Break(StrEnum):
    """What goes wrong inside a reply that began well."""

    CUT = "cut"  # the connection closes with no end
    HANG = "hang"  # nothing more comes
    MALFORMED = "malformed"  # one event is broken, the others follow
    ERROR = "error"  # the vendor's error event, then the end


class Odd(StrEnum):
    """Replies in nobody's format."""

    HANG = "hang"  # no headers ever
    DROP = "drop"  # the connection closes with nothing sent
    HTML = "html"  # 502 with a web page
    HTML_200 = "html_200"  # 200 with a web page
    EMPTY = "empty"  # 200 with nothing


class Fault(Struct, frozen=True):
    """A break after so many events were sent (SSE events: the opening ones count)."""

    kind: Break
    after: int


class Scene(Struct, frozen=True):
    """One reply. Exactly one of `steps`, `failure` and `odd` says what it is.

    Delays are in seconds: `late` before the headers, `quiet` after them, `slow` between events.
    `limit` ends the answer after so many tokens, like the request's own maximum.
    """

    steps: tuple[Step, ...] = ()
    finish: Finish = Finish.STOP
    failure: Failure | None = None
    odd: Odd | None = None
    fault: Fault | None = None
    retry_after: float | None = None
    late: float = 0.0
    quiet: float = 0.0
    slow: float = 0.0
    limit: int | None = None
    usage: bool = True
