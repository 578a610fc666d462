"""The Mistral provider: how every request field fares, and the functions of the contract."""

from collections.abc import Mapping
from types import MappingProxyType

import orjson

from gateway.errors import UpstreamError
from gateway.providers.base import Fate, ReplyParser
from gateway.providers.mended import MendedReply
from gateway.providers.mistral.errors import parse_error
from gateway.providers.mistral.mend import MistralMender
from gateway.providers.mistral.request import CARRIED, request_body, request_changes
from gateway.providers.mistral.sources import Sources
from gateway.providers.openai.provider import OpenAIProvider
from gateway.providers.openai.quirks import Quirks
from gateway.providers.openai.reply import ChatReplyParser
from gateway.types.chat import ChatRequest
from gateway.types.upstream import ReplyHead, Target, UpstreamRequest

MISTRAL_BASE_URL = "https://api.mistral.ai/v1"

# Anything that has no row would be answered with 422, so it is dropped.
FATES: Mapping[str, Fate] = MappingProxyType(
    {
        "*": Fate.DROPPED,
        "max_tokens": Fate.TRANSLATED,
        "temperature": Fate.TRANSLATED,
        "top_p": Fate.TRANSLATED,
        "top_k": Fate.CARRIED,
        "seed": Fate.TRANSLATED,
        "stop": Fate.CARRIED,
        "frequency_penalty": Fate.CARRIED,
        "presence_penalty": Fate.CARRIED,
        "tools": Fate.TRANSLATED,
        "tool_choice": Fate.TRANSLATED,
        "parallel_tool_calls": Fate.CARRIED,
        "response_format": Fate.CARRIED,
        "reasoning_effort": Fate.TRANSLATED,
        "prediction": Fate.TRANSLATED,
        "service_tier": Fate.TRANSLATED,
        **dict.fromkeys(CARRIED, Fate.CARRIED),
        "prompt_cache_options": Fate.DROPPED,
        "prompt_cache_retention": Fate.DROPPED,
        "safety_identifier": Fate.DROPPED,
        "store": Fate.DROPPED,
        "stream_options": Fate.DROPPED,
        "user": Fate.DROPPED,
        "verbosity": Fate.DROPPED,
        "logit_bias": Fate.SAMPLING,
        "audio": Fate.REFUSED,
        "modalities": Fate.REFUSED,
        "moderation": Fate.REFUSED,
        "web_search_options": Fate.REFUSED,
    }
)


class MistralProvider(OpenAIProvider):
    """Mistral's own API."""

    fates = FATES
    quirks = Quirks()

    def build_chat(self, chat: ChatRequest, target: Target) -> UpstreamRequest:
        """Write the native request, without credentials.

        Raises InvalidRequest (with `param`) for what this provider cannot express.
        """
        body = request_body(chat, target)
        return UpstreamRequest(
            "POST",
            self.chat_url(target),
            (("content-type", "application/json"),),
            orjson.dumps(body),
            chat.stream,
            tuple(request_changes(chat, body)),
        )

    def open_reply(self, chat: ChatRequest, target: Target, head: ReplyHead) -> ReplyParser:
        """Return a parser for a 2xx reply."""
        inner = ChatReplyParser(chat, target, head, self.quirks)
        return MendedReply(inner, MistralMender(Sources(chat)))

    def parse_error(self, head: ReplyHead, body: bytes, now: float) -> UpstreamError:
        """Read a non-2xx reply."""
        return parse_error(head, body, now)
