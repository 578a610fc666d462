"""Every provider there is, by the name of its wire format (`Target.type`)."""

from collections.abc import Mapping

from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.azure import AzureProvider
from gateway.providers.base import Provider
from gateway.providers.bedrock import BedrockProvider
from gateway.providers.cohere import CohereProvider
from gateway.providers.compatible import VENDORS, CompatibleProvider
from gateway.providers.google import GeminiProvider, VertexProvider
from gateway.providers.mistral import MistralProvider
from gateway.providers.openai import OpenAIProvider

PROVIDERS: Mapping[str, Provider] = {
    "openai": OpenAIProvider(),
    "anthropic": AnthropicProvider(),
    "azure": AzureProvider(),
    "bedrock": BedrockProvider(),
    "cohere": CohereProvider(),
    "gemini": GeminiProvider(),
    "mistral": MistralProvider(),
    "vertex": VertexProvider(),
    **{name: CompatibleProvider(vendor) for name, vendor in VENDORS.items()},
}
