"""Every provider there is, by the name of its wire format (`Target.type`)."""

from collections.abc import Mapping

from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.base import Provider
from gateway.providers.compatible import VENDORS, CompatibleProvider
from gateway.providers.openai import OpenAIProvider

PROVIDERS: Mapping[str, Provider] = {
    "openai": OpenAIProvider(),
    "anthropic": AnthropicProvider(),
    **{name: CompatibleProvider(vendor) for name, vendor in VENDORS.items()},
}
