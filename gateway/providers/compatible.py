"""Vendors that speak OpenAI's chat format with an accent: one data row each.

To add one: a row here, and nothing else; `registry.py` takes every row. Facts come from recorded
traffic and the vendors' documents, as of 2026-11, unless a row says otherwise.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import orjson
from msgspec import Struct

from gateway.providers.base import Fate
from gateway.providers.openai.charges import openrouter_charge, perplexity_charge, xai_charge
from gateway.providers.openai.provider import OPENAI_FATES, OpenAIProvider
from gateway.providers.openai.quirks import Quirks, StreamEnd
from gateway.types.upstream import Target, UpstreamRequest

_CHAT_PATH = "/chat/completions"
_API_ROOT = re.compile(r"/(?:v\d+(?:(?:alpha|beta)\d*)?|openai|beta)$")  # such a path is complete
_CARRIED: Mapping[str, Fate] = MappingProxyType({"*": Fate.CARRIED})


class Vendor(Struct, frozen=True):
    """One row. `base_url` None: the operator or the user must give one.

    `key_required` False: the server works without a key. `own_url`: the address is typed in by
    people, so it is completed by rule. `probe` is the path of a GET that only a valid key may make;
    None where there is none, so that the probe is a chat of one token. `fates` are laid over those
    of OpenAI.
    """

    name: str
    base_url: str | None
    key_required: bool = True
    own_url: bool = False
    probe: str | None = "/models"
    quirks: Quirks = Quirks()
    fates: Mapping[str, Fate] = _CARRIED


class CompatibleProvider(OpenAIProvider):
    """A vendor of the table below."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.quirks = vendor.quirks
        fates = {**OPENAI_FATES, "top_k": Fate.CARRIED, **vendor.fates}
        self.fates = MappingProxyType(fates)

    def chat_url(self, target: Target) -> str:
        """Return the address of the chat endpoint."""
        if self.vendor.own_url:
            return complete_url(target.base_url)
        return target.base_url + _CHAT_PATH

    def probe_url(self, target: Target) -> str:
        """Return an address that answers a GET only with a valid key."""
        chat = urlsplit(self.chat_url(target))
        path = chat.path.removesuffix(_CHAT_PATH) + (self.vendor.probe or "")
        return urlunsplit(chat._replace(path=path))

    def build_probe(self, target: Target) -> UpstreamRequest:
        """Write the cheapest call that proves a key."""
        if self.vendor.probe is not None:
            return super().build_probe(target)
        messages = [{"role": "user", "content": "Hi"}]
        body = orjson.dumps({"model": target.model, "messages": messages, "max_tokens": 1})
        headers = (("content-type", "application/json"),)
        return UpstreamRequest("POST", self.chat_url(target), headers, body)


def complete_url(endpoint: str) -> str:
    """Return the chat address that an endpoint means, as people type it.

    One that ends in `/chat/completions` is used as it is, one that ends in a version or another
    usual root gets that path, and any other gets `/v1/chat/completions`. A query is kept.
    """
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    if _API_ROOT.search(path):
        path += _CHAT_PATH
    elif not path.endswith(_CHAT_PATH):
        path += "/v1" + _CHAT_PATH
    return urlunsplit(parts._replace(path=path))


_OLD_LIMIT = "max_tokens"

# `one_system_message`: vendors that serve open-weight models by the models' own chat templates. That
# of Qwen 3.5 and later refuses a second system message ("System message must be at the beginning",
# vllm-project/vllm#41114, BerriAI/litellm#26879, QwenLM/Qwen3.8#244; 2026).

_ROWS = (
    # `reasoning` in replies, usage in `x_groq` of the last chunk: read by the shared parser.
    # n must be 1 (Groq API reference, 2026-11).
    Vendor(
        "groq",
        "https://api.groq.com/openai/v1",
        quirks=Quirks(one_system_message=True),
        fates={"n": Fate.REFUSED},
    ),
    # Asks for the reasoning of the running tool loop back (400 "must be passed back" otherwise).
    Vendor(
        "deepseek",
        "https://api.deepseek.com",
        quirks=Quirks(
            replay=("reasoning_content",), max_tokens_field=_OLD_LIMIT, thinking_object=True
        ),
    ),
    # Reasoning models refuse penalties even at 0 ("Argument not supported on this model").
    Vendor(
        "xai",
        "https://api.x.ai/v1",
        quirks=Quirks(zero_penalties=False, citations=True, charge=xai_charge),
    ),
    # /models is public there; /key answers only to a key. Of its models' caches only Claude's keeps
    # every marker of a request: of Gemini's the last one counts ("Prompt caching" page, 2026-11).
    Vendor(
        "openrouter",
        "https://openrouter.ai/api/v1",
        probe="/key",
        quirks=Quirks(
            replay=("reasoning",),
            replay_details=True,
            cache_control=True,
            breakpoints=(("anthropic/", 4), ("~anthropic/", 4)),
            one_system_message=True,
            developer_role=True,
            reasoning_object=True,
            charge=openrouter_charge,
        ),
    ),
    Vendor(
        "together",
        "https://api.together.xyz/v1",
        quirks=Quirks(max_tokens_field=_OLD_LIMIT, one_system_message=True),
    ),
    Vendor(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        quirks=Quirks(max_tokens_field=_OLD_LIMIT, one_system_message=True),
    ),
    Vendor(
        "cerebras",
        "https://api.cerebras.ai/v1",
        quirks=Quirks(replay=("reasoning",), one_system_message=True),
    ),
    # No list of models; sources stand at the top of the reply.
    Vendor(
        "perplexity",
        "https://api.perplexity.ai",
        probe=None,
        quirks=Quirks(
            max_tokens_field=_OLD_LIMIT,
            citations=True,
            end=StreamEnd.FINISH,
            charge=perplexity_charge,
        ),
    ),
    Vendor(
        "huggingface",
        "https://router.huggingface.co/v1",
        probe=None,
        quirks=Quirks(max_tokens_field=_OLD_LIMIT, one_system_message=True, end=StreamEnd.USAGE),
    ),
    Vendor(
        "zai",
        "https://api.z.ai/api/paas/v4",
        quirks=Quirks(
            replay=("reasoning_content",), max_tokens_field=_OLD_LIMIT, thinking_object=True
        ),
    ),
    # The account is part of the address, so the operator gives it.
    Vendor("cloudflare", None, quirks=Quirks(max_tokens_field=_OLD_LIMIT, one_system_message=True)),
    Vendor(
        "ollama",
        "http://localhost:11434/v1",
        key_required=False,
        own_url=True,
        quirks=Quirks(
            replay=("reasoning",),
            one_system_message=True,
            max_tokens_field=_OLD_LIMIT,
            inline_media=True,
        ),
    ),
    Vendor(
        "vllm",
        "http://localhost:8000/v1",
        key_required=False,
        own_url=True,
        quirks=Quirks(replay=("reasoning_content", "reasoning"), one_system_message=True),
    ),
    Vendor(
        "llamacpp",
        "http://localhost:8080/v1",
        key_required=False,
        own_url=True,
        quirks=Quirks(replay=("reasoning_content",), one_system_message=True),
    ),
    Vendor(
        "lmstudio",
        "http://localhost:1234/v1",
        key_required=False,
        own_url=True,
        quirks=Quirks(replay=("reasoning_content",), one_system_message=True),
    ),
    # A user's own server: what it understands is not known, so what the client says is kept.
    Vendor(
        "openai_compatible",
        None,
        key_required=False,
        own_url=True,
        quirks=Quirks(
            replay=("reasoning_content",),
            one_system_message=True,
            extra_content=True,
            reasoning_object=True,
            thinking_object=True,
            end=StreamEnd.FINISH,
        ),
    ),
)

VENDORS: Mapping[str, Vendor] = MappingProxyType({row.name: row for row in _ROWS})
