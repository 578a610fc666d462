"""The values of one chat request that the stages after planning share."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from gateway.accounting.ledger import Ledger
from gateway.accounting.limits.gate import Admission
from gateway.config.snapshot import Snapshot
from gateway.context.render import NO_CONTEXT, Block
from gateway.identity.accounts import Caller
from gateway.types.clock import Clock
from gateway.types.upstream import Target
from gateway.wire.options import GatewayOptions

STREAM_HEADERS: Mapping[str, str] = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",  # nginx would hold events back
}
JSON_HEADERS: Mapping[str, str] = {"content-type": "application/json", "cache-control": "no-store"}


class Call(Struct, frozen=True):
    """One authenticated HTTP request to a model route.

    `received` is wall-clock, `started` monotonic, header names are lower-case; `timing` and
    `summary` are filled as stages pass.
    """

    request_id: str
    received: float
    started: float
    headers: Mapping[str, str]
    body: bytes
    timing: dict[str, float]
    summary: dict[str, Any]


class Downstream(Protocol):
    """The caller's side of one request."""

    @property
    def started(self) -> bool:
        """Whether the response head is out: from then on errors are events."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the last byte is out."""
        ...

    @property
    def is_event_stream(self) -> bool:
        """Whether the head said that events follow."""
        ...

    @property
    def outlives_client(self) -> bool:
        """Whether the answer is read to its end even if the client hangs up."""
        ...

    @property
    def is_muted(self) -> bool:
        """Whether the client has hung up, and what is written goes nowhere."""
        ...

    def outlive_client(self) -> None:
        """From now on read the answer to its end even if the client hangs up."""
        ...

    def mute(self) -> None:
        """From now on let what is written go nowhere."""
        ...

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the response head."""
        ...

    async def write(self, data: bytes, *, more: bool) -> None:
        """Send a piece of the body; `more=False` ends it."""
        ...


class Exchange(Struct, frozen=True):
    """One model request on its way: what the stages after planning need, fixed by then.

    `received` is wall-clock, `started` and `deadline` monotonic. `trace_headers` go on every
    upstream request. `timing` (milliseconds by stage, for Server-Timing) and `summary` (what the
    access log says) are filled as stages pass.
    """

    request_id: str
    received: float
    started: float
    deadline: float
    stream: bool
    caller: Caller
    snapshot: Snapshot
    options: GatewayOptions
    warnings: tuple[str, ...]
    admission: Admission
    ledger: Ledger
    clock: Clock
    trace_headers: tuple[tuple[str, str], ...]
    timing: dict[str, float]
    summary: dict[str, Any]


class Opening:
    """The spool's entry of an attempt: its number, 0 until the attempt is about to be sent.

    `request_bytes` is how much has been sent.
    """

    __slots__ = ("number", "request_bytes")

    def __init__(self) -> None:
        self.number = 0
        self.request_bytes = 0


class Attempt(Struct, frozen=True):
    """One send: where to, as which of the request (from 1), with which context, since when.

    `warnings` are what the client is told of the context that this target gets.
    """

    target: Target
    number: int
    started: float
    block: Block = NO_CONTEXT
    warnings: tuple[str, ...] = ()
    opening: Opening = field(default_factory=Opening)
