"""Cohere's chat and embed APIs, version 2: translated to and from OpenAI's formats."""

from gateway.providers.cohere.provider import CohereProvider

__all__ = ["CohereProvider"]
