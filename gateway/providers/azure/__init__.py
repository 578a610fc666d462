"""Azure OpenAI, and other models of Azure AI Foundry: OpenAI's chat format at Azure's addresses."""

from gateway.providers.azure.provider import AzureProvider

__all__ = ["AzureProvider"]
