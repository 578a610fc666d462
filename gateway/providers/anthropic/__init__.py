"""Anthropic's Messages API (`POST /v1/messages`)."""

from gateway.providers.anthropic.provider import AnthropicProvider

__all__ = ["AnthropicProvider"]
