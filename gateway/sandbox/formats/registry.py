"""The formats on the sandbox's port, by the first part of the path."""

from collections.abc import Mapping

from gateway.sandbox.formats.anthropic.messages import Messages
from gateway.sandbox.formats.azure.chat import Azure
from gateway.sandbox.formats.base import Format
from gateway.sandbox.formats.bedrock.converse import Converse
from gateway.sandbox.formats.cohere.chat import Chat as Cohere
from gateway.sandbox.formats.google.gemini import Gemini
from gateway.sandbox.formats.google.vertex import Vertex
from gateway.sandbox.formats.mistral.completions import Completions
from gateway.sandbox.formats.openai.chat import Chat

FORMATS: Mapping[str, Format] = {
    "openai": Chat(),
    "anthropic": Messages(),
    "azure": Azure(),
    "gemini": Gemini(),
    "vertex": Vertex(),
    "bedrock": Converse(),
    "cohere": Cohere(),
    "mistral": Completions(),
}
