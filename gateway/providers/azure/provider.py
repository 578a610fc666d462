"""The Azure provider: OpenAI's format, with Azure's addresses, keys and errors.

What Azure's replies have of their own (`prompt_filter_results`, `content_filter_results`, a first
chunk without choices) the shared parser reads and passes on; what they lack, `mend.py` adds.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import Failure, UpstreamError
from gateway.providers.azure.mend import AzureMender
from gateway.providers.azure.place import CHAT, EMBEDDINGS, Family, place_of
from gateway.providers.azure.versions import (
    AZURE_QUIRKS,
    dropped_members,
    quirks_of,
    without_unknown,
)
from gateway.providers.base import ReplyParser
from gateway.providers.errors import ErrorFacts, read_error_body, upstream_error
from gateway.providers.mended import MendedReply
from gateway.providers.openai.provider import OpenAIProvider
from gateway.providers.openai.reply import ChatReplyParser
from gateway.providers.openai.request import chat_body
from gateway.types.chat import ChatRequest, Message, Role
from gateway.types.upstream import Credential, ReplyHead, Target, UpstreamRequest

# An access token of Entra, pasted as a key; its parts are base64url, the first begins with '{"'.
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_JSON = ("content-type", "application/json")
# Foundry refuses members its own contract does not name, unless told to hand them to the model
# (Azure AI Model Inference REST reference, header `extra-parameters`, 2026-11).
_PASS_THROUGH = ("extra-parameters", "pass-through")
_PROBE_TOKENS = 16  # models that think answer 400 if they cannot finish within fewer
_NO_SUCH_MODEL = frozenset({"unavailable_model", "unknown_model", "model_not_available"})
_FILTERED = "responsibleaipolicyviolation"


class AzureProvider(OpenAIProvider):
    """Azure OpenAI, by resource and deployment or by an address the operator gives."""

    quirks = AZURE_QUIRKS

    def chat_url(self, target: Target) -> str:
        """Return the address of the chat endpoint."""
        return place_of(target).url(CHAT)

    def embeddings_url(self, target: Target) -> str:
        """Return the address of the embeddings endpoint."""
        return place_of(target).url(EMBEDDINGS)

    def embeddings_model(self, target: Target) -> str:
        """Return the deployment, which is what the v1 family wants to be told."""
        return place_of(target).deployment

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest where no resource or deployment is named.
        """
        place = place_of(target)
        body = chat_body(chat, target, quirks_of(place.dated))
        body["model"] = place.deployment
        sent = without_unknown(body, place.dated)
        return UpstreamRequest(
            "POST",
            place.url(CHAT),
            (_JSON, _PASS_THROUGH) if place.family is Family.MODELS else (_JSON,),
            orjson.dumps(sent),
            chat.stream,
            dropped_members(body, sent),
        )

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key: the list of models, or a word of chat."""
        url = place_of(target).list_url()
        if url is not None:
            return UpstreamRequest("GET", url, (), b"")
        hello = Message(Role.USER, "Hi")
        return self.build_chat(ChatRequest("", (hello,), max_tokens=_PROBE_TOKENS), target)

    def authorize(
        self, request: UpstreamRequest, credential: Credential | None, now: float
    ) -> UpstreamRequest:
        """Add a key as `api-key`, an access token as Bearer; never both."""
        del now  # pasted tokens are used as they are
        if credential is None:
            return request
        secret = credential.secret.reveal()
        if _TOKEN.fullmatch(secret):
            return request.with_headers(("authorization", f"Bearer {secret}"))
        return request.with_headers(("api-key", secret))

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        return MendedReply(ChatReplyParser(chat, target, head, self.quirks), AzureMender())

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply; its body may lack `type` and `param` (recorded)."""
        facts = read_error_body(body, head.status)
        return upstream_error(head, facts, now, _failure(facts))


def _failure(facts: ErrorFacts) -> Failure | None:
    """Classify what only Azure says, None for what the shared rules know."""
    words = {word.lower() for word in (facts.code, _inner_code(facts.extra)) if word}
    if _FILTERED in words:
        return Failure.CONTENT_FILTER
    return Failure.NOT_FOUND if words & _NO_SUCH_MODEL else None


def _inner_code(extra: Mapping[str, Any] | None) -> str | None:
    inner = (extra or {}).get("innererror")
    code = inner.get("code") if isinstance(inner, Mapping) else None
    return code if isinstance(code, str) else None
