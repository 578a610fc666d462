"""The contract of a provider: pure functions from our typed middle to a native format and back.

No file in this folder does I/O, reads a clock or an environment: time, ids and credentials are
arguments. Parsers accept bytes at any split and return what is complete. To add a provider: one
file or folder, one line in `registry.py`, one folder of fixtures; the conformance suite then runs
on it unasked.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from gateway.errors import UpstreamError
from gateway.types.chat import ChatRequest
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.events import Event
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest


class Fate(StrEnum):
    """What a provider does with a request field the client set."""

    CARRIED = "carried"  # sent as it is
    TRANSLATED = "translated"  # sent in the provider's own words
    DROPPED = "dropped"  # no effect on meaning: removed, and the client is told
    SAMPLING = "sampling"  # changes sampling only: removed and told; refused under `strict`
    REFUSED = "refused"  # changes what the client gets back: 400, unless `drop_all`


class Placement(Struct, frozen=True):
    """How a target takes the user's context block.

    `breakpoints` is how many cache breakpoints it takes in one request, the client's included; 0
    where there are none, or where one more would cost the client one of its own. `joined`: its
    models may take one system message only, so the block continues the client's.
    """

    breakpoints: int = 0
    joined: bool = False


class ReplyParser(Protocol):
    """One per reply, holding only its own state; the same for stream and non-stream replies."""

    def feed(self, data: bytes) -> list[Event]:
        """Take native bytes, cut anywhere, and return the events they complete.

        Raises UpstreamError(BAD_REPLY) for bytes that are no answer.
        """
        ...

    def finish(self) -> list[Event]:
        """The upstream closed: return the last events.

        Raises UpstreamError(CUT) if the reply ended before its end.
        """
        ...


class Provider(Protocol):
    """One native format."""

    fates: Mapping[str, Fate]
    """What becomes of each request field; fields of `ChatRequest.extra` by their own name.
    The key "*" is the fate of top-level members that no row names."""

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return the URLs in the request that this provider cannot fetch by itself.

        The pipeline fetches them first, where the operator allows it, and gives the provider data
        URIs in their place.
        """
        ...

    def placement(self, target: Target) -> Placement:
        """Return how the target's model takes the user's context block."""
        ...

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        ...

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key."""
        ...

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Add credentials; last, because signed schemes need the final body."""
        ...

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        ...

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Write the native requests that embed all inputs, in order; () if it has no embeddings.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        ...

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Read the bodies of the replies to `build_embeddings`, in its order.

        Raises UpstreamError(BAD_REPLY).
        """
        ...

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply. `now` (Unix seconds) turns absolute wait times into seconds."""
        ...
