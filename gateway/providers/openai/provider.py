"""OpenAI, and the base of every provider that speaks its chat format."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import orjson

from gateway.errors import UpstreamError
from gateway.providers.base import Fate, Placement, ReplyParser
from gateway.providers.errors import read_error_body, upstream_error
from gateway.providers.media_refs import find_media
from gateway.providers.openai.embeddings import OpenAIEmbeddings
from gateway.providers.openai.quirks import OPENAI_QUIRKS, Quirks
from gateway.providers.openai.reply import ChatReplyParser
from gateway.providers.openai.request import chat_body
from gateway.types.chat import ChatRequest
from gateway.types.upstream import Credential, MediaRef, ReplyHead, Target, UpstreamRequest

OPENAI_BASE_URL = "https://api.openai.com/v1"

# Everything is carried: the API moves faster than we do, and refuses clearly what it does not know.
OPENAI_FATES: Mapping[str, Fate] = MappingProxyType({"top_k": Fate.SAMPLING, "*": Fate.CARRIED})

_JSON = (("content-type", "application/json"),)


class OpenAIProvider(OpenAIEmbeddings):
    """OpenAI's own API; a subclass changes addresses, credentials and quirks."""

    fates: Mapping[str, Fate] = OPENAI_FATES
    quirks: Quirks = OPENAI_QUIRKS

    def chat_url(self, target: Target) -> str:
        """Return the address of the chat endpoint."""
        return f"{target.base_url}/chat/completions"

    def probe_url(self, target: Target) -> str:
        """Return an address that answers a GET only with a valid key."""
        return f"{target.base_url}/models"

    def media(self, chat: ChatRequest, target: Target) -> Sequence[MediaRef]:
        """Return the URLs the gateway must fetch: none, unless the vendor takes data URIs only."""
        del target
        return find_media(chat, lambda _: True) if self.quirks.inline_media else ()

    def placement(self, target: Target) -> Placement:
        """Return how the target's model takes the user's context block: by the vendor's quirks."""
        breakpoints = self.quirks.breakpoints
        most = next((n for start, n in breakpoints if target.model.startswith(start)), 0)
        # A breakpoint needs a part of its own, and models with breakpoints take several messages.
        return Placement(most, joined=self.quirks.one_system_message and not most)

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials."""
        body = orjson.dumps(chat_body(chat, target, self.quirks))
        return UpstreamRequest("POST", self.chat_url(target), _JSON, body, chat.stream)

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key."""
        return UpstreamRequest("GET", self.probe_url(target), (), b"")

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
        return ChatReplyParser(chat, target, head, self.quirks)

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply."""
        return upstream_error(head, read_error_body(body, head.status), now)
