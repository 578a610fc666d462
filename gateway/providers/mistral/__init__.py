"""Mistral's API: close to OpenAI's format, but strict about members, ids and the order of roles."""

from gateway.providers.mistral.provider import MistralProvider

__all__ = ["MistralProvider"]
