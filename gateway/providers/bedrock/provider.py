"""The Bedrock provider: how every request field fares, and the functions of the contract."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.errors import UpstreamError
from gateway.providers.base import Fate, Placement, ReplyParser
from gateway.providers.bedrock.build import CARRIED, build_probe, build_request
from gateway.providers.bedrock.embeddings import build_embeddings, parse_embeddings
from gateway.providers.bedrock.endpoint import REGION_HEADER, signing_region
from gateway.providers.bedrock.errors import parse_error
from gateway.providers.bedrock.families import MAX_CACHE_POINTS, family_of
from gateway.providers.bedrock.media import is_web_url
from gateway.providers.bedrock.parse import BedrockReply
from gateway.providers.bedrock.plan import make_plan
from gateway.providers.bedrock.sigv4 import read_keys, sign
from gateway.types.chat import ChatRequest, File, Image
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest

_SERVICE = "bedrock"  # the signing name, for the runtime and the control plane alike

FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "*": Fate.DROPPED,
        "max_tokens": Fate.TRANSLATED,
        "temperature": Fate.TRANSLATED,
        "top_p": Fate.TRANSLATED,
        "top_k": Fate.TRANSLATED,
        "stop": Fate.TRANSLATED,
        "tools": Fate.TRANSLATED,
        "tool_choice": Fate.TRANSLATED,
        "parallel_tool_calls": Fate.TRANSLATED,
        "response_format": Fate.TRANSLATED,
        "reasoning_effort": Fate.TRANSLATED,
        "metadata": Fate.TRANSLATED,
        "service_tier": Fate.TRANSLATED,
        "anthropic_beta": Fate.TRANSLATED,
        "cache_control": Fate.TRANSLATED,
        "output_config": Fate.TRANSLATED,
        **dict.fromkeys(CARRIED, Fate.CARRIED),
        "seed": Fate.DROPPED,
        "user": Fate.DROPPED,
        "safety_identifier": Fate.DROPPED,
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
        "web_search_options": Fate.REFUSED,
    }
)


class BedrockProvider:
    """Amazon Bedrock's Converse API, and InvokeModel for embeddings."""

    fates: Mapping[str, Fate] = FATES

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return what has to be fetched first: Bedrock takes no URLs but those of S3."""
        del target
        found: list[MediaRef] = []
        for index, message in enumerate(chat.messages):
            for place, part in enumerate(message.parts):
                where = f"messages[{index}].content[{place}]"
                if isinstance(part, Image) and is_web_url(part.url):
                    found.append(MediaRef(part.url, f"{where}.image_url.url"))
                elif isinstance(part, File) and is_web_url(part.data or ""):
                    found.append(MediaRef(part.data or "", f"{where}.file.file_data"))
        return found

    def placement(self, target: Target) -> Placement:
        """Return how the model takes the user's context block: Claude and Nova take markers."""
        marked = family_of(target.model, target.info).cache_points
        return Placement(MAX_CACHE_POINTS if marked else 0)

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        return build_request(chat, target)

    def build_embeddings(self, job: EmbeddingJob, target: Target) -> Sequence[UpstreamRequest]:
        """Write the calls that embed the inputs, in their order; () where the model has none.

        Raises InvalidRequest for what the model does not take.
        """
        return build_embeddings(job, target)

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key."""
        return build_probe(target)

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Sign with AWS keys (`now` is Unix seconds), or add a bearer key.

        Raises UpstreamError(KEY_REJECTED) for a credential that is neither.
        """
        named = next((value for name, value in request.headers if name == REGION_HEADER), None)
        rest = tuple(header for header in request.headers if header[0] != REGION_HEADER)
        request = UpstreamRequest(request.method, request.url, rest, request.body, request.stream)
        if credential is None:
            return request
        secret = credential.secret.reveal()
        keys = read_keys(secret)
        if keys is None:
            return request.with_headers(("authorization", f"Bearer {secret}"))
        region = signing_region(request.url, named)
        return sign(request, keys, region=region, service=_SERVICE, now=now)

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        reply_id = head.header("x-amzn-requestid")
        return BedrockReply(make_plan(chat, target), target.model, reply_id)

    def parse_embeddings(
        self, job: EmbeddingJob, target: Target, bodies: Sequence[bytes]
    ) -> EmbeddingReply:
        """Put the replies of all calls together.

        Raises UpstreamError(BAD_REPLY) for bodies that hold not the vectors asked for.
        """
        return parse_embeddings(job, target, bodies)

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply."""
        return parse_error(head, body, now)
