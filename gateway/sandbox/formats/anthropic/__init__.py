"""Anthropic: the Messages API, as its reference of 2026 has it."""
