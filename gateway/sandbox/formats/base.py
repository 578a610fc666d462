"""The contract of a simulated format.

A format reads requests as strictly as its vendor does, and puts tapes and failures into the
vendor's words; playing, faults, books and caches are not its job. All formats are stateless.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import orjson
from msgspec import Struct

from gateway.sandbox.asgi import Call, Header
from gateway.sandbox.cache import PromptCache, PromptCounts
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure, Finish
from gateway.sandbox.tape import Tape
from gateway.sandbox.world import World

CHAT = "chat"
"""The operation that plays scenes; every other one is answered by `Format.answer`."""


class Refused(Exception):
    """The vendor answers this request with an error. `error` is the error object, in its words."""

    def __init__(
        self, status: int, error: Mapping[str, Any], headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.error = error
        self.headers = tuple(headers)


class Frame(Struct, frozen=True):
    """One event of a streamed reply, and the tokens of the answer it carries."""

    data: bytes
    output: int = 0
    reasoning: int = 0


class Reply(Struct, frozen=True):
    """All a format needs to render one answer. `created` is Unix seconds."""

    prompt: Prompt
    tape: Tape
    counts: PromptCounts
    created: int
    request_id: str
    usage: bool = True


class Answer(Struct, frozen=True):
    """The reply of an operation other than chat. `input` is what it sold, `model` to whom it fell.

    `headers` come on top of the vendor's usual ones.
    """

    body: bytes
    model: str = ""
    input: int = 0
    headers: tuple[tuple[str, str], ...] = ()


class Format(Protocol):
    """One vendor's wire format."""

    name: str
    """The ledger's word for it."""

    stream_type: str
    """The content type of a streamed reply."""

    def make_request_id(self) -> str:
        """Return a new id in the vendor's style."""
        ...

    def route(self, call: Call) -> str:
        """Return the operation of a path. Raises Refused for paths that do not exist."""
        ...

    def identify(self, call: Call) -> str:
        """Return the API key. Raises Refused where there is none, or a bad one."""
        ...

    def read(self, call: Call) -> Prompt:
        """Check a chat request as the vendor does and return what the model sees of it.

        Raises Refused with the vendor's error.
        """
        ...

    def answer(self, operation: str, call: Call) -> Answer:
        """Answer an operation other than chat. Raises Refused."""
        ...

    def count(self, prompt: Prompt, key: str, cache: PromptCache, now: float) -> PromptCounts:
        """Count the prompt, through the vendor's kind of prompt cache."""
        ...

    def render(self, reply: Reply) -> bytes:
        """Write a whole reply. Raises Refused where the vendor answers such a tape with an error."""
        ...

    def stream(self, reply: Reply) -> Iterator[Frame]:
        """Write a reply event by event."""
        ...

    def break_event(self) -> bytes:
        """Return an event that is broken."""
        ...

    def error_event(self, request_id: str) -> bytes:
        """Return the event that reports an error inside a stream."""
        ...

    def refuse(self, failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
        """Put a failure into the vendor's words."""
        ...

    def render_error(self, refused: Refused, request_id: str) -> bytes:
        """Write the body of an error reply."""
        ...

    def headers(self, request_id: str, counts: PromptCounts, now: float) -> list[Header]:
        """Return the vendor's own response headers."""
        ...


@runtime_checkable
class Faced(Protocol):
    """A vendor that speaks more than one format, or needs what the sandbox remembers."""

    def face(self, call: Call, world: World) -> Format:
        """Return the format that answers this request; its body has not been read yet."""
        ...


@runtime_checkable
class Mannered(Protocol):
    """A format with manners most vendors do not have."""

    @property
    def error_type(self) -> str:
        """The content type of error replies."""
        ...

    def soften(self, failure: Failure) -> Finish | None:
        """Return how a proper reply ends that reports this failure; None: the request is refused."""
        ...


def parse_object(body: bytes) -> dict[str, Any] | None:
    """Return a JSON object, None for anything else."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def encode_headers(pairs: Sequence[tuple[str, str]]) -> list[Header]:
    """Return headers as ASGI wants them."""
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in pairs]


def bearer_token(call: Call) -> str:
    """Return the credential of an `Authorization: Bearer` header, "" without one."""
    scheme, _, token = call.header("authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
