"""The Anthropic provider: how every request field fares, and the five functions of the contract."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from gateway.errors import UpstreamError
from gateway.providers.anthropic.build import CARRIED, build_probe, build_request
from gateway.providers.anthropic.cache import MAX_BREAKPOINTS
from gateway.providers.anthropic.errors import parse_error
from gateway.providers.anthropic.parse import AnthropicReply
from gateway.providers.anthropic.plan import make_plan
from gateway.providers.base import Fate, Placement, ReplyParser
from gateway.providers.media_refs import find_media
from gateway.types.chat import ChatRequest
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest

_OAUTH_PREFIX = "sk-ant-oat"  # an access token of an Anthropic login, not an API key
_OAUTH_BETA = "oauth-2025-04-20"

FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "*": Fate.DROPPED,
        "max_tokens": Fate.TRANSLATED,
        "temperature": Fate.TRANSLATED,
        "top_p": Fate.CARRIED,
        "top_k": Fate.CARRIED,
        "stop": Fate.TRANSLATED,
        "tools": Fate.TRANSLATED,
        "tool_choice": Fate.TRANSLATED,
        "parallel_tool_calls": Fate.TRANSLATED,
        "response_format": Fate.TRANSLATED,
        "reasoning_effort": Fate.TRANSLATED,
        "user": Fate.TRANSLATED,
        "safety_identifier": Fate.TRANSLATED,
        "service_tier": Fate.TRANSLATED,
        "web_search_options": Fate.TRANSLATED,
        "anthropic_beta": Fate.TRANSLATED,
        "output_config": Fate.CARRIED,
        **dict.fromkeys(CARRIED, Fate.CARRIED),
        "seed": Fate.DROPPED,
        "metadata": Fate.DROPPED,
        "prediction": Fate.DROPPED,
        "verbosity": Fate.DROPPED,
        "store": Fate.DROPPED,
        "prompt_cache_key": Fate.DROPPED,
        "prompt_cache_options": Fate.DROPPED,
        "prompt_cache_retention": Fate.DROPPED,
        "stream_options": Fate.DROPPED,
        "logit_bias": Fate.SAMPLING,
        "frequency_penalty": Fate.SAMPLING,
        "presence_penalty": Fate.SAMPLING,
        "n": Fate.REFUSED,
        "logprobs": Fate.REFUSED,
        "top_logprobs": Fate.REFUSED,
        "audio": Fate.REFUSED,
        "modalities": Fate.REFUSED,
        "moderation": Fate.REFUSED,
    }
)


class AnthropicProvider:
    """Anthropic's Messages API, and servers that speak it."""

    fates: Mapping[str, Fate] = FATES

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return the pictures and documents by plain `http://`, which Anthropic does not fetch."""
        del target
        return find_media(chat, lambda url: url[:7].lower() == "http://")

    def placement(self, target: Target) -> Placement:
        """Return how the user's context block is taken: every Claude's cache has markers."""
        del target
        return Placement(MAX_BREAKPOINTS)

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        return build_request(chat, target)

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Anthropic offers no embeddings."""
        del job, target
        return ()

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Never called: nothing was built."""
        raise NotImplementedError

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key."""
        return build_probe(target)

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Add the key as `x-api-key`, or an access token as Bearer."""
        del now  # static keys do not expire
        if credential is None:
            return _with_one_of_each(request)
        secret = credential.secret.reveal()
        if not secret.startswith(_OAUTH_PREFIX):
            return _with_one_of_each(request).with_headers(("x-api-key", secret))
        request = _with_one_of_each(request.with_headers(("anthropic-beta", _OAUTH_BETA)))
        return request.with_headers(("authorization", f"Bearer {secret}"))

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        del head  # the first byte says more than the content type
        return AnthropicReply(make_plan(chat, target), target.model)

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply."""
        return parse_error(head, body, now)


def _with_one_of_each(request: UpstreamRequest) -> UpstreamRequest:
    """Join what the request and the operator's configured headers say of betas and version."""
    betas = [value for name, value in request.headers if name.lower() == "anthropic-beta"]
    versions = [value for name, value in request.headers if name.lower() == "anthropic-version"]
    if len(betas) < 2 and len(versions) < 2:
        return request
    ours = ("anthropic-beta", "anthropic-version")
    others = (header for header in request.headers if header[0].lower() not in ours)
    named = dict.fromkeys(beta.strip() for value in betas for beta in value.split(","))
    joined = [("anthropic-version", version) for version in versions[-1:]]
    joined += [("anthropic-beta", ",".join(named))] if betas else []
    return replace(request, headers=(*others, *joined))
