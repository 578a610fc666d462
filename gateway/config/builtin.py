"""The providers that exist without a word in the config file, and the labels metrics may carry."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.providers.compatible import VENDORS
from gateway.providers.registry import PROVIDERS

OTHER_LABEL = "other"
_OWN_SERVER = "openai_compatible"
_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "cohere": "https://api.cohere.com",
    "mistral": "https://api.mistral.ai/v1",
    # The host follows from the settings of the key: resource, region, project.
    "azure": "",
    "bedrock": "",
    "vertex": "",
}


class Builtin(Struct, frozen=True):
    """A wire format's defaults.

    `base_url` is None where the operator must give one, and empty where the provider builds it from
    a key's settings. `offered`: there under its own name without being configured. That is a vendor with a public
    address; a server of one's own (Ollama on this host) is there only if the operator says so.
    """

    base_url: str | None
    key_required: bool
    offered: bool


def _builtin(kind: str) -> Builtin:
    vendor = VENDORS.get(kind)
    if vendor is None:
        return Builtin(_ADDRESSES[kind], key_required=True, offered=True)
    is_public = vendor.base_url is not None and not vendor.own_url
    return Builtin(vendor.base_url, vendor.key_required, is_public)


BUILTIN_PROVIDERS: Mapping[str, Builtin] = {kind: _builtin(kind) for kind in PROVIDERS}
"""By wire format, which is also the name of the provider that is switched on by default."""

LABELS = frozenset({*BUILTIN_PROVIDERS, OTHER_LABEL})
"""What a provider may be called in metrics: a closed set, whatever operators name theirs."""


def label_of(name: str, kind: str) -> str:
    """Return the metric label of a provider whose config gives none."""
    if name in LABELS:
        return name
    return OTHER_LABEL if kind == _OWN_SERVER else kind
