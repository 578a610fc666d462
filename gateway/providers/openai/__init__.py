"""OpenAI's chat API: the format our clients speak, so requests and replies pass nearly unchanged."""

from gateway.providers.openai.provider import OPENAI_BASE_URL, OpenAIProvider
from gateway.providers.openai.quirks import Quirks

__all__ = ["OPENAI_BASE_URL", "OpenAIProvider", "Quirks"]
