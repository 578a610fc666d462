"""Google's generateContent format: the Gemini Developer API and Vertex AI."""

from gateway.providers.google.provider import GeminiProvider
from gateway.providers.google.vertex import VertexProvider

__all__ = ["GeminiProvider", "VertexProvider"]
