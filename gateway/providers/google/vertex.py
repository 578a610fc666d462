"""Vertex AI: Google's models in the same format at its own addresses, and Anthropic's in theirs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import orjson

from gateway.errors import UpstreamError
from gateway.providers.base import Fate, Placement, ReplyParser
from gateway.providers.errors import read_error_body
from gateway.providers.google.addresses import vertex_base, vertex_model, vertex_url
from gateway.providers.google.build import JSON, build_request
from gateway.providers.google.claude import (
    ANTHROPIC,
    build_claude,
    build_claude_probe,
    find_claude_media,
    open_claude_reply,
)
from gateway.providers.google.embeddings import build_vertex, parse_embeddings
from gateway.providers.google.errors import parse_error
from gateway.providers.google.parse import GoogleReply
from gateway.providers.google.plan import make_plan
from gateway.providers.google.provider import FATES
from gateway.types.chat import ChatRequest
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest

_API_KEYS = ("AIza", "AQ.")  # express mode; anything else is an access token
# Members of Anthropic's own must not be lost on the way to its models.
_CLAUDE_ONLY = {
    name: fate
    for name, fate in ANTHROPIC.fates.items()
    if fate is Fate.CARRIED and name not in FATES
}


class VertexProvider:
    """Vertex AI, now also called Gemini Enterprise Agent Platform."""

    fates: Mapping[str, Fate] = MappingProxyType({**_CLAUDE_ONLY, **FATES})

    def fates_for(self, target: Target) -> Mapping[str, Fate]:
        """Return the fates that hold for a target's model: Claude's are Anthropic's."""
        return ANTHROPIC.fates if vertex_model(target).is_claude else FATES

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return the URLs in the request that the model's service cannot fetch by itself."""
        return find_claude_media(chat) if vertex_model(target).is_claude else ()

    def placement(self, target: Target) -> Placement:
        """Return how the model takes the user's context block: only Claude's cache has markers."""
        return ANTHROPIC.placement(target) if vertex_model(target).is_claude else Placement()

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        if vertex_model(target).is_claude:
            return build_claude(chat, target)
        return build_request(chat, target, vertex=True)

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key: a count of tokens, or a list of one model."""
        if not target.model:
            url = f"{vertex_base(target)}/publishers/google/models?pageSize=1"
            return UpstreamRequest("GET", url, (), b"")
        if vertex_model(target).is_claude:
            return build_claude_probe(target)
        body = orjson.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]})
        return UpstreamRequest("POST", vertex_url(target, "countTokens"), JSON, body)

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Add an access token as Bearer, or an API key of express mode as a header of its own."""
        del now  # whoever exchanged the token knows when it expires
        if credential is None:
            return request
        secret = credential.secret.reveal()
        if secret.startswith(_API_KEYS):
            return request.with_headers(("x-goog-api-key", secret))
        return request.with_headers(("authorization", f"Bearer {secret}"))

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        if vertex_model(target).is_claude:
            return open_claude_reply(chat, target, head)
        return GoogleReply(make_plan(chat, target, vertex=True), target.model)

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Write the native requests that embed all inputs, in order.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        return build_vertex(job, target)

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Read the bodies of the replies to `build_embeddings`. Raises UpstreamError(BAD_REPLY)."""
        return parse_embeddings(job, target, bodies)

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply, of Google or, where its models answered, of Anthropic."""
        facts = read_error_body(body, head.status)
        if (facts.body or {}).get("type") == "error":
            return ANTHROPIC.parse_error(head, body, now)
        return parse_error(head, body, now)
