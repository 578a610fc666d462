"""The Cohere provider: how every request field fares, and the functions of the contract."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.errors import UpstreamError
from gateway.providers.base import Fate, Placement, ReplyParser
from gateway.providers.cohere import embeddings
from gateway.providers.cohere.build import CARRIED, build_request, endpoint
from gateway.providers.cohere.errors import parse_error
from gateway.providers.cohere.names import legal_names
from gateway.providers.cohere.reply import CohereReply
from gateway.types.chat import ChatRequest
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest

COHERE_BASE_URL = "https://api.cohere.com"

FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "*": Fate.DROPPED,
        "max_tokens": Fate.TRANSLATED,
        "temperature": Fate.TRANSLATED,
        "top_p": Fate.TRANSLATED,
        "top_k": Fate.TRANSLATED,
        "seed": Fate.TRANSLATED,
        "stop": Fate.TRANSLATED,
        "frequency_penalty": Fate.TRANSLATED,
        "presence_penalty": Fate.TRANSLATED,
        "tools": Fate.TRANSLATED,
        "tool_choice": Fate.TRANSLATED,
        "parallel_tool_calls": Fate.DROPPED,
        "response_format": Fate.TRANSLATED,
        "reasoning_effort": Fate.TRANSLATED,
        "logprobs": Fate.CARRIED,
        **dict.fromkeys(CARRIED, Fate.CARRIED),
        "metadata": Fate.DROPPED,
        "prediction": Fate.DROPPED,
        "prompt_cache_key": Fate.DROPPED,
        "prompt_cache_options": Fate.DROPPED,
        "prompt_cache_retention": Fate.DROPPED,
        "safety_identifier": Fate.DROPPED,
        "service_tier": Fate.DROPPED,
        "store": Fate.DROPPED,
        "stream_options": Fate.DROPPED,
        "user": Fate.DROPPED,
        "verbosity": Fate.DROPPED,
        "logit_bias": Fate.SAMPLING,
        "audio": Fate.REFUSED,
        "modalities": Fate.REFUSED,
        "moderation": Fate.REFUSED,
        "n": Fate.REFUSED,
        "top_logprobs": Fate.REFUSED,
        "web_search_options": Fate.REFUSED,
    }
)


class CohereProvider:
    """Cohere's API v2."""

    fates: Mapping[str, Fate] = FATES

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return nothing: Cohere fetches images itself."""
        del chat, target
        return ()

    def placement(self, target: Target) -> Placement:
        """Return how the user's context block is taken: Cohere caches by itself."""
        del target
        return Placement()

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        return build_request(chat, target)

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key: one entry of the list of models."""
        return UpstreamRequest("GET", endpoint(target, "v1/models?page_size=1"), (), b"")

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Add the key as a bearer token; without a credential nothing is added."""
        del now  # keys do not expire
        if credential is None:
            return request
        return request.with_headers(("authorization", f"Bearer {credential.secret.reveal()}"))

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        del head  # the first byte says more than the content type
        return CohereReply(target.model, legal_names(chat))

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Write the native requests that embed all inputs, in order.

        Raises InvalidRequest (with `param`) for token ids.
        """
        return embeddings.build_embeddings(job, target)

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Read the bodies of the replies, in order. Raises UpstreamError(BAD_REPLY)."""
        return embeddings.parse_embeddings(job, target, bodies)

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply."""
        return parse_error(head, body, now)
