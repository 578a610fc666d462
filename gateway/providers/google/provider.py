"""The Gemini Developer API: how every request field fares, and the functions of the contract."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.errors import UpstreamError
from gateway.providers.base import Fate, Placement, ReplyParser
from gateway.providers.google.addresses import gemini_base
from gateway.providers.google.build import build_request
from gateway.providers.google.embeddings import build_gemini, parse_embeddings
from gateway.providers.google.errors import parse_error
from gateway.providers.google.extensions import EXTENSIONS
from gateway.providers.google.media import must_fetch
from gateway.providers.google.parse import GoogleReply
from gateway.providers.google.plan import make_plan
from gateway.providers.media_refs import find_media
from gateway.types.chat import ChatRequest
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest

FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "*": Fate.DROPPED,
        "max_tokens": Fate.TRANSLATED,
        "temperature": Fate.CARRIED,
        "top_p": Fate.CARRIED,
        "top_k": Fate.CARRIED,
        "seed": Fate.TRANSLATED,
        "frequency_penalty": Fate.CARRIED,
        "presence_penalty": Fate.CARRIED,
        "stop": Fate.TRANSLATED,
        "n": Fate.TRANSLATED,
        "logprobs": Fate.TRANSLATED,
        "top_logprobs": Fate.TRANSLATED,
        "tools": Fate.TRANSLATED,
        "tool_choice": Fate.TRANSLATED,
        "response_format": Fate.TRANSLATED,
        "reasoning_effort": Fate.TRANSLATED,
        "modalities": Fate.TRANSLATED,
        "audio": Fate.TRANSLATED,
        "service_tier": Fate.TRANSLATED,
        "web_search_options": Fate.TRANSLATED,
        **dict.fromkeys(EXTENSIONS, Fate.CARRIED),
        "parallel_tool_calls": Fate.DROPPED,
        "metadata": Fate.DROPPED,
        "prediction": Fate.DROPPED,
        "prompt_cache_key": Fate.DROPPED,
        "prompt_cache_options": Fate.DROPPED,
        "prompt_cache_retention": Fate.DROPPED,
        "safety_identifier": Fate.DROPPED,
        "store": Fate.DROPPED,
        "stream_options": Fate.DROPPED,
        "user": Fate.DROPPED,
        "verbosity": Fate.DROPPED,
        "logit_bias": Fate.SAMPLING,
        "moderation": Fate.REFUSED,
    }
)


class GeminiProvider:
    """Google's Gemini Developer API."""

    fates: Mapping[str, Fate] = FATES

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return the URLs in the request that the API cannot fetch by itself."""
        plan = make_plan(chat, target, vertex=False)
        return find_media(chat, lambda url: must_fetch(url, plan))

    def placement(self, target: Target) -> Placement:
        """Return how the user's context block is taken: Google caches by itself."""
        del target
        return Placement()

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        return build_request(chat, target, vertex=False)

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key: one entry of the list of models."""
        return UpstreamRequest("GET", f"{gemini_base(target)}/models?pageSize=1", (), b"")

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Add the key as a header; in the address it would show in logs."""
        del now  # keys do not expire
        if credential is None:
            return request
        return request.with_headers(("x-goog-api-key", credential.secret.reveal()))

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        del head  # the first byte says more than the content type
        return GoogleReply(make_plan(chat, target, vertex=False), target.model)

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Write the native requests that embed all inputs, in order.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        return build_gemini(job, target)

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Read the bodies of the replies to `build_embeddings`. Raises UpstreamError(BAD_REPLY)."""
        return parse_embeddings(job, target, bodies)

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply."""
        return parse_error(head, body, now)
